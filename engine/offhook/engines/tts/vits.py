"""Running a VITS network: in windows where its graph can be cut, else a sentence at a time.

The encoder runs once for a sentence.  The decoder then makes short windows first and
longer ones later: the caller hears the first while the next is made.  Each window has as
many frames of context on both sides as the decoder looks at, and is cropped, so that the
windows together are the samples of one whole run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from offhook.config import Device
from offhook.engines.device import onnx_session
from offhook.engines.tts.vits_split import CannotCutError, Cut, cut_file, one_line
from offhook.errors import ModelError

logger = logging.getLogger(__name__)

_FIRST_MS = 160
"""Audio of the first window: 14 frames of 256 samples at 22.05 kHz."""
_LONGEST = 8
"""The longest window, in first ones: each is twice as long as the one before, up to 112 frames."""
_TOLERANCE = 1e-4
"""How far windows may be from the whole, of full scale: 3 steps of int16."""
_CHECKED_FRAMES = 64

Feed = dict[str, Any]
"""The network's inputs by name."""


class Vits:
    """One network.  Thread-safe."""

    def __init__(
        self,
        path: Path,
        rate_hz: int,
        threads: int,
        device: Device = "cpu",
        gpu_memory_mb: int | None = None,
    ) -> None:
        """Load ``path`` (.onnx), cut if possible.  Raises ModelError.

        The graph is cut at every start and kept in memory: for a voice of 63 MB that takes a quarter of
        a second, and the two halves then load faster than the whole.  A copy on disk would need 63 MB
        and a way to notice that the voice has changed.
        """
        self._path = path
        self._rate_hz = rate_hz
        self._how = (threads, device, gpu_memory_mb)
        self._whole: onnxruntime.InferenceSession | None = None
        self._halves: _Halves | None = None
        reason = self._cut()
        if reason is not None:
            self._whole = _session(path, str(path), *self._how)
            self._say_whole(reason)
        self.inputs: frozenset[str] = frozenset(node.name for node in self._first().get_inputs())

    @property
    def windowed(self) -> bool:
        """True when a sentence comes in several blocks."""
        return self._halves is not None

    def warm_up(self, feed: Feed) -> None:
        """Run once, so that no caller waits for memory to be planned; check that windows make the whole.

        A network that disagrees runs whole from now on.  Raises ModelError.
        """
        reason = None
        if self._halves is not None:
            try:
                reason = self._halves.disagreement(feed)
            except Exception as error:  # onnxruntime's exceptions have no common base of their own
                reason = f"its halves do not run ({one_line(error)})"
        if reason is not None:
            self._halves = None
            self._whole = _session(self._path, str(self._path), *self._how)
            self._say_whole(reason)
        for _ in self.blocks(feed, lambda: False):
            pass

    def blocks(self, feed: Feed, cancelled: Callable[[], bool]) -> Iterator[NDArray[np.float32]]:
        """One sentence as blocks of ``[samples]``, full scale 1.0.

        Blocks for each inference with the GIL released; ``cancelled`` is asked between them.  Raises
        ModelError.
        """
        try:
            if self._halves is not None:
                yield from self._halves.blocks(feed, cancelled)
            else:
                yield _samples(self._first().run(None, feed)[0])
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            raise ModelError(f"{self._path}: synthesis failed: {one_line(error)}") from error

    def close(self) -> None:
        """Free the network."""
        self._halves = self._whole = None

    def _first(self) -> onnxruntime.InferenceSession:
        session = self._whole if self._halves is None else self._halves.encoder
        assert session is not None, "closed"
        return session

    def _cut(self) -> str | None:
        """Load the two halves, or say why they cannot be made."""
        try:
            halves = cut_file(self._path)
        except ImportError as error:
            return f"the package onnx is missing ({error}); run: pip install 'offhook[piper]'"
        except CannotCutError as error:  # of a broken file, too: onnxruntime is asked next, and reports
            return str(error)
        try:
            self._halves = _Halves(
                halves,
                _session(self._path, halves.encoder, *self._how),
                _session(self._path, halves.decoder, *self._how),
                max(1, round(_FIRST_MS * self._rate_hz / 1000 / halves.hop_samples)),
            )
        except ModelError as error:
            return f"its halves do not load ({error})"
        return None

    def _say_whole(self, reason: str) -> None:
        logger.warning("%s: sentences are not streamed: %s", self._path.name, reason)


class _Halves:
    """An encoder, a decoder, and how to join them."""

    def __init__(
        self,
        halves: Cut,
        encoder: onnxruntime.InferenceSession,
        decoder: onnxruntime.InferenceSession,
        first_frames: int,
    ) -> None:
        self.encoder = encoder
        self._decoder = decoder
        self._latent = halves.latent
        self._names = [halves.latent, *halves.carried]
        self._hop_samples = halves.hop_samples
        self._before, self._after = halves.context_frames
        self._first_frames = first_frames

    def blocks(self, feed: Feed, cancelled: Callable[[], bool]) -> Iterator[NDArray[np.float32]]:
        made = self._encode(feed)
        if not cancelled():
            yield from self._decode(made, cancelled)

    def disagreement(self, feed: Feed) -> str | None:
        """What is wrong with the windows of a sentence; None: they are the whole."""
        made = self._encode(feed)
        short = made[self._latent]
        if short.ndim != 3 or short.shape[0] != 1 or not short.shape[2]:
            return f"its latent has the shape {list(short.shape)}"
        made[self._latent] = np.tile(short, (1, 1, -(-_CHECKED_FRAMES // short.shape[2])))
        frames = made[self._latent].shape[2]
        whole = _samples(self._decoder.run(None, made)[0])
        windows = np.concatenate(list(self._decode(made, lambda: False)))
        if len(whole) != frames * self._hop_samples or len(windows) != len(whole):
            return f"{frames} frames make {len(whole)} samples in one piece and {len(windows)} in windows"
        apart = float(np.abs(whole - windows).max())
        # Written so that a comparison with "not a number" counts as a difference.
        return None if apart <= _TOLERANCE else f"its windows differ from the whole by {apart:.1g}"

    def _encode(self, feed: Feed) -> Feed:
        return dict(zip(self._names, self.encoder.run(self._names, feed), strict=True))

    def _decode(self, made: Feed, cancelled: Callable[[], bool]) -> Iterator[NDArray[np.float32]]:
        latent = made[self._latent]
        frames = latent.shape[2]
        start, length = 0, self._first_frames
        while start < frames and not (start and cancelled()):
            first = max(0, start - self._before)
            last = min(frames, start + length + self._after)
            # Frames that are there as context cost nothing more at the end of the sentence.
            stop = frames if last == frames else start + length
            window = {**made, self._latent: np.ascontiguousarray(latent[:, :, first:last])}
            samples = _samples(self._decoder.run(None, window)[0])
            yield samples[(start - first) * self._hop_samples : (stop - first) * self._hop_samples]
            start, length = stop, min(2 * length, _LONGEST * self._first_frames)


def _samples(output: Any) -> NDArray[np.float32]:
    return np.asarray(output, np.float32).reshape(-1)


def _session(
    path: Path, model: str | bytes, threads: int, device: Device, memory_mb: int | None
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads must sleep: the cores belong to the other models and to the audio thread.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnx_session(
            f"the voice {path.stem}",
            device,
            lambda providers: onnxruntime.InferenceSession(model, options, providers=providers),
            memory_mb=memory_mb,
        )
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        raise ModelError(
            f"{path}: not a usable ONNX file ({one_line(error)}); fetch the voice again"
        ) from error
