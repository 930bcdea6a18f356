"""Moonshine tiny: the embedded recogniser, two ONNX networks and a greedy loop.

The encoder takes raw 16 kHz audio of any length, so the cost follows the utterance
instead of a padded window.  The decoder writes one token per run; its keys and values
are handed back to it, so a run costs one token, not the sentence.

The weights come with the ``moonshine-voice`` wheel, or were pulled out of it.  That package is only looked
up, never imported: importing it needs PortAudio, which a telephone server has no use for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from offhook.catalogue.embedded import ADVICE, RECOGNISER, find_file
from offhook.config import Device, SttConfig, spoken_languages
from offhook.engines.device import onnx_session
from offhook.engines.engine import Loading
from offhook.engines.stt.base import STT_RATE_HZ, Alternatives, Otherwise, Transcript, never, nothing_else
from offhook.engines.stt.moonshine_others import BEHIND, Edit, own_edits, together
from offhook.engines.stt.moonshine_tokens import EOS, Vocabulary, read_tokenizer
from offhook.errors import ConfigError, ModelError
from offhook.files import check_file, file_exists, model_errors
from offhook.knowledge.own_words import OwnWords
from offhook.workers import cores_given

_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
_BOS = 1
_TOKENS_PER_S = 6.5
"""Speech has fewer tokens than this; a longer text is the model repeating itself."""
_SPARE_TOKENS = 8
_DOUBTED = -1.4
"""Words are doubtful where one token is less likely than this (log-probability: a quarter).  Chosen on half
of the businesses of ``bench/recognition/doubts.py`` and judged on the others: see its README."""
_EXPECTED = -4.0
"""A word of the agent's own may be so much less likely than what was heard (log-probability).  Chosen with
how alike they must be, see ``bench/recognition/README.md``."""
_POSSIBLE = -7.0
"""What may have been said as well may be so much less likely than what was heard (log-probability)."""
_MOST_OTHERS = 3
_MIN_SAMPLES = STT_RATE_HZ // 10
"""The encoder's convolutions need 1,000 samples or so for a single frame."""
_MAX_S = 60


@dataclass(slots=True)
class _Heard:
    """An utterance as tokens."""

    tokens: list[int]
    odds: list[float]
    """The log-probability of each, and of the end behind them where it was reached."""
    hidden: NDArray[np.float32]
    """``[1, frames, width]``, what the encoder makes of the audio."""
    mask: NDArray[np.int64]
    past: dict[str, NDArray[np.float32]]
    """What the decoder remembers of the tokens and of the audio."""


