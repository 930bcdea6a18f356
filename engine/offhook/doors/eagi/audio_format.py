"""The caller's audio under EAGI: which format the dialplan has asked for, and what Asterisk makes of that."""

from __future__ import annotations

import logging

from offhook.doors.agi.agi import AgiChannel
from offhook.errors import ConfigError

_log = logging.getLogger("offhook.doors.eagi.audio_format")

VARIABLE = "EAGI_AUDIO_FORMAT"
"""Channel variable that the dialplan sets before ``EAGI()``."""
RATES_HZ = {"": 8_000, "slin": 8_000, "slin16": 16_000}
_OTHER_NAMES = """
slin12 slin24 slin32 slin44 slin48 slin96 slin192 ulaw alaw gsm g719 g722 g723 g726 g726aal2 g729 adpcm
codec2 ilbc lpc10 opus silk8 silk12 silk16 silk24 siren7 siren14 speex speex16 speex32
h261 h263 h263p h264 h265 jpeg mpeg4 png red t140 t38 testlaw vp8 vp9 none
"""
_OTHERS = frozenset(_OTHER_NAMES.split())
"""What else Asterisk 22 has a format of that name for (``main/format_cache.c``), and would send."""


def audio_rate_hz(named: str) -> int:
    """The rate of the audio that comes when ``EAGI_AUDIO_FORMAT`` is ``named`` (empty: not set). [Hz]

    Read as Asterisk reads it: in any case of letters; a name that it does not know (see :func:`is_unknown`)
    gives 8 kHz.  Raises ConfigError for a format that it does know and we do not take.
    """
    name = named.lower()
    if name in _OTHERS:
        raise ConfigError(
            f"{VARIABLE}={name} is not taken: set it to slin (8 kHz) or slin16 (16 kHz) in the dialplan"
        )
    return RATES_HZ.get(name, 8_000)


def is_unknown(named: str) -> bool:
    """Whether Asterisk has no format of that name: it logs an ERROR and sends 8 kHz."""
    return named.lower() not in _OTHERS and named.lower() not in RATES_HZ


async def ask_rate_hz(agi: AgiChannel, call_id: str) -> int:
    """How a call's audio comes. [Hz]  What we do not take is said in Asterisk's log, too.

    Raises ConfigError for that, and whatever the channel raises.
    """
    named = await agi.get_variable(VARIABLE) or ""
    if is_unknown(named):
        _log.warning("call=%s %s=%r is no format of Asterisk's: 8 kHz comes", call_id, VARIABLE, named[:40])
    try:
        return audio_rate_hz(named)
    except ConfigError as error:
        await agi.verbose(f"offhook: {error}", 1)
        raise
