"""Listening sockets that were there before this process: from systemd, or from the daemon that it succeeds.

systemd passes them as ``sd_listen_fds(3)`` says: from descriptor 3 on, ``LISTEN_FDS`` of them, each with the
name that its unit gives it (``FileDescriptorName=``).  A daemon that is upgraded names the numbers one by
one, in a variable of our own, since it cannot know its successor's process before that runs.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping, MutableMapping, Sequence

from offhook.doors.network import listens_at
from offhook.errors import ConfigError

_log = logging.getLogger("offhook.daemon.inherited")

EAGI, METRICS = "eagi", "metrics"
NAMES = (EAGI, "audiosocket", "websocket", "fastagi", "ari", METRICS)
"""What a socket may be called; the doors are called as in ``[doors]``."""
_OURS = "OFFHOOK_INHERITED"
_MANAGED = "OFFHOOK_INHERITED_MANAGED"
_CHANNEL = "successor"
_FIRST = 3


class Inherited:
    """What there is; whatever nobody takes is closed by :meth:`close`."""

    def __init__(
        self,
        found: Sequence[tuple[str, socket.socket]] = (),
        channel: socket.socket | None = None,
        *,
        managed: bool = False,
    ) -> None:
        """``channel`` leads to the daemon that all of them come from, which had them from the manager where
        they are ``managed``; None: they are the manager's.
        """
        self.channel = channel
        self.activated = managed or (channel is None and bool(found))
        """The service manager holds the sockets: it made their files, and removes them."""
        self._found = list(found)

    def take(self, name: str, address: str) -> list[socket.socket]:
        """The sockets of that name, which have to listen at ``address``, are the caller's from now on.

        Raises ConfigError where the manager's listen elsewhere.  Of a daemon that listened elsewhere none is
        taken: the configuration has changed, and the address is claimed anew.
        """
        mine = [sock for called, sock in self._found if called == name]
        self._found = [(called, sock) for called, sock in self._found if called != name]
        if all(listens_at(sock, address) for sock in mine):
            return mine
        where = mine[0].getsockname()
        for sock in mine:
            sock.close()
        if self.channel is None:
            raise ConfigError(
                f"the socket unit called {name} listens at {where}, and the configuration says {address}:"
                " write the same in both"
            )
        return []

    def close(self) -> None:
        """Close what was not wanted.  Any number of times."""
        for name, sock in self._found:
            if self.channel is None:
                _log.warning(
                    "the service manager passes a socket called %r that nobody wants: FileDescriptorName= has"
                    " to be one of %s, and the door open in offhook.toml",
                    name,
                    ", ".join(NAMES),
                )
            sock.close()
        self._found = []


def succeeds(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether another daemon has started this process to succeed it."""
    return bool(environment.get(_OURS))


def inherited(environment: MutableMapping[str, str] = os.environ) -> Inherited:
    """What this process was given, once: no program that it starts is to take it for its own."""
    ours, pid = environment.pop(_OURS, ""), environment.pop("LISTEN_PID", "")
    managed = bool(environment.pop(_MANAGED, ""))
    count, names = environment.pop("LISTEN_FDS", ""), environment.pop("LISTEN_FDNAMES", "")
    if ours:
        pairs = [part.rpartition("=") for part in ours.split()]
        opened = [(name, _socket(int(fd))) for name, _, fd in pairs]
        channel = next((sock for name, sock in opened if name == _CHANNEL), None)
        return Inherited([each for each in opened if each[1] is not channel], channel, managed=managed)
    if pid != str(os.getpid()) or not count.isdecimal():
        return Inherited()
    called = names.split(":") if names else []
    called += [""] * (int(count) - len(called))
    return Inherited([(called[each], _socket(_FIRST + each)) for each in range(int(count))])


def given_to_a_successor(
    sockets: Mapping[str, Sequence[socket.socket]], channel: socket.socket, *, managed: bool = False
) -> tuple[dict[str, str], list[int]]:
    """The environment of a process that is to have these sockets, and the descriptors to pass on.

    ``managed``: their files are the service manager's, and outlive the successor, too.
    """
    environment = dict(os.environ)
    environment.pop(_MANAGED, None)
    if managed:
        environment[_MANAGED] = "1"
    # WATCHDOG_PID names us: whoever succeeds us feeds the watchdog in our place.
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"):
        environment.pop(name, None)
    pairs = [(name, sock.fileno()) for name, some in sockets.items() for sock in some]
    pairs.append((_CHANNEL, channel.fileno()))
    environment[_OURS] = " ".join(f"{name}={fd}" for name, fd in pairs)
    return environment, [fd for _, fd in pairs]


def _socket(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ConfigError(f"descriptor {fd}, which this process was given, is no socket: {error}") from error
    sock.set_inheritable(False)
    sock.setblocking(False)
    return sock
