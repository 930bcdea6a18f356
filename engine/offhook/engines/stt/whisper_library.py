"""libwhisper itself, opened with ctypes: what ``pywhispercpp`` brings but does not bind.

pywhispercpp binds contexts, and a context is weights and working memory in one: two utterances at once would
need the weights twice (200 MB for Whisper base).  libwhisper can hold one context without working memory and
any number of states beside it; that half of its interface is opened here.

``whisper_full`` takes its parameters by value, so the layout of that structure has to be known.  It is
written down below as it is in whisper.cpp 1.8.4 to 1.9.3, and compared at every start with what pywhispercpp,
which was compiled against the library's own header, reads from the same library: another layout is an error,
not a crash.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import logging
import math
import os
from collections.abc import Callable
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError

logger = logging.getLogger(__name__)

_ADVICE = "install it with: pip install 'offhook[whisper]'"
_GREEDY = 0

EncoderBegin = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p, c_void_p)
Abort = ctypes.CFUNCTYPE(c_bool, c_void_p)


class _VadParams(ctypes.Structure):
    _fields_ = (
        ("threshold", c_float),
        ("min_speech_duration_ms", c_int),
        ("min_silence_duration_ms", c_int),
        ("max_speech_duration_s", c_float),
        ("speech_pad_ms", c_int),
        ("samples_overlap", c_float),
    )


class _Greedy(ctypes.Structure):
    _fields_ = (("best_of", c_int),)


class _BeamSearch(ctypes.Structure):
    _fields_ = (("beam_size", c_int), ("patience", c_float))


class FullParams(ctypes.Structure):
    """``struct whisper_full_params``; callbacks that are not used here are plain pointers."""

    _fields_ = (
        ("strategy", c_int),
        ("n_threads", c_int),
        ("n_max_text_ctx", c_int),
        ("offset_ms", c_int),
        ("duration_ms", c_int),
        ("translate", c_bool),
        ("no_context", c_bool),
        ("no_timestamps", c_bool),
        ("single_segment", c_bool),
        ("print_special", c_bool),
        ("print_progress", c_bool),
        ("print_realtime", c_bool),
        ("print_timestamps", c_bool),
        ("token_timestamps", c_bool),
        ("thold_pt", c_float),
        ("thold_ptsum", c_float),
        ("max_len", c_int),
        ("split_on_word", c_bool),
        ("max_tokens", c_int),
        ("debug_mode", c_bool),
        ("audio_ctx", c_int),
        ("tdrz_enable", c_bool),
        ("suppress_regex", c_char_p),
        ("initial_prompt", c_char_p),
        ("carry_initial_prompt", c_bool),
        ("prompt_tokens", c_void_p),
        ("prompt_n_tokens", c_int),
        ("language", c_char_p),
        ("detect_language", c_bool),
        ("suppress_blank", c_bool),
        ("suppress_nst", c_bool),
        ("temperature", c_float),
        ("max_initial_ts", c_float),
        ("length_penalty", c_float),
        ("temperature_inc", c_float),
        ("entropy_thold", c_float),
        ("logprob_thold", c_float),
        ("no_speech_thold", c_float),
        ("greedy", _Greedy),
        ("beam_search", _BeamSearch),
        ("new_segment_callback", c_void_p),
        ("new_segment_callback_user_data", c_void_p),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
        ("encoder_begin_callback", EncoderBegin),
        ("encoder_begin_callback_user_data", c_void_p),
        ("abort_callback", Abort),
        ("abort_callback_user_data", c_void_p),
        ("logits_filter_callback", c_void_p),
        ("logits_filter_callback_user_data", c_void_p),
        ("grammar_rules", c_void_p),
        ("n_grammar_rules", c_size_t),
        ("i_start_rule", c_size_t),
        ("grammar_penalty", c_float),
        ("vad", c_bool),
        ("vad_model_path", c_char_p),
        ("vad_params", _VadParams),
    )


class _AlignmentHeads(ctypes.Structure):
    _fields_ = (("n_heads", c_size_t), ("heads", c_void_p))


class _ContextParams(ctypes.Structure):
    _fields_ = (
        ("use_gpu", c_bool),
        ("flash_attn", c_bool),
        ("gpu_device", c_int),
        ("dtw_token_timestamps", c_bool),
        ("dtw_aheads_preset", c_int),
        ("dtw_n_top", c_int),
        ("dtw_aheads", _AlignmentHeads),
        ("dtw_mem_size", c_size_t),
    )


_COMPARED = tuple(
    name
    for name, kind in FullParams._fields_
    if kind in (c_int, c_bool, c_float, c_char_p, _VadParams)
    # Neither its enum nor these two does pywhispercpp hand out.
    and name not in ("strategy", "suppress_regex", "grammar_penalty")
)
"""Settings whose defaults are compared; among them are 0.01, 0.2, 0.6, 1, 2.4, 30, 250, 16384 and "en", from
the structure's first field to its last, so that hardly a field can lie elsewhere unnoticed."""
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "whisper_context_default_params": (_ContextParams, ()),
    "whisper_init_from_file_with_params_no_state": (c_void_p, (c_char_p, _ContextParams)),
    "whisper_print_system_info": (c_char_p, ()),
    "whisper_init_state": (c_void_p, (c_void_p,)),
    "whisper_free_state": (None, (c_void_p,)),
    "whisper_free": (None, (c_void_p,)),
    "whisper_is_multilingual": (c_int, (c_void_p,)),
    "whisper_lang_id": (c_int, (c_char_p,)),
    "whisper_n_vocab": (c_int, (c_void_p,)),
    "whisper_token_eot": (c_int, (c_void_p,)),
    "whisper_token_sot": (c_int, (c_void_p,)),
    "whisper_token_nosp": (c_int, (c_void_p,)),
    "whisper_token_lang": (c_int, (c_void_p, c_int)),
    "whisper_full_default_params": (FullParams, (c_int,)),
    "whisper_full_with_state": (c_int, (c_void_p, c_void_p, FullParams, c_void_p, c_int)),
    "whisper_full_n_segments_from_state": (c_int, (c_void_p,)),
    "whisper_full_get_segment_text_from_state": (c_char_p, (c_void_p, c_int)),
    "whisper_full_get_segment_no_speech_prob_from_state": (c_float, (c_void_p, c_int)),
    "whisper_full_n_tokens_from_state": (c_int, (c_void_p, c_int)),
    "whisper_full_get_token_id_from_state": (c_int, (c_void_p, c_int, c_int)),
    "whisper_full_get_token_p_from_state": (c_float, (c_void_p, c_int, c_int)),
    "whisper_decode_with_state": (c_int, (c_void_p, c_void_p, POINTER(c_int), c_int, c_int, c_int)),
    "whisper_get_logits_from_state": (POINTER(c_float), (c_void_p,)),
}


