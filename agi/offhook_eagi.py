#!/usr/bin/env python3
"""offhook_eagi.py: the launcher again, in standard-library Python.

It does what offhook_eagi.c does, message for message, and is there to be read, and for
machines without a C compiler.  It takes tens of milliseconds to start instead of one.  The wire format is
described byte by byte in handoff.h.  Works under ``python3 -IS``.
"""

import array
import errno
import os
import select
import signal
import socket
import stat
import struct
import sys
import time

RELEASE = "0.1.0"
DEFAULT_SOCKET = "/run/offhook/offhook.sock"

CONNECT_MS = 500  # a daemon whose backlog stays full this long is busy
ANSWER_MS = 2000  # from hello to accepted; $OFFHOOK_ANSWER_MS overrides
AGI_REPLY_MS = 200  # for Asterisk to execute SET VARIABLE before we exit
STDIN, STDOUT, STDERR, AUDIO = range(4)

MAGIC = b"OFFH"
VERSION = 1
HAS_AUDIO = 0x0001
MAX_ARGS = 128
MAX_PAYLOAD_BYTES = 8192
HELLO = struct.Struct("<4sHHHHI")  # magic, version, flags, argc, reserved, payload length
ANSWER = struct.Struct("<4sHBB")  # magic, version, kind, reason
ACCEPTED, BUSY, FAILED, DONE = 1, 2, 3, 4
NOT_OURS, GONE = -1, 0
REASON_VERSION = 2

CLOSED = " closed the connection: see its log"
FAILURES = {
    1: " is of another release than this launcher: install both from the same one",
    2: " is of another release than this launcher: install both from the same one",
    3: " refuses this user: add Asterisk's user to the socket's group",
    4: " is shutting down",
    5: " cannot use the agent named in the dialplan: see its log",
}
BUSY_WORDS = {
    7: " is still starting: its models are being loaded",
    8: " cannot answer anybody now: see its log",
}
USAGE = f"""\
usage: EAGI(offhook_eagi.py,${{UNIQUEID}}[,agent=NAME]) in Asterisk's extensions.conf

Hands the call to the offhook daemon and waits for its end.  Afterwards the channel variable
OFFHOOK_RESULT is ok, unavailable (no daemon), busy or failed, and the dialplan goes on.

  --help, --version   as the only argument: print this, or the release, and exit
  OFFHOOK_SOCKET      the daemon's socket (default {DEFAULT_SOCKET})
  OFFHOOK_ANSWER_MS   how long the daemon may take to accept (default {ANSWER_MS})
"""


def write_all(fd: int, data: bytes, timeout_ms: int) -> bool:
    """Write all of it, or give up after timeout_ms of nobody reading.

    Asks before it writes: the pipe may be blocking or, as the daemon left it, non-blocking.
    """
    wait = select.poll()
    wait.register(fd, select.POLLOUT)
    while data:
        if not wait.poll(timeout_ms):
            return False
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            continue
        except OSError:
            return False
    return True


def wait_readable(fd: int, deadline: float) -> bool:
    """Whether fd became readable (or closed) before the deadline on the monotonic clock."""
    wait = select.poll()
    wait.register(fd, select.POLLIN)
    return bool(wait.poll(max(0.0, deadline - time.monotonic()) * 1000))


def complain(words: str) -> None:
    """One line on stderr, which Asterisk shows on its console."""
    write_all(STDERR, f"offhook-eagi: {words}\n".encode("utf-8", "surrogateescape"), AGI_REPLY_MS)


def await_agi_reply() -> None:
    """Read what Asterisk prints until a reply ("200 ...", "511 ...") has gone by.

    The rest of the AGI header may come first; nobody else wants it any more.
    """
    deadline = time.monotonic() + AGI_REPLY_MS / 1000
    rest = b""
    while wait_readable(STDIN, deadline):
        try:
            chunk = os.read(STDIN, 512)
        except BlockingIOError:
            continue
        except OSError:
            return
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        if any(line[:1].isdigit() for line in lines):
            return


def discard_input() -> None:
    """Drop what Asterisk has printed so far: the header, or replies to a daemon that is gone."""
    for _ in range(64):
        try:
            if not wait_readable(STDIN, 0) or not os.read(STDIN, 4096):
                return
        except OSError:
            return


def give_up(result: str) -> None:
    """Let the dialplan know, and leave it the call."""
    discard_input()
    if write_all(STDOUT, f"SET VARIABLE OFFHOOK_RESULT {result}\n".encode(), AGI_REPLY_MS):
        await_agi_reply()


def give_up_on_silent_daemon(result: str) -> None:
    """The same when a silent daemon may still hold copies of our descriptors.

    Asterisk then sees no end of file when we exit, but leaves the script at once on a line
    that begins with "failure".
    """
    give_up(result)
    write_all(STDOUT, b"failure\n", AGI_REPLY_MS)


def has_audio() -> bool:
    """Under plain AGI fd 3 is closed; what is not a pipe there is not Asterisk's audio."""
    try:
        mode = os.fstat(AUDIO).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def make_hello(args: list[str], audio: bool) -> bytes | None:
    """The hello packet, or None when the arguments do not fit."""
    payload = b"".join(os.fsencode(arg) + b"\0" for arg in args)
    if len(args) > MAX_ARGS or len(payload) > MAX_PAYLOAD_BYTES:
        return None
    return HELLO.pack(MAGIC, VERSION, HAS_AUDIO if audio else 0, len(args), 0, len(payload)) + payload


