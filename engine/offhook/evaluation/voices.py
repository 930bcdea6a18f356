"""The caller's voice in calls that are made to evaluate an agent."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offhook.catalogue.entries import NATURAL_VOICE
from offhook.catalogue.folder import stored
from offhook.errors import ConfigError, ModelError
from offhook.files import at_home
from offhook.simulator.audible import Samples, audible_stretches
from offhook.simulator.speech import FLITE_VOICE, Voice, engine_voice, find_flite, flite_voice

RATE_HZ = 8_000
_FORMS = "flite:NAME, espeak:NAME or piper:FILE.onnx"


@dataclass(slots=True)
class CallersVoice:
    """Speaks at 8 kHz; what was spoken once is kept."""

    name: str
    _speak: Voice
    _spoken: dict[str, Samples]

    def __call__(self, text: str) -> Samples:
        """Raises ModelError when it cannot speak, or says nothing that can be heard."""
        if text not in self._spoken:
            audio = self._speak(text, RATE_HZ)
            if not audible_stretches(audio, RATE_HZ):
                raise ModelError(f"{self.name}: makes no sound of {text!r}")
            self._spoken[text] = audio
        return self._spoken[text]


def callers_voice(named: str | None, language: str = "en") -> CallersVoice:
    """The voice ``engine:name``; None: the best that is installed for ``language``.

    Raises ConfigError or ModelError with one line that says what to do.
    """
    named = named or default_voice(language)
    engine, _, name = named.partition(":")
    make = _ENGINES.get(engine)
    if make is None or not name:
        raise ConfigError(f"--voice {named!r}: not a voice; use {_FORMS}")
    return CallersVoice(named, make(name), {})


def default_voice(language: str) -> str:
    """The name of the voice that is taken where none is named."""
    if not language.startswith("en"):
        return f"espeak:{language.lower()}"
    natural = stored(NATURAL_VOICE)
    if natural is not None and natural.path.is_file() and importlib.util.find_spec("piper") is not None:
        return f"piper:{natural.path}"
    return f"flite:{FLITE_VOICE}" if find_flite() is not None else "espeak:en-us"


def _piper(name: str) -> Voice:
    from offhook.engines.tts.piper import Piper

    try:
        return engine_voice(Piper(at_home(Path(name))))
    except ValueError as error:
        raise ConfigError(f"--voice piper:{name}: {error}") from error


def _espeak(name: str) -> Voice:
    from offhook.engines.tts.espeak import Espeak

    return engine_voice(Espeak(name))


def _flite(name: str) -> Voice:
    program = find_flite()
    if program is None:
        raise ConfigError(f"--voice flite:{name}: there is no flite here; install it, or use {_FORMS}")

    voice = flite_voice(program, name)

    def speak(text: str, rate_hz: int) -> Samples:
        try:
            return voice(text, rate_hz)
        except ModelError as error:
            raise ModelError(f"{error}; `flite -lv` lists its voices") from error

    return speak


_ENGINES: dict[str, Callable[[str], Voice]] = {"piper": _piper, "espeak": _espeak, "flite": _flite}
