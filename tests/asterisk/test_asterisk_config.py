"""The files in asterisk/, loaded verbatim by a real Asterisk."""

from __future__ import annotations

import pytest

from tests.support.asterisk.asterisk_server import SHIPPED, TRUNK_HOST, AsteriskServer, complaints
from tests.support.sip.sip_client import CallRefusedError, SipCall


def test_shipped_files_load_without_a_complaint(asterisk_server: AsteriskServer) -> None:
    boot = asterisk_server.log().partition("Asterisk Ready.")[0]
    assert complaints(boot) == []


def test_dialplan_is_what_the_file_says(asterisk_server: AsteriskServer) -> None:
    plan = asterisk_server.cli("dialplan show")
    for context in ("offhook", "offhook-did", "offhook-phones", "offhook-fallback", "offhook-end"):
        assert f"[ Context '{context}' created by 'pbx_config' ]" in plan
    assert "_+1NXXNXXXXXX" in plan
    assert "EAGI(${OFFHOOK_AGI},${UNIQUEID}${OFFHOOK_ALONG})" in plan
    asterisk_server.cli("dialplan reload")
    assert asterisk_server.cli("dialplan show") == plan


def test_endpoints_are_what_the_file_says(asterisk_server: AsteriskServer) -> None:
    softphone = asterisk_server.cli("pjsip show endpoint softphone")
    assert "offhook-phones" in softphone
    assert "(ulaw|alaw)" in asterisk_server.cli("pjsip show endpoint trunk")
    assert "(g722|ulaw|alaw)" in softphone
    assert "198.51.100.10" in asterisk_server.cli("pjsip show identifies")


@pytest.mark.parametrize("number", ["+12125550123", "12125550123", "2125550123"])
async def test_a_listed_number_is_answered(asterisk: AsteriskServer, number: str) -> None:
    # Nobody serves the socket here: what answers is the dialplan, all the way to its fallback.
    async with await SipCall.place(asterisk.address, number, local_host=TRUNK_HOST) as call:
        await call.media.heard_after(0)


@pytest.mark.parametrize("number", ["+11125550123", "911", "700", "s", "h"])
async def test_any_other_number_is_refused(asterisk: AsteriskServer, number: str) -> None:
    with pytest.raises(CallRefusedError) as refused:
        await SipCall.place(asterisk.address, number, local_host=TRUNK_HOST)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("user", "password"), [("softphone", "wrong"), ("softphone", None), ("stranger", None), ("trunk", None)]
)
async def test_a_stranger_is_refused(asterisk: AsteriskServer, user: str, password: str | None) -> None:
    with pytest.raises(CallRefusedError) as refused:
        await SipCall.place(asterisk.address, "700", user=user, password=password)
    assert refused.value.status == 401


def test_unit_file_and_readme_name_the_same_paths() -> None:
    unit = (SHIPPED / "offhookd.service").read_text()
    assert "Type=notify" in unit
    assert "RuntimeDirectory=offhook" in unit, "the socket's folder, /run/offhook"
    readme = (SHIPPED / "README.md").read_text()
    for shipped in SHIPPED.iterdir():
        assert shipped.name == "README.md" or shipped.name in readme, (
            f"README.md does not mention {shipped.name}"
        )