def connect_daemon(path: str) -> socket.socket:
    """Connect without ever hanging; raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # The send timeout bounds connect() too: it waits there while the backlog is full.
    limit = struct.pack("ll", CONNECT_MS // 1000, CONNECT_MS % 1000 * 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    sock.connect(path)
    return sock


def receive_answer(sock: socket.socket) -> tuple[int, int]:
    """One answer: its kind and reason; GONE when the daemon is, NOT_OURS for anything else."""
    try:
        packet = sock.recv(ANSWER.size + 1)
    except OSError:
        packet = b""
    if not packet:
        return GONE, 0
    if len(packet) != ANSWER.size or packet[:4] != MAGIC:
        return NOT_OURS, 0
    _, version, kind, reason = ANSWER.unpack(packet)
    return (kind, reason) if version == VERSION else (FAILED, REASON_VERSION)


def answer_ms() -> int:
    named = os.environ.get("OFFHOOK_ANSWER_MS", "")
    value = int(named) if named.isascii() and named.isdigit() else 0
    return value if 0 < value <= 60000 else ANSWER_MS


def report_no_connection(path: str, error: OSError) -> None:
    """Say on the console what is wrong and what to do, and tell the dialplan."""
    if error.errno == errno.EAGAIN:
        complain(f"the daemon at {path} takes no connections: it is overloaded or hangs")
        give_up("busy")
        return
    if error.errno in (errno.EACCES, errno.EPERM):
        complain(f"no permission for {path}: add Asterisk's user to the socket's group")
    elif error.errno is None:  # Python's own check: "AF_UNIX path too long"
        complain(f"OFFHOOK_SOCKET is too long for a socket path (107 bytes): {path}")
    elif error.errno == errno.EPROTOTYPE:
        complain(f"the socket {path} belongs to another program: correct OFFHOOK_SOCKET")
    else:
        complain(f"no daemon at {path}: start it with 'systemctl start offhookd'")
    give_up("unavailable")


def run_by_hand(args: list[str]) -> None:
    """--help and --version; and a word to whoever starts this on a terminal."""
    if args in (["--help"], ["--version"]):
        words = USAGE if args == ["--help"] else f"offhook-eagi {RELEASE}\n"
        leave(0 if write_all(STDOUT, words.encode(), AGI_REPLY_MS) else 1)
    if os.isatty(STDOUT):
        complain("Asterisk starts this program; to try a call, run 'offhook call'")
        leave(2)


def prepare_process() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started us may have ignored or blocked it
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for fd in (STDIN, STDOUT):
        try:
            os.fstat(fd)
        except OSError:
            leave(2)  # nobody to talk to
    try:
        os.fstat(STDERR)
    except OSError:
        os.open("/dev/null", os.O_WRONLY)  # or the socket would become fd 2


def leave(status: int) -> None:
    """Exit without flushing: nothing here is buffered, and nothing may be added for Asterisk."""
    os._exit(status)


def carry(args: list[str]) -> None:
    """The whole of a call, as the launcher sees it."""
    audio = has_audio()  # before the socket exists: it could become fd 3
    path = os.environ.get("OFFHOOK_SOCKET") or DEFAULT_SOCKET
    packet = make_hello(args, audio)
    if packet is None:
        complain(
            f"too many arguments in the dialplan: at most {MAX_ARGS}, {MAX_PAYLOAD_BYTES} bytes together"
        )
        give_up("failed")
        return
    try:
        sock = connect_daemon(path)
    except OSError as error:
        report_no_connection(path, error)
        return
    fds = array.array("i", [STDIN, STDOUT, AUDIO] if audio else [STDIN, STDOUT])
    try:
        sock.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    except OSError:
        complain(f"the daemon at {path}{CLOSED}")
        give_up("failed")
        return
    if audio:
        os.close(AUDIO)  # the daemon's alone from here: its end of file is the channel's end
    if not wait_readable(sock.fileno(), time.monotonic() + answer_ms() / 1000):
        complain(f"the daemon at {path} did not answer in time: it is overloaded or hangs")
        give_up_on_silent_daemon("unavailable")
        return

    kind, reason = receive_answer(sock)
    accepted = kind == ACCEPTED
    if accepted:
        kind, reason = receive_answer(sock)  # blocks for the whole call: the lifeline
        if kind == DONE:
            return
    if kind == BUSY and not accepted:
        complain(f"the daemon at {path}{BUSY_WORDS.get(reason, ' is busy: every place for a call is taken')}")
        give_up("busy")
        return
    if kind == FAILED:
        complain(f"the daemon at {path}{FAILURES.get(reason, ' gave up the call: see its log')}")
    elif kind == GONE:
        complain(f"the daemon at {path}{' died during the call: see its log' if accepted else CLOSED}")
    else:
        complain(f"what listens at {path} does not speak offhook's protocol: correct OFFHOOK_SOCKET")
    give_up("failed")


if __name__ == "__main__":
    prepare_process()
    run_by_hand(sys.argv[1:])
    carry(sys.argv[1:])
    leave(0)