class Moonshine:
    """Moonshine tiny-en.  Thread-safe: a session may run in several threads at once."""

    name = "moonshine-tiny-en"
    pauses = True

    def __init__(
        self,
        folder: Path | None = None,
        *,
        threads: int = 2,
        device: Device = "cpu",
        gpu_memory_mb: int | None = None,
    ) -> None:
        """Load from ``folder`` (None: the embedded weights) and warm up.

        Raises ModelError with one line that says what to do.
        """
        folder = embedded_folder() if folder is None else folder
        with model_errors():
            missing = [name for name in _FILES if not file_exists(folder / name)]
            for name in _FILES if not missing else ():
                check_file(folder / name)
        if missing:
            raise ModelError(f"{folder}: no {missing[0]} there; a Moonshine folder holds {', '.join(_FILES)}")
        self._vocabulary = Vocabulary(read_tokenizer(folder / _FILES[2]))
        self._encoder = self._alone = _session(folder / _FILES[0], threads, device, gpu_memory_mb)
        if threads > 1 and device == "cpu":
            # With one core free, a second thread would only take it from others.
            self._alone = _session(folder / _FILES[0], 1, device, gpu_memory_mb)
        # One token is too little work to share out: more threads only wait for each other.
        self._decoder = _session(folder / _FILES[1], 1, device, gpu_memory_mb)
        inputs = {node.name: node.shape for node in self._decoder.get_inputs()}
        self._past = [name for name in inputs if name.startswith("past_key_values.")]
        logits = self._decoder.get_outputs()[0]
        if not self._past or "input_values" not in {node.name for node in self._encoder.get_inputs()}:
            raise ModelError(f"{folder}: not a Moonshine model: its networks have other inputs")
        if logits.shape[-1] != len(self._vocabulary):
            raise ModelError(
                f"{folder}: tokenizer.bin has {len(self._vocabulary)} tokens, the decoder {logits.shape[-1]};"
                " the files do not belong together"
            )
        self._empty = {
            name: np.zeros((1, int(inputs[name][1]), 0, int(inputs[name][3])), np.float32)
            for name in self._past
        }
        # The first run allocates and plans; a caller should not wait for that.
        self.transcribe(np.zeros(STT_RATE_HZ, np.int16))

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        """Recognise ``[samples]`` int16 at 16 kHz; see :class:`~offhook.engines.stt.base.Transcriber`."""
        return self.expecting(audio, None, None, cancelled=cancelled)

    def grow(
        self, audio: NDArray[np.int16], before: Transcript, *, cancelled: Callable[[], bool] = never
    ) -> Transcript:
        """See :class:`~offhook.engines.stt.base.Growing`."""
        return self.expecting(audio, before, None, cancelled=cancelled)

    def expecting(
        self,
        audio: NDArray[np.int16],
        before: Transcript | None,
        own: OwnWords | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Transcript:
        """See :class:`~offhook.engines.stt.base.Expecting`."""
        started = time.perf_counter()
        audio_ms = len(audio) * 1000 // STT_RATE_HZ
        samples = audio[: _MAX_S * STT_RATE_HZ].astype(np.float32)[np.newaxis] / np.float32(32768)
        if samples.shape[1] < _MIN_SAMPLES:
            samples = np.pad(samples, ((0, 0), (0, _MIN_SAMPLES - samples.shape[1])))
        try:
            heard = self._decode(samples, () if before is None else before.tokens, cancelled)
            read, others = heard, nothing_else
            if own is not None and not cancelled():
                read, others = self._read_otherwise(heard, own)
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            raise ModelError(f"{self.name}: recognition failed: {_one_line(error)}") from error
        confidence = min(read.odds, default=0.0)
        return Transcript(
            self._vocabulary.text(read.tokens),
            audio_ms,
            (time.perf_counter() - started) * 1000,
            confidence=confidence,
            doubtful=confidence < _DOUBTED,
            tokens=tuple(heard.tokens),
            others=others,
        )

    def close(self) -> None:
        """Free the networks."""
        del self._encoder, self._alone, self._decoder

    def _decode(
        self, samples: NDArray[np.float32], guess: Sequence[int], cancelled: Callable[[], bool]
    ) -> _Heard:
        """The likeliest token each time.

        ``guess`` goes through the decoder in one piece and is taken as far as its tokens are the likeliest;
        one then costs a tenth.  Several at once are rounded otherwise than one by one (int8), so that of two
        words that are as likely the other one may come: in 2 of 54 utterances; the share of right words was
        the same.
        """
        mask = np.ones(samples.shape, np.int64)
        encoder = self._alone if cores_given() == 1 else self._encoder
        (hidden,) = encoder.run(None, {"input_values": samples, "attention_mask": mask})
        limit = int(samples.shape[1] / STT_RATE_HZ * _TOKENS_PER_S) + _SPARE_TOKENS
        guess = guess[:limit]
        feed: dict[str, Any] = {
            "encoder_hidden_states": hidden,
            "encoder_attention_mask": mask,
            "input_ids": np.array([[_BOS, *guess]], np.int64),
            "use_cache_branch": np.array([False]),
            **self._empty,
        }
        if cancelled():
            return _Heard([], [], hidden, mask, {})
        logits, *present = self._decoder.run(None, feed)
        likeliest = logits[0].argmax(axis=-1)
        right = next((at for at, token in enumerate(guess) if token != likeliest[at]), len(guess))
        for name, value in zip(self._past, present, strict=True):
            kept = value if ".decoder." not in name else value[:, :, : right + 1]
            feed[name] = np.ascontiguousarray(kept)
        feed["use_cache_branch"] = np.array([True])
        tokens, token = list(guess[:right]), int(likeliest[right])
        odds = [*_log_probability(logits[0, : right + 1])]
        while token != EOS and len(tokens) < limit:
            tokens.append(token)
            if len(tokens) == limit or cancelled():
                break
            feed["input_ids"] = np.array([[token]], np.int64)
            logits, *present = self._decoder.run(None, feed)
            token = int(logits[0, -1].argmax())
            odds += _log_probability(logits[0, -1:])
            for name, value in zip(self._past, present, strict=True):
                if ".decoder." in name:  # the encoder's half comes back empty: it does not change
                    feed[name] = value
        past = {name: feed[name] for name in self._past}
        return _Heard(tokens, odds, hidden, mask, past)

    def _read_otherwise(self, heard: _Heard, own: OwnWords) -> tuple[_Heard, Alternatives]:
        """With words of the agent's own where the audio allows for them, and what else it allows for.

        What is compared is how likely the decoder thinks each reading, given the audio.  It knows how
        often people in general say each; callers of this agent say its owner's words so much more often
        that a reading may be less likely by :data:`_EXPECTED`.
        """
        tokens, odds = heard.tokens, heard.odds
        edits = own_edits(tokens, odds, own, self._vocabulary)
        if not edits:
            return heard, nothing_else
        expected = [edit for edit in edits if edit.expected]
        likely = dict(zip(expected, self._likelier(heard, expected), strict=True))
        fitting = [edit for edit in expected if likely[edit] >= _EXPECTED]
        read = heard
        if fitting:
            best = max(fitting, key=likely.__getitem__)
            # Of these the caller is not asked again: somebody has written them, and they fit.
            sure = [0.0] * len(best.new)
            written = [*odds[: best.first], *sure, *odds[best.end :]]
            read = replace(heard, tokens=best.of(tokens), odds=written)
        return read, cache(partial(self._others, heard, read.tokens, edits, likely))

    def _others(
        self, heard: _Heard, taken: list[int], edits: list[Edit], known_odds: Mapping[Edit, float]
    ) -> tuple[Otherwise, ...]:
        """The likeliest readings of ``heard`` that say something else than the tokens that were ``taken``."""
        rest = [edit for edit in edits if edit not in known_odds]
        try:
            likely = {**known_odds, **dict(zip(rest, self._likelier(heard, rest), strict=True))}
        except Exception as error:  # as above
            raise ModelError(f"{self.name}: recognition failed: {_one_line(error)}") from error
        tokens = heard.tokens
        readings = [(0.0, tokens), *together(tokens, edits, [likely[edit] for edit in edits])]
        known, found = {_plain(self._vocabulary.text(taken))}, list[Otherwise]()
        for log_odds, tokens in sorted(readings, key=lambda one: -one[0]):
            text = self._vocabulary.text(tokens)
            if log_odds < _POSSIBLE or len(found) == _MOST_OTHERS:
                break
            if _plain(text) not in known:
                known.add(_plain(text))
                found.append(Otherwise(text, log_odds))
        return tuple(found)

    def _likelier(self, heard: _Heard, edits: list[Edit]) -> list[float]:
        """How much likelier each edit makes ``heard`` (log-probability, mostly negative), given the audio.

        Only the edit and what stands close behind it is computed, those that begin together in one run.
        """
        likely = [0.0] * len(edits)
        whole = [*heard.tokens, EOS]
        for first in sorted({edit.first for edit in edits}):
            numbers = [n for n, edit in enumerate(edits) if edit.first == first]
            stops = [min(edits[n].end + BEHIND, len(whole)) for n in numbers]
            written = [
                [*edits[n].new, *whole[edits[n].end : stop]] for n, stop in zip(numbers, stops, strict=True)
            ]
            for n, stop, odds in zip(numbers, stops, self._likelihoods(heard, first, written), strict=True):
                likely[n] = odds - sum(heard.odds[first:stop])
        return likely

    def _likelihoods(self, heard: _Heard, first: int, texts: list[list[int]]) -> list[float]:
        """The log-probability of each of ``texts`` behind the ``first`` tokens of ``heard``."""
        longest = max(map(len, texts))
        ids = np.full((len(texts), longest), EOS, np.int64)
        ids[:, 0] = heard.tokens[first - 1] if first else _BOS
        for row, tokens in enumerate(texts):
            ids[row, 1 : len(tokens)] = tokens[:-1]
        feed: dict[str, Any] = {
            "encoder_hidden_states": np.repeat(heard.hidden, len(texts), axis=0),
            "encoder_attention_mask": np.repeat(heard.mask, len(texts), axis=0),
            "input_ids": ids,
            "use_cache_branch": np.array([first > 0]),
        }
        for name, value in (heard.past if first else self._empty).items():
            kept = value[:, :, :first] if ".decoder." in name else value
            feed[name] = np.repeat(kept, len(texts), axis=0)
        logits, *_ = self._decoder.run(None, feed)
        likely = []
        for row, tokens in enumerate(texts):
            scores = logits[row, : len(tokens)]
            chosen = scores[np.arange(len(tokens)), tokens]
            likely.append(float((chosen - scores.max(axis=-1)).sum()) + sum(_log_probability(scores)))
        return likely


def _plain(text: str) -> str:
    """Without what says nothing else: capitals and punctuation."""
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").strip()


def _log_probability(logits: NDArray[np.float32]) -> list[float]:
    """Of the likeliest token of each of ``[tokens, vocabulary]``."""
    above = logits - logits.max(axis=-1, keepdims=True)
    return [-float(each) for each in np.log(np.exp(above).sum(axis=-1))]


def embedded_folder() -> Path:
    """Where the weights are.  Raises ModelError when they are nowhere."""
    return find_file(RECOGNISER, "encoder_model.ort").parent


def _session(path: Path, threads: int, device: Device, memory_mb: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads must sleep: the cores belong to the other models and to the audio thread.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnx_session(
            f"Moonshine's {path.stem}",
            device,
            lambda providers: onnxruntime.InferenceSession(str(path), options, providers=providers),
            memory_mb=memory_mb,
        )
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        raise ModelError(f"{path}: not a usable model file ({_one_line(error)}); {ADVICE}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def load(stt: SttConfig, model: str | None, _loading: Loading) -> Moonshine:
    """The recogniser of ``[stt]``.  Raises ConfigError or ModelError."""
    languages = spoken_languages(stt)
    if languages != ("en",):
        foreign = next(one for one in languages if one != "en")
        key = "language" if foreign == stt.language else "other_languages"
        raise ConfigError(
            f'stt.{key} is {foreign!r}: Moonshine knows English only; use stt.model = "whisper-base"'
        )
    if stt.terms:
        raise ConfigError('stt.terms: Moonshine takes no words; use stt.model = "whisper-base"')
    return Moonshine(
        None if model is None else Path(model),
        threads=stt.threads,
        device=stt.device,
        gpu_memory_mb=stt.gpu_memory_mb,
    )
