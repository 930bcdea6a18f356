"""Mail to a real SMTP server of this machine's: what arrives, and what is said when it does not."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from offhook.config import MailConfig
from offhook.errors import ConfigError
from offhook.mail import MailError, address, compose, send

NOON = datetime(2026, 12, 3, 12, tzinfo=UTC)


class Mailbox:
    """What has arrived; refuses an address with its code."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refused: dict[str, str] = {}

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]
    ) -> str:
        if to in self.refused:
            return self.refused[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.messages.append(parsed)
        return "250 OK"


class _FreePort(Controller):
    """On whatever port there is."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def config(mailbox: Mailbox) -> Iterator[MailConfig]:
    controller = _FreePort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield MailConfig(host="127.0.0.1", port=controller.port, security="none", sender="inn@acme.example")
    controller.stop()


def note(*to: str, subject: str = "A call", identifier: str = "call-1") -> EmailMessage:
    wanted = to or ("desk@acme.example",)
    return compose("inn@acme.example", wanted, subject, "Grüße\nvon Zoë", identifier, NOON)


def test_what_is_sent_arrives_with_an_id_of_its_own(config: MailConfig, mailbox: Mailbox) -> None:
    send(config, note("desk@acme.example", "boss@acme.example", subject="Ein Anruf für Zoë"))
    (message,) = mailbox.messages
    assert message["Subject"] == "Ein Anruf für Zoë"
    assert message["Message-ID"] == "<call-1@acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["Grüße", "von Zoë"]


def test_no_value_begins_a_header(config: MailConfig, mailbox: Mailbox) -> None:
    send(config, note(subject="x\r\nBcc: all@acme.example\r\n\r\nbody", identifier="a>\r\nX: y"))
    (message,) = mailbox.messages
    assert message["Bcc"] is None
    assert message["X"] is None
    assert message["Subject"] == "x Bcc: all@acme.example body"


@pytest.mark.parametrize(
    ("refused", "lasting"),
    [
        ({"desk@acme.example": "550 no such user"}, True),
        ({"desk@acme.example": "451 later"}, False),
    ],
)
def test_a_refused_address_is_final_when_the_server_says_so(
    config: MailConfig, mailbox: Mailbox, refused: dict[str, str], lasting: bool
) -> None:
    mailbox.refused = refused
    with pytest.raises(MailError, match="none of those addresses") as caught:
        send(config, note())
    assert caught.value.lasting is lasting
    assert not mailbox.messages


def test_who_has_it_does_not_get_it_again_because_another_one_was_refused(
    config: MailConfig, mailbox: Mailbox
) -> None:
    mailbox.refused = {"boss@acme.example": "451 later"}
    with pytest.raises(MailError, match="refuses 1 of the addresses") as caught:
        send(config, note("desk@acme.example", "boss@acme.example"))
    assert caught.value.lasting
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"security": "starttls"}, "does not offer that"),
        ({"port": 1}, "does not take mail now"),
        ({"user": "inn", "secret_env": "MAIL_SECRET"}, "does not offer that"),
    ],
)
def test_a_server_that_cannot_is_named(
    config: MailConfig, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("MAIL_SECRET", "hunter2")
    with pytest.raises(MailError, match=said) as caught:
        send(config.model_copy(update=changes), note())
    assert not caught.value.lasting
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": ""}, "mail.host is not set"),
        ({"sender": ""}, "mail.sender is not set"),
        ({"secret_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ({"secret_file": "/nowhere/secret"}, "No such file"),
    ],
)
def test_settings_that_are_missing_are_named(config: MailConfig, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        send(config.model_copy(update=changes), note())


@pytest.mark.parametrize(
    "written", ["", "nobody", "a@b@c", "a b@c.example", "a@c.example\nBcc: x@y.example", "ä@c.at"]
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(ValueError, match="no mail address"):
        address(written)
