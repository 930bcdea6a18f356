"""Piper voices: VITS networks in ONNX form, phonemes from ``piper-tts``.

A voice is two files, ``NAME.onnx`` and ``NAME.onnx.json``.  A text is spoken sentence
by sentence; the first block of each is about 160 ms of audio, whatever the sentence's
length (see :mod:`offhook.engines.tts.vits`).  ``piper-tts`` is GPL-3.0 and therefore an optional
extra; only its phonemiser is used.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from offhook.config import Device, TtsConfig
from offhook.engines.engine import Loading
from offhook.engines.tts.base import never
from offhook.engines.tts.text import has_words, parts, speakable
from offhook.engines.tts.vits import Feed, Vits
from offhook.engines.tts.vits_split import one_line
from offhook.errors import ModelError
from offhook.files import check_file, file_exists, model_errors, read_text

_BOS, _EOS, _PAD = "^", "$", "_"
_SWITCH = re.compile(r"\([^)]*\)")
"""espeak-ng marks words of another language: "(de)...(en)"."""


class _Audio(BaseModel):
    sample_rate: int = Field(ge=8000, le=48_000)


class _Espeak(BaseModel):
    voice: str = "en-us"


class _Inference(BaseModel):
    noise_scale: float = 0.667
    length_scale: float = Field(1.0, gt=0)
    noise_w: float = 0.8


class _VoiceFile(BaseModel):
    """The part of ``.onnx.json`` that synthesis needs."""

    audio: _Audio
    espeak: _Espeak = _Espeak()
    inference: _Inference = _Inference()
    phoneme_type: str = "espeak"
    phoneme_id_map: dict[str, list[int]]
    num_symbols: int = 0
    num_speakers: int = 1
    speaker_id_map: dict[str, int] = {}


class Piper:
    """One Piper voice.  Thread-safe: the phonemiser has a lock, the network needs none."""

    concurrency = 2
    """One network for both: more clauses at once only take each other's caches."""

    def __init__(
        self,
        path: Path,
        *,
        speaker: str | int | None = None,
        threads: int = 1,
        device: Device = "cpu",
        gpu_memory_mb: int | None = None,
    ) -> None:
        """Load ``path`` (.onnx) and the settings beside it.

        ``speaker`` is a name or number for voices with several.  Raises ModelError with
        one line that says what to do.
        """
        self.name = f"piper-{path.stem}"
        settings = _read_settings(path)
        stat = path.stat()
        self.identity = f"piper {path} {stat.st_size} {stat.st_mtime_ns} {speaker}"
        self._settings = settings
        self._ids = settings.phoneme_id_map
        self.sample_rate_hz = settings.audio.sample_rate
        self._speaker = _speaker_number(path, settings, speaker)
        self._phonemizer = _Phonemizer.load()
        self._phonemizer.check(settings.espeak.voice, path)
        self._network = Vits(path, self.sample_rate_hz, threads, device, gpu_memory_mb)
        inputs = self._network.inputs
        if not {"input", "input_lengths", "scales"} <= inputs:
            raise ModelError(f"{path}: not a Piper voice: its inputs are {', '.join(sorted(inputs))}")
        if self._speaker is not None and "sid" not in inputs:
            raise ModelError(
                f"{path}: has {settings.num_speakers} speakers but no speaker input; fetch it again"
            )
        hello = self._phonemizer.sentences(settings.espeak.voice, "Hello.")
        self._network.warm_up(self._feed(phoneme for sentence in hello for phoneme in sentence))

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        """Speak ``text``; see :class:`~offhook.engines.tts.base.Synthesizer`."""
        for part in parts(speakable(text)):
            if cancelled() or not has_words(part):
                continue
            for sentence in self._phonemizer.sentences(self._settings.espeak.voice, part):
                if cancelled():
                    return
                loudest = 1.0
                for samples in self._network.blocks(self._feed(sentence), cancelled):
                    block, loudest = _int16(samples, loudest)
                    if len(block):
                        yield block

    def phoneme_ids(self, phonemes: Iterable[str]) -> list[int]:
        """The network's input: begin, then each phoneme followed by padding, end."""
        pad = self._ids[_PAD]
        ids = [*self._ids[_BOS], *pad]
        for phoneme in phonemes:
            known = self._ids.get(phoneme)
            if known is not None:  # a voice need not know every mark that espeak-ng writes
                ids += [*known, *pad]
        return ids + self._ids[_EOS]

    def close(self) -> None:
        """Free the network."""
        self._network.close()

    @property
    def streams(self) -> bool:
        """True when a long sentence comes in several blocks; False: this network cannot do that."""
        return self._network.windowed

    def _feed(self, phonemes: Iterable[str]) -> Feed:
        ids = self.phoneme_ids(phonemes)
        inference = self._settings.inference
        scales = [inference.noise_scale, inference.length_scale, inference.noise_w]
        feed: Feed = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if self._speaker is not None:
            feed["sid"] = np.array([self._speaker], np.int64)
        return feed


