"""AGI as text: header, commands and replies, both ways, without any input or output.

The daemon quotes commands and reads replies; the simulator splits commands and formats replies.
The rules are those of Asterisk's ``res_agi.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from offhook.errors import AgiError

MAX_HEADER_BYTES = 65_536
MAX_HEADER_LINES = 200
MAX_LINE_BYTES = 65_536
"""A longer line from Asterisk is an error: no reply that we ask for comes near it."""
MAX_COMMAND_BYTES = 2000
"""With the newline below the 2,048 bytes of older Asterisks' line buffer (8,192 by now), which would
take the rest of a longer line for the next command; and below PIPE_BUF, so that a write is atomic."""
MAX_QUOTED_BYTES = 1000
MAX_SPLIT_ARGS = 128

_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
_ENV_LINE = re.compile(r"(agi_[a-z0-9_]+):(?: (.*))?", re.IGNORECASE)
_RESULT = re.compile(r"result=(\S*)(?: \((.*)\))?(?: endpos=(-?[0-9]{1,18}))?(.*)", re.DOTALL)
_TEXT_BEGIN = re.compile(r"200 result=\S* \(")
_TEXT_END = re.compile(r"\)(?: \w+=[^\n]*)?\Z")


def quote(text: str, max_bytes: int = MAX_QUOTED_BYTES) -> str:
    """``text`` as one AGI argument, in double quotes; the only way text gets into a command.

    Backslashes and quotes are escaped; newlines, NUL and all other control characters become
    spaces; what is beyond ``max_bytes`` (UTF-8, escapes counted) is cut between characters.
    """
    kept: list[str] = []
    room = max_bytes
    for char in text[:max_bytes].translate(_CONTROLS):
        piece = "\\" + char if char in '\\"' else char
        room -= len(piece.encode("utf-8", "replace"))
        if room < 0:
            break
        kept.append(piece)
    return '"' + "".join(kept) + '"'


def quote_exact(text: str, what: str) -> str:
    """Like :func:`quote`, for file and variable names, that must arrive unchanged or not at all."""
    quoted = quote(text)
    if split_command(quoted) != [text]:
        raise AgiError(f"{what} cannot be named in an AGI command: {text[:80]!r}")
    return quoted


def split_command(line: str) -> list[str]:
    """The arguments that Asterisk sees in a command line (``parse_args`` of ``res_agi.c``)."""
    args: list[list[str]] = []
    quoted = escaped = False
    between = True
    for char in line:
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and between:
                args.append([])
                between = False
        elif char in " \t" and not quoted and not escaped:
            between = True
        elif char == "\\" and not escaped:
            escaped = True
        else:
            if between:
                if len(args) >= MAX_SPLIT_ARGS - 1:
                    break
                args.append([])
                between = False
            args[-1].append(char)
            escaped = False
    return ["".join(arg) for arg in args]


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer to one command.

    ``text`` is what stands in parentheses, or the words of a refusal (510, 511, 520).
    ``endpos_samples`` is where a playback ended, at the file's own rate.
    """

    code: int
    result: str = ""
    text: str | None = None
    endpos_samples: int | None = None
    extra: str = ""

    @property
    def number(self) -> int:
        """``result`` as a number; raises :class:`AgiError` when it is none."""
        try:
            return int(self.result)
        except ValueError as error:
            raise AgiError("AGI reply has a result that is no number where one belongs") from error

    def format(self) -> str:
        """The reply's line, or lines, without the last newline."""
        if self.code == 520:
            return (
                f"520-Invalid command syntax.  Proper usage follows:\n{self.text}\n520 End of proper usage."
            )
        if self.code != 200:
            return f"{self.code} {self.text}"
        text = "" if self.text is None else f" ({self.text})"
        endpos = "" if self.endpos_samples is None else f" endpos={self.endpos_samples}"
        return f"200 result={self.result}{text}{endpos}{self.extra}"


def is_reply_whole(text: str) -> bool:
    """Whether ``text`` (lines so far) is a whole reply.

    A 520 goes on until its last line, and a variable's value may hold newlines: then the
    closing parenthesis is still to come.
    """
    if text.startswith("520-"):
        return text.rpartition("\n")[2].startswith("520 ")
    return _TEXT_BEGIN.match(text) is None or _TEXT_END.search(text) is not None


def parse_reply(text: str) -> Reply:
    """Parse one whole reply; raises :class:`AgiError` for anything else."""
    if text.startswith("520-"):
        _, *usage, _ = text.split("\n")
        return Reply(520, text="\n".join(usage).rstrip("\n"))
    code, _, rest = text.partition(" ")
    if len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise AgiError(f"not an AGI reply: {len(text)} characters without a three-digit code")
    if code != "200":
        return Reply(int(code), text=rest)
    match = _RESULT.fullmatch(rest)
    if match is None:
        raise AgiError("AGI reply 200 without a result")
    result, words, endpos, extra = match.groups()
    return Reply(200, result, words, None if endpos is None else int(endpos), extra)


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """The header that Asterisk sends first: who calls, on which channel.  "unknown" is None."""

    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> AgiEnvironment:
        """Parse the header's lines, without the empty one that ends it.

        A name that comes twice is an error: a caller's name with a newline in it could
        otherwise pass for another line of the header.
        """
        variables: dict[str, str] = {}
        for line in lines:
            match = _ENV_LINE.fullmatch(line)
            if match is None:
                raise AgiError(
                    "AGI header has a line that is no 'agi_name: value': has a value a line break?"
                )
            name = match[1].lower()
            if name in variables:
                raise AgiError(f"AGI header names {name[:80]} twice")
            variables[name] = match[2] or ""
        return cls(MappingProxyType(variables))

    def format(self) -> str:
        """The whole header, ended by its empty line."""
        return "".join(f"{name}: {value}\n" for name, value in self.variables.items()) + "\n"

    def get(self, name: str) -> str | None:
        """``agi_NAME``, or None when it is missing, empty or unknown."""
        value = self.variables.get(f"agi_{name}", "")
        return None if value in ("", "unknown") else value

    @property
    def channel(self) -> str:
        return self.get("channel") or ""

    @property
    def uniqueid(self) -> str:
        return self.get("uniqueid") or ""

    @property
    def language(self) -> str | None:
        return self.get("language")

    @property
    def callerid(self) -> str | None:
        """The caller's number."""
        return self.get("callerid")

    @property
    def callerid_name(self) -> str | None:
        return self.get("calleridname")

    @property
    def dnid(self) -> str | None:
        """The number that was dialled, as the trunk gave it."""
        return self.get("dnid")

    @property
    def extension(self) -> str | None:
        return self.get("extension")

    @property
    def context(self) -> str | None:
        return self.get("context")

    @property
    def enhanced(self) -> bool:
        """Whether this is EAGI: the caller's audio comes on its own descriptor."""
        return self.variables.get("agi_enhanced", "0.0") == "1.0"

    @property
    def args(self) -> tuple[str, ...]:
        """``agi_arg_1`` and on: the arguments in the dialplan, the script's name left out."""
        args: list[str] = []
        while (value := self.variables.get(f"agi_arg_{len(args) + 1}")) is not None:
            args.append(value)
        return tuple(args)
