"""A call that came by AudioSocket, as a line: audio and keys are frames of one connection."""

from __future__ import annotations

from offhook.doors.socket_line import KEYS, SocketLine

_TYPE_HANG_UP = 0x00
_TYPE_DTMF = 0x03


class AudioSocketLine(SocketLine):
    """Silence is sent from the first moment on; :mod:`offhook.doors.audiosocket.door` says why."""

    framing = "audiosocket"

    def told(self, code: int, payload: bytes) -> None:
        key = payload.decode("latin-1")
        if code == _TYPE_DTMF and key in KEYS and self._player is not None:
            self._player.key_pressed(key)

    def hang_up(self) -> None:
        self.send(_TYPE_HANG_UP)
