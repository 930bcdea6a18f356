"""Ports that nobody has, for programs that cannot say which one they took."""

from __future__ import annotations

import socket


def free_port() -> int:
    """One of the loopback's; somebody else may be quicker, though nobody asks for this one."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
