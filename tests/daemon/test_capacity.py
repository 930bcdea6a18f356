"""Settings that contradict each other are refused at the start, in one line; calls never die of others."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from offhook.config import Config, LlmConfig
from offhook.daemon.capacity import ProcessLimits, check_capacity, descriptors_needed, raised_limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.gguf_file import token_bytes
from offhook.engines.llm.room import (
    LEAST_SHARE,
    MOST_CALLS,
    Room,
    call_tokens,
    free_memory_bytes,
    room_for,
    share_of,
)
from offhook.errors import ConfigError
from tests.support.engines.tiny_gguf import write_llama, write_mamba

GIB = 2**30
KIB = 1024.0


def llm(**settings: Any) -> LlmConfig:
    return LlmConfig.model_validate(settings)


def config(**sections: Any) -> Config:
    return Config.model_validate(sections)


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "calls", "share"),
    [
        ({}, 8, 1024),
        ({"model": "/m.gguf"}, 8, 4096),
        ({"model": "/m.gguf", "n_ctx": 8192}, 8, 1024),
        ({"model": "/m.gguf", "n_ctx": 65_536}, 8, 4096),
        ({"model": "/m.gguf", "n_ctx": 8192, "n_ctx_call": 4096}, 8, 4096),
        ({"engine": "openai", "model": "m"}, 8, 32_768),
        ({"engine": "openai", "model": "m", "n_ctx_call": 2000}, 8, 2000),
    ],
)
def test_a_calls_share_of_the_context(settings: dict[str, Any], calls: int, share: int) -> None:
    section = llm(**settings)
    assert call_tokens(section, calls, remote=section.engine == "openai") == share


def test_a_share_that_is_too_small_to_talk_in() -> None:
    with pytest.raises(ConfigError) as caught:
        share_of(llm(n_ctx=2048), 8, 4096)
    assert str(caught.value) == (
        "llm.n_ctx 2048 / daemon.max_calls 8 leaves 256 tokens for a call: raise llm.n_ctx to 4096, or lower"
        " daemon.max_calls to 4"
    )


def test_shares_that_do_not_fit_side_by_side() -> None:
    with pytest.raises(ConfigError) as caught:
        room_for(llm(n_ctx=8192), 8, 4096, 0, None, None)
    assert str(caught.value) == (
        "daemon.max_calls 8 x llm.n_ctx_call 4096 = 32768 tokens, and llm.n_ctx is 8192: raise it to 32768,"
        " or lower daemon.max_calls to 2, or llm.n_ctx_call to 1024"
    )
    assert room_for(llm(n_ctx=8192), 2, 4096, 0, None, None) == Room(8192, 2)


@pytest.mark.parametrize("calls", [1, 8, 16, 200])
@pytest.mark.parametrize("share", [LEAST_SHARE, 1024, 4096])
def test_where_nothing_is_configured_all_calls_fit(calls: int, share: int) -> None:
    room = room_for(llm(), calls, share, 0, None, None)
    assert room.calls == calls
    assert room.n_ctx >= calls * share


def test_more_calls_than_the_library_has_sequences(caplog: pytest.LogCaptureFixture) -> None:
    room = room_for(llm(), 1000, 1024, 0, None, None)
    assert room.calls == MOST_CALLS
    assert (
        f"has room for {MOST_CALLS} calls of 1024 tokens at once, not for daemon.max_calls 1000"
        in caplog.text
    )


# --- memory ---------------------------------------------------------------------------------------


def test_what_memory_cannot_hold_is_refused_where_it_is_configured() -> None:
    with pytest.raises(ConfigError) as caught:
        room_for(llm(n_ctx=32_768), 8, 4096, 2 * GIB, 112 * KIB, 4 * GIB)
    assert str(caught.value) == (
        "the language model needs 2.0 GiB for its weights and 3.5 GiB for 32768 tokens of context, and 4.0"
        " GiB of memory are free: lower llm.n_ctx to 16384, or set llm.cache_type to q8_0"
    )
    with pytest.raises(ConfigError, match="take a smaller model"):
        room_for(llm(), 8, 4096, 5 * GIB, 112 * KIB, 4 * GIB)


def test_and_where_it_is_not_fewer_calls_are_taken(caplog: pytest.LogCaptureFixture) -> None:
    room = room_for(llm(), 8, 4096, 2 * GIB, 112 * KIB, 4 * GIB)
    assert room == Room(16_384, 4)
    assert room.n_ctx * 112 * KIB + 2 * GIB <= 4 * GIB
    assert "has room for 4 calls of 4096 tokens at once" in caplog.text
    assert room_for(llm(), 8, 4096, 2 * GIB, 112 * KIB, 16 * GIB) == Room(32_768, 8)


def test_a_models_file_says_what_a_token_takes(tmp_path: Path) -> None:
    # 30 layers of 3 heads, 64 numbers each for keys and for values, 2 bytes a number.
    assert token_bytes(embedded_model(), "f16") == 30 * 3 * (64 + 64) * 2
    assert token_bytes(embedded_model(), "q8_0") == 30 * 3 * (64 + 64) * 34 / 32
    assert token_bytes(write_llama(tmp_path / "llama.gguf"), "f16") is not None
    junk = tmp_path / "junk.gguf"
    whole = (tmp_path / "llama.gguf").read_bytes()
    for content in (b"", b"GGUF", b"GGUF" + b"\xff" * 60, whole[:200], b"ggml" + whole[4:]):
        junk.write_bytes(content)
        assert token_bytes(junk, "f16") is None
    assert token_bytes(write_mamba(tmp_path / "mamba.gguf"), "f16") is None, "it has no cache of this kind"
    assert token_bytes(tmp_path / "absent.gguf", "f16") is None


def test_free_memory_is_the_machines_or_the_control_groups(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16777216 kB\nMemAvailable:    8388608 kB\n")
    assert free_memory_bytes(meminfo, tmp_path) == 8 * GIB
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{3 * GIB}\n")
    assert free_memory_bytes(meminfo, tmp_path) == 8 * GIB
    (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {GIB}\n")
    assert free_memory_bytes(meminfo, tmp_path) == 2 * GIB
    assert free_memory_bytes(tmp_path / "absent", tmp_path / "absent") is None


# --- descriptors and threads ------------------------------------------------------------------------


def test_open_files() -> None:
    many = config(daemon={"max_calls": 200})
    check_capacity(many, ProcessLimits(descriptors_needed(200), None))
    check_capacity(many, ProcessLimits(None, None))
    with pytest.raises(ConfigError) as caught:
        check_capacity(many, ProcessLimits(1024, None))
    assert str(caught.value) == (
        "200 calls (daemon.max_calls) need 1728 open files, 8 each and 128 besides, and 1024 are allowed:"
        " raise that (ulimit -n 1728; systemd: LimitNOFILE=1728), or lower daemon.max_calls to 112"
    )


def test_threads() -> None:
    busy = config(stt={"workers": 16, "threads": 8})
    check_capacity(busy, ProcessLimits(None, 200))
    with pytest.raises(ConfigError, match=r"x stt.threads 8, .* are 177 threads, and 100 are allowed: lower"):
        check_capacity(busy, ProcessLimits(None, 100))


def test_the_soft_limit_is_raised_as_far_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [256, 1000]
    monkeypatch.setattr(resource, "getrlimit", lambda what: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda what, pair: limits.__setitem__(slice(None), pair))
    assert raised_limits(8).descriptors == 256, "enough as it is"
    assert raised_limits(100).descriptors == descriptors_needed(100) == 928
    assert raised_limits(200).descriptors == 1000, "no further"
    assert limits[1] == 1000