def _int16(samples: NDArray[np.float32], loudest: float) -> tuple[NDArray[np.int16], float]:
    """As loud as the network made them; a sentence that passes full scale is turned down from there on.

    ``loudest`` is the sentence's peak so far, 1.0 at first; returned anew.  Broken numbers are silence.
    Real networks end in a tanh and never pass full scale.
    """
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    loudest = max(loudest, float(np.abs(samples).max(initial=0.0)))
    return (samples * (32767 / loudest)).astype(np.int16), loudest


class _Phonemizer:
    """piper-tts's own espeak-ng: one a process, not re-entrant."""

    _one: _Phonemizer | None = None
    _lock = threading.Lock()

    def __init__(self, bridge: Any, data: Path) -> None:
        bridge.initialize(str(data))
        self._bridge = bridge

    @classmethod
    def load(cls) -> _Phonemizer:
        """The process's phonemiser, started on first use."""
        with cls._lock:
            if cls._one is None:
                advice = "Piper voices need it for phonemes: pip install 'offhook[piper]'"
                try:
                    bridge = importlib.import_module("piper.espeakbridge")
                except ImportError as error:
                    raise ModelError(
                        f"the package piper-tts is missing or broken ({error}); {advice}"
                    ) from error
                data = Path(str(bridge.__file__)).parent / "espeak-ng-data"
                if not (data / "phontab").is_file():
                    raise ModelError(f"{data}: piper-tts's espeak-ng data is missing; {advice}")
                cls._one = cls(bridge, data)
            return cls._one

    def check(self, voice: str, path: Path) -> None:
        """Raise ModelError when espeak-ng has no such voice."""
        try:
            list(self.sentences(voice, "a"))
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path}.json: espeak.voice {voice!r} is not known to espeak-ng") from error

    def sentences(self, voice: str, text: str) -> list[list[str]]:
        """The phonemes of each sentence, one Unicode code point each, with its punctuation."""
        with self._lock:
            self._bridge.set_voice(voice)
            clauses = self._bridge.get_phonemes(text)
        sentences: list[list[str]] = [[]]
        for phonemes, terminator, ends in clauses:
            spoken = _SWITCH.sub("", phonemes) + terminator + (" " if terminator and not ends else "")
            sentences[-1] += unicodedata.normalize("NFD", spoken)
            if ends:
                sentences.append([])
        return [sentence for sentence in sentences if sentence]


def _read_settings(path: Path) -> _VoiceFile:
    beside = path.with_name(path.name + ".json")
    with model_errors():
        for file in (path, beside):
            if not file_exists(file):
                raise ModelError(f"{file}: missing; a Piper voice is NAME.onnx with NAME.onnx.json beside it")
            check_file(file)
    try:
        settings = _VoiceFile.model_validate(json.loads(read_text(beside)))
    except ValueError as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        else:
            reason = one_line(error)
        raise ModelError(f"{beside}: not a Piper voice's settings: {reason}") from error
    if settings.phoneme_type != "espeak":
        raise ModelError(
            f"{beside}: phoneme_type {settings.phoneme_type!r} is not supported, only 'espeak' is"
        )
    missing = [mark for mark in (_BOS, _EOS, _PAD) if mark not in settings.phoneme_id_map]
    if missing:
        raise ModelError(f"{beside}: phoneme_id_map has no {missing[0]!r}; fetch the voice again")
    return settings


def _speaker_number(path: Path, settings: _VoiceFile, speaker: str | int | None) -> int | None:
    if settings.num_speakers <= 1:
        return None
    number = settings.speaker_id_map.get(str(speaker)) if isinstance(speaker, str) else (speaker or 0)
    if number is None or not 0 <= number < settings.num_speakers:
        names = ", ".join(list(settings.speaker_id_map)[:8]) or f"0 to {settings.num_speakers - 1}"
        raise ModelError(f"{path}: no speaker {speaker!r}; there are: {names}")
    return number


def load(tts: TtsConfig, voice: str, _loading: Loading) -> Piper:
    """The voice of ``[tts]``.  Raises ModelError."""
    return Piper(
        Path(voice).expanduser(), threads=tts.threads, device=tts.device, gpu_memory_mb=tts.gpu_memory_mb
    )
