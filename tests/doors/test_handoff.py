"""The handoff message: strict in what it takes, and never a descriptor lost."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.doors.eagi.handoff import (
    MAX_ARGS,
    MAX_PAYLOAD_BYTES,
    Descriptors,
    ForeignVersionError,
    Hello,
    Reason,
    Verdict,
    VerdictKind,
    receive_hello,
    send_hello,
)
from offhook.errors import HandoffError
from tests.support.launchers import ROOT, open_descriptors

arguments = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=20)


def packed(
    magic: bytes = b"OFFH",
    version: int = 1,
    flags: int = 1,
    argc: int = 1,
    reserved: int = 0,
    length: int | None = None,
    payload: bytes = b"a\0",
) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack("<4sHHHHI", magic, version, flags, argc, reserved, size) + payload


@given(arguments, st.booleans())
def test_hello_comes_back_as_it_was_sent(args: list[str], has_audio: bool) -> None:
    hello = Hello(tuple(args), has_audio)
    assert Hello.parse(hello.encode()) == hello


@given(st.binary(max_size=200))
def test_any_bytes_are_a_hello_or_an_error(packet: bytes) -> None:
    said = ""
    try:
        assert len(Hello.parse(packet).args) <= MAX_ARGS
    except HandoffError as error:
        said = str(error)
    assert "\n" not in said


@given(arguments, st.integers(0, 200), st.integers(1, 255))
def test_a_damaged_hello_is_an_error_or_another_hello(args: list[str], at: int, change: int) -> None:
    packet = bytearray(Hello(tuple(args), True).encode())
    packet[at % len(packet)] ^= change
    try:
        hello = Hello.parse(bytes(packet))
    except HandoffError:
        return
    assert not any("\0" in arg for arg in hello.args)
    for arg in hello.args:
        arg.encode("utf-8")  # printable anywhere: no lone surrogates


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (b"", "shorter than its 16-byte header"),
        (packed()[:15], "shorter than its 16-byte header"),
        (packed(magic=b"GET "), "does not begin with OFFH"),
        (packed(flags=2), "unknown flags 0x0002"),
        (packed(reserved=1), "non-zero reserved"),
        (packed(length=1), "announces 1 bytes of arguments and brings 2"),
        (packed(length=0xFFFFFFFF), "announces 4294967295 bytes"),
        (packed(payload=b"a"), "announces 1 arguments and brings 0"),
        (packed(argc=2), "announces 2 arguments and brings 1"),
        (packed(argc=0), "announces 0 arguments and brings 1"),
        (packed(argc=0, payload=b"a"), "announces no arguments and brings some"),
        (packed(payload=b"a\0b"), "announces 1 arguments"),
        (packed(argc=MAX_ARGS + 1, payload=b"\0" * (MAX_ARGS + 1)), "announces 129 arguments"),
        (packed(payload=b"a" * MAX_PAYLOAD_BYTES + b"\0"), "announces 8193 bytes"),
    ],
)
def test_what_is_wrong_with_a_hello(packet: bytes, words: str) -> None:
    with pytest.raises(HandoffError, match=words):
        Hello.parse(packet)


def test_another_version_says_what_to_install() -> None:
    with pytest.raises(ForeignVersionError, match="version 2, this daemon speaks 1: install"):
        Hello.parse(packed(version=2, argc=77))  # the rest may mean anything


def test_arguments_that_do_not_fit_are_not_sent() -> None:
    assert Hello(("x" * (MAX_PAYLOAD_BYTES - 1),), True).encode()
    for args in (("x" * MAX_PAYLOAD_BYTES,), ("",) * (MAX_ARGS + 1), ("a\0b",)):
        with pytest.raises(HandoffError):
            Hello(args, True).encode()


@given(st.sampled_from(VerdictKind), st.sampled_from(Reason))
def test_answer_comes_back_as_it_was_sent(kind: VerdictKind, reason: Reason) -> None:
    assert Verdict.parse(Verdict(kind, reason).encode()) == Verdict(kind, reason)


@given(st.binary(max_size=12))
def test_any_bytes_are_an_answer_or_an_error(packet: bytes) -> None:
    said = ""
    try:
        assert Verdict.parse(packet).encode() == packet
    except HandoffError as error:
        said = str(error)
    assert "\n" not in said


def test_c_and_python_agree_on_the_numbers() -> None:
    header = (ROOT / "agi" / "handoff.h").read_text()
    twin = (ROOT / "agi" / "offhook_eagi.py").read_text()
    for kind in VerdictKind:
        assert f"OFFHOOK_{kind.name} = {kind.value}," in header
    for reason in Reason:
        assert f"OFFHOOK_REASON_{reason.name} = {reason.value}," in header
    for name, value in (("MAX_ARGS", MAX_ARGS), ("MAX_PAYLOAD", MAX_PAYLOAD_BYTES), ("VERSION", 1)):
        assert f"#define OFFHOOK_{name} {value}\n" in header
    assert f"MAX_ARGS = {MAX_ARGS}\n" in twin
    assert f"MAX_PAYLOAD_BYTES = {MAX_PAYLOAD_BYTES}\n" in twin


# -- descriptors ----------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pipes() -> Iterator[list[int]]:
    """fd 0, 1 and 3 of a launcher, then Asterisk's ends."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    audio_read, audio_write = os.pipe()
    fds = [in_read, out_write, audio_read, in_write, out_read, audio_write]
    yield fds
    for fd in fds:
        os.close(fd)


