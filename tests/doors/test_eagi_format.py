"""``EAGI_AUDIO_FORMAT`` as Asterisk reads it: in any case, unknown names are 8 kHz; and what is not taken."""

from __future__ import annotations

from typing import Any, cast

import pytest

from offhook.doors.eagi import audio_format
from offhook.errors import ConfigError


@pytest.mark.parametrize(
    ("named", "rate_hz"),
    [("", 8_000), ("slin", 8_000), ("SLIN", 8_000), ("slin16", 16_000), ("SLIN16", 16_000)],
)
def test_what_we_take(named: str, rate_hz: int) -> None:
    assert audio_format.audio_rate_hz(named) == rate_hz
    assert not audio_format.is_unknown(named)


@pytest.mark.parametrize("named", ["nonsense", "slin8", "slin 16", " slin16", "wideband", "\u0130"])
def test_what_asterisk_does_not_know_is_8_khz(named: str) -> None:
    assert audio_format.audio_rate_hz(named) == 8_000
    assert audio_format.is_unknown(named)


@pytest.mark.parametrize("named", ["slin48", "SLIN48", "slin192", "g722", "G722", "ulaw", "opus", "none"])
def test_what_asterisk_sends_and_we_do_not_take(named: str) -> None:
    assert not audio_format.is_unknown(named)
    with pytest.raises(ConfigError, match=r"is not taken: set it to slin \(8 kHz\) or slin16") as refused:
        audio_format.audio_rate_hz(named)
    assert f"EAGI_AUDIO_FORMAT={named.lower()} " in str(refused.value)


class Agi:
    """Asterisk, as far as it is asked for a variable and told a line."""

    def __init__(self, named: str | None) -> None:
        self.named, self.log = named, list[str]()

    async def get_variable(self, name: str) -> str | None:
        return self.named if name == "EAGI_AUDIO_FORMAT" else None

    async def verbose(self, text: str, level: int) -> None:
        self.log.append(text)


async def ask(agi: Agi) -> int:
    return await audio_format.ask_rate_hz(cast(Any, agi), "1.2")


async def test_a_call_says_in_both_logs_what_it_does_not_take(caplog: pytest.LogCaptureFixture) -> None:
    assert await ask(Agi(None)) == 8_000
    assert await ask(Agi("SLIN16")) == 16_000
    assert caplog.text == ""
    assert await ask(Agi("nonsense")) == 8_000
    assert "EAGI_AUDIO_FORMAT='nonsense' is no format of Asterisk's: 8 kHz comes" in caplog.text
    agi = Agi("slin48")
    with pytest.raises(ConfigError):
        await ask(agi)
    (line,) = agi.log
    assert line.startswith("offhook: EAGI_AUDIO_FORMAT=slin48 is not taken: set it to slin (8 kHz) or slin16")