class WhisperLibrary:
    """libwhisper's functions, with their types; one object for the whole process is enough."""

    def __init__(self) -> None:
        """Load what pywhispercpp brings.  Raises ModelError with one line that says what to do."""
        binding = _binding()
        path = _loaded_library()
        try:
            library = ctypes.CDLL(str(path))
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name.removeprefix("whisper_"), function)
        except (OSError, AttributeError) as error:
            raise ModelError(f"{path}: not the libwhisper that offhook knows ({error}); {_ADVICE}") from error
        self._check_layout(binding, path)

    def __getattr__(self, name: str) -> Callable[..., Any]:  # what __init__ opened, without its "whisper_"
        raise AttributeError(f"libwhisper's {name} is not opened here")

    def default_params(self) -> FullParams:
        """The library's defaults for greedy decoding."""
        params: FullParams = self.full_default_params(_GREEDY)
        return params

    def system_info(self) -> str:
        """What the library was built for, in its own words."""
        told: bytes = self.print_system_info()
        return told.decode("utf-8", "replace")

    def samples(self, audio: NDArray[np.float32]) -> tuple[c_void_p, int]:
        """Pointer and length of ``[samples]`` float32; the array has to outlive the call."""
        return audio.ctypes.data_as(c_void_p), len(audio)

    def _check_layout(self, binding: Any, path: Path) -> None:
        ours = self.default_params()
        theirs = binding.whisper_full_default_params(
            binding.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY
        )
        for name in _COMPARED:
            mine, other = getattr(ours, name), getattr(theirs, name)
            if name == "vad_params":
                same = all(
                    _equal(getattr(mine, field), getattr(other, field)) for field, _ in _VadParams._fields_
                )
            else:
                same = _equal(mine, other)
            if not same:
                raise ModelError(
                    f"{path}: this libwhisper keeps {name} elsewhere than those that offhook knows;"
                    " install one with: pip install 'pywhispercpp==1.5.1'"
                )


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, bytes):
        ours = ours.decode()
    if isinstance(ours, float):
        return math.isclose(ours, theirs, rel_tol=1e-6)
    return bool((ours or 0) == (theirs or 0)) if not isinstance(ours, str) else bool(ours == theirs)


def _binding() -> Any:
    # OpenMP's threads spin while they wait for each other.  On a busy machine a long spin burns the
    # time slice that the missing thread needs; libgomp reads this when it is loaded, with the import.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        native = importlib.import_module("_pywhispercpp")
    except ImportError as error:
        raise ModelError(f"the package pywhispercpp is missing or broken ({error}); {_ADVICE}") from error
    native.whisper_log_set(_log)
    # The binding lets go of a callback only after Python has ended, which aborts the process.
    atexit.unregister(native.whisper_log_set)
    atexit.register(native.whisper_log_set, None)
    return native


def _loaded_library() -> Path:
    """Where the libwhisper lies that the import has just loaded: no other copy may be opened beside it."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = Path(line.rstrip("\n").partition("/")[2])
            if path.name.startswith("libwhisper"):
                return Path("/") / path
    raise ModelError(f"pywhispercpp has loaded no libwhisper; {_ADVICE}")


def _log(*details: object) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s", " ".join(str(detail) for detail in details).rstrip())