Pair = tuple[socket.socket, socket.socket]


def test_descriptors_arrive_and_are_not_inherited(pair: Pair, pipes: list[int]) -> None:
    ours, theirs = pair
    send_hello(theirs, Hello(("a",), True), pipes[:3])
    hello, descriptors = receive_hello(ours)
    with descriptors:
        assert hello.has_audio
        assert descriptors.audio is not None
        for sent, got in zip(
            pipes, (descriptors.command_in, descriptors.command_out, descriptors.audio), strict=False
        ):
            assert os.fstat(got).st_ino == os.fstat(sent).st_ino
            assert not os.get_inheritable(got)


def test_nothing_has_come_yet(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        receive_hello(pair[0])


@pytest.mark.parametrize(
    ("count", "has_audio", "words"),
    [
        (0, True, "brings 0 descriptors, 3 are needed"),
        (2, True, "brings 2 descriptors, 3 are needed"),
        (3, False, "brings 3 descriptors, 2 are needed"),
        (4, True, "brings 4 descriptors, 3 are needed"),
        (16, True, "brings 16 descriptors"),
        (60, True, "descriptors were lost: too many"),
    ],
)
def test_wrong_number_of_descriptors(
    pair: Pair, pipes: list[int], count: int, has_audio: bool, words: str
) -> None:
    ours, theirs = pair
    before = open_descriptors()
    send_hello(theirs, Hello(("a",), has_audio), (pipes[:3] * 20)[:count])
    with pytest.raises(HandoffError, match=words):
        receive_hello(ours)
    assert open_descriptors() == before


@pytest.mark.parametrize("which", [0, 1, 2])
def test_descriptors_in_the_wrong_direction(pair: Pair, pipes: list[int], which: int) -> None:
    ours, theirs = pair
    before = open_descriptors()
    fds = pipes[:3]
    fds[which] = pipes[3 + which]  # Asterisk's end instead of the launcher's
    send_hello(theirs, Hello((), True), fds)
    with pytest.raises(HandoffError, match="wrong direction"):
        receive_hello(ours)
    assert open_descriptors() == before


@pytest.mark.parametrize("which", [0, 1, 2])
def test_descriptors_that_cannot_be_waited_for(
    pair: Pair, pipes: list[int], which: int, tmp_path: Path
) -> None:
    ours, theirs = pair
    with (tmp_path / "file").open("w+b") as file:
        before = open_descriptors()
        fds = pipes[:3]
        fds[which] = file.fileno()
        send_hello(theirs, Hello((), True), fds)
        with pytest.raises(HandoffError, match="neither a pipe nor a socket"):
            receive_hello(ours)
        assert open_descriptors() == before


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (b"garbage", "shorter"),
        (packed(payload=b"x" * 9000 + b"\0"), "longer than 8208 bytes"),
        (packed(version=9), "version 9"),
    ],
)
def test_a_bad_hello_leaks_nothing(pair: Pair, pipes: list[int], packet: bytes, words: str) -> None:
    ours, theirs = pair
    before = open_descriptors()
    socket.send_fds(theirs, [packet], pipes[:3])
    with pytest.raises(HandoffError, match=words):
        receive_hello(ours)
    assert open_descriptors() == before


def test_closed_before_the_hello(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(HandoffError, match="closed before a hello"):
        receive_hello(ours)


def test_descriptors_have_one_owner() -> None:
    before = open_descriptors()
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    descriptors = Descriptors([in_read, out_write, out_read])
    assert descriptors.take_audio() == out_read
    assert descriptors.take_audio() is None
    assert descriptors.take_agi() == (in_read, out_write)
    with pytest.raises(ValueError, match="closed or taken"):
        descriptors.take_agi()
    descriptors.close()
    for fd in (in_read, in_write, out_read, out_write):
        os.close(fd)  # raises if close() had closed what was taken
    assert open_descriptors() == before
