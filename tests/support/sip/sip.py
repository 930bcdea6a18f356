"""SIP messages: enough of RFC 3261 to be a telephone, digest authentication included."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field


@dataclass(slots=True)
class Message:
    """A request (``method`` set) or a response (``status`` set)."""

    headers: list[tuple[str, str]]
    body: str = ""
    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""

    def get(self, name: str, default: str = "") -> str:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def all(self, name: str) -> list[str]:
        """Every header of that name, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method."""
        number, _, method = self.get("CSeq").partition(" ")
        return int(number), method.strip()

    def pack(self) -> bytes:
        """The message as bytes."""
        first = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.status} {self.reason}"
        lines = [first, *(f"{key}: {value}" for key, value in self.headers)]
        body = self.body.encode()
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


_COMPACT = {"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "l": "Content-Length"}


def parse(data: bytes) -> Message | None:
    """None for what is not SIP (keep-alives, garbage)."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        headers.append((_COMPACT.get(name.strip().lower(), name.strip()), value.strip()))
    message = Message(headers, body.decode("utf-8", "replace"))
    if response := re.fullmatch(r"SIP/2\.0 (\d{3}) ?(.*)", lines[0]):
        message.status, message.reason = int(response[1]), response[2]
    elif request := re.fullmatch(r"([A-Z]+) (\S+) SIP/2\.0", lines[0]):
        message.method, message.uri = request[1], request[2]
    else:
        return None
    return message if message.get("CSeq") and message.get("Call-ID") else None


def answer(request: Message, status: int, reason: str, *, body: str = "", contact: str = "") -> Message:
    """The response to a request, with the headers that have to be repeated."""
    headers = [("Via", via) for via in request.all("Via")]
    headers += [(name, request.get(name)) for name in ("From", "To", "Call-ID", "CSeq")]
    if contact:
        headers.append(("Contact", contact))
    if body:
        headers.append(("Content-Type", "application/sdp"))
    return Message(headers, body, status=status, reason=reason)


def branch() -> str:
    """A new transaction's identifier."""
    return f"z9hG4bK{secrets.token_hex(8)}"


def digest(challenge: str, method: str, uri: str, user: str, password: str) -> str:
    """The Authorization header that answers a Digest challenge (MD5, with and without qop=auth)."""
    asked = {key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(challenge)}
    realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
    secret = _md5(f"{user}:{realm}:{password}")
    action = _md5(f"{method}:{uri}")
    parts = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"', "algorithm=MD5"]
    if "auth" in asked.get("qop", "").split(","):
        cnonce = secrets.token_hex(8)
        response = _md5(f"{secret}:{nonce}:00000001:{cnonce}:auth:{action}")
        parts += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
    else:
        response = _md5(f"{secret}:{nonce}:{action}")
    parts.append(f'response="{response}"')
    if "opaque" in asked:
        parts.append(f'opaque="{asked["opaque"]}"')
    return "Digest " + ", ".join(parts)


_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """Where the other side wants its RTP, and which payload types it takes."""

    host: str
    port: int
    payload_types: tuple[int, ...] = field(default=())


def offer(host: str, port: int, version: int) -> str:
    """The session description of a plain telephone: µ-law, 20 ms, keys as RTP events."""
    lines = [
        "v=0",
        f"o=caller 1 {version} IN IP4 {host}",
        "s=call",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "\r\n".join([*lines, ""])


def parse_sdp(body: str) -> MediaAddress | None:
    """The audio address of a session description; None when it has none."""
    media = re.search(r"^m=audio (\d+) \S+ ([\d ]+)", body, re.MULTILINE)
    host = re.search(r"^c=IN IP4 (\S+)", body, re.MULTILINE)
    if media is None or host is None:
        return None
    return MediaAddress(host[1], int(media[1]), tuple(int(number) for number in media[2].split()))
