"""Mail by SMTP, as a job sends it: blocking, once for each message id."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from offhook.config import MailConfig, clipped
from offhook.errors import ConfigError, OffhookError

_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\\x00-\x1f]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}")
_MAX_SUBJECT = 200


class MailError(OffhookError, ConnectionError):
    """A message could not be handed over; ``lasting``: it is of no use to try again."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


def address(written: str) -> str:
    """A mail address.  Raises ValueError."""
    found = written.strip()
    if not _ADDRESS.fullmatch(found) or not found.isascii():
        raise ValueError(f"{clipped(written)} is no mail address")
    return found


def compose(
    sender: str, to: Sequence[str], subject: str, text: str, identifier: str, moment: datetime
) -> EmailMessage:
    """A message.  ``identifier`` makes its Message-ID: who gets it twice can tell.

    No value can begin a header of its own.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = " ".join(subject.split())[:_MAX_SUBJECT]
    message["Date"] = format_datetime(moment)
    domain = sender.rpartition("@")[2]
    message["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '-', identifier)[:120]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no holiday message comes back (RFC 3834)
    message.set_content(text)
    return message


def send(config: MailConfig, message: EmailMessage) -> None:
    """Hand it over.  Blocks; raises MailError or ConfigError."""
    problem = config.problem()
    if problem is not None:
        raise ConfigError(problem)
    secret = _secret(config)
    context = ssl.create_default_context(cafile=config.ca_file and str(config.ca_file))
    where = f"{config.host}:{config.port}"
    try:
        if config.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.host, config.port, timeout=config.timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_s)
        with server:
            if config.security == "starttls":
                server.starttls(context=context)
            if config.user:
                server.login(config.user, secret)
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise MailError(f"{where} does not take mail.user and its secret") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise MailError(
            f"{where} takes mail for none of those addresses", lasting=_is_lasting(error)
        ) from error
    except smtplib.SMTPResponseException as error:
        raise MailError(f"{where} answers {error.smtp_code}", lasting=error.smtp_code >= 500) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailError(f"{where} does not offer that: set mail.security or leave out mail.user") from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"{where} does not take mail now: {type(error).__name__}") from error
    if refused:  # the others have it already: trying again would send it to them twice
        raise MailError(f"{where} refuses {len(refused)} of the addresses", lasting=True)


def _is_lasting(error: smtplib.SMTPRecipientsRefused) -> bool:
    return all(code >= 500 for code, _ in error.recipients.values())


def _secret(config: MailConfig) -> str:
    if config.secret_env is not None and config.secret_file is not None:
        raise ConfigError("mail.secret_env and mail.secret_file are both set: leave one out")
    if config.secret_env is not None:
        secret = os.environ.get(config.secret_env, "")
        if not secret:
            raise ConfigError(f"the environment variable {config.secret_env} (mail.secret_env) is not set")
        return secret
    if config.secret_file is None:
        return ""
    try:
        return Path(config.secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not a text"
        raise ConfigError(f"mail.secret_file {config.secret_file} cannot be read: {why}") from None
