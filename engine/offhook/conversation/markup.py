"""The third part of the filter: Markdown, tables, code, JSON and stage directions become words.

Line by line: items of a list become sentences, code is dropped.  Within a line, marks of
emphasis go and their words stay.  What :func:`offhook.speech.clauses.clean` does well for one
clause is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from offhook.conversation.findings import GAP, SEAM, Findings
from offhook.conversation.inline import MORE, Inline, Step
from offhook.conversation.spoken import Spoken
from offhook.conversation.structured import Brackets, asks_to_end, spoken_text

_MAX_ROW_CHARS = 1000
_INDENT = re.compile(rf"[ \t{SEAM}{GAP}]*")
_BULLET = re.compile(r"[-+*\u2022\u25e6\u25aa\u25cf\u2013][ \t]+(?=\S)|\u2022(?=\S)")
_BULLET_BEGUN = re.compile(r"[-+*\u2022\u25e6\u25aa\u25cf\u2013][ \t]*")
_NUMBER = re.compile(r"(\d{1,3})[.)][ \t]+(?=\S)")
_NUMBER_BEGUN = re.compile(r"\d{1,3}(?:[.)][ \t]*)?")
_HEADING = re.compile(r"#{1,6}[ \t]+(?=\S)")
_HEADING_BEGUN = re.compile(r"#{1,6}[ \t]*")
_RULE = re.compile(r"(?:[-=_*][ \t]*){3,}")
_RULE_BEGUN = re.compile(r"([-=_*])(?:[ \t]*\1)*[ \t]*")
_ROW_RULE = re.compile(r"[\s|:+-]+")
_COMMANDS = ("boxed", "textbf", "textit", "text", "mathrm", "mathbf", "frac", "dfrac", "emph")
"""Of TeX: the words in braces stay."""
_COMMAND = re.compile(rf"\\(?:{'|'.join(_COMMANDS)})(?P<open>\{{)?")
_JSON = re.compile(r"\{\s*[\"}]|\[\s*\{")
_JSON_LIST = re.compile(r"\[\s*\"")
_JSON_BEGUN = re.compile(r"[\[{]\s{0,40}")


class Markup:
    """One answer's markup.  Feed it one character at a time."""

    def __init__(self, findings: Findings, max_characters: int, inner: Callable[[str], str]) -> None:
        """``inner`` filters the text found in JSON."""
        self._findings = findings
        self._max = max_characters
        self._inner = inner
        self._out = Spoken(findings)
        self._inline = Inline(findings, self._out)
        self._held = ""
        self._line_start = True
        self._item = False
        """The line becomes a sentence."""
        self._braces = 0
        """Of TeX, open."""
        self._number = 0
        """Of the last numbered item."""
        self._json: Brackets | None = None
        self._block = ""
        """Of code or JSON: what came so far."""
        self._fence = ""
        """What ends the block of code that has begun."""

    def push(self, char: str) -> str:
        """What of the text up to ``char`` is said."""
        self._held += char
        return self._run(final=False)

    def flush(self) -> str:
        """The text has ended."""
        out = self._run(final=True)
        if self._fence:
            out += self._end_code()
        elif self._json is not None:
            out += self._end_json()
        return out + (self._out.full_stop() if self._item else "")

    def _run(self, *, final: bool) -> str:
        out = ""
        while self._held:
            size, text = self._step(final)
            if not size:
                break
            self._held = self._held[size:]
            out += text
        return out

    def _step(self, final: bool) -> Step:
        held = self._held
        if self._fence:
            return self._in_code(held)
        if self._json is not None:
            return self._in_json(held)
        if self._line_start:
            return self._begin_line(held, final)
        if held[0] == "\n":
            return 1, self._newline()
        if held[0] in "`~":
            return self._ticks(held, final)
        if held[0] == "\\":
            return self._escape(held, final)
        if held[0] == "}" and self._braces:
            self._braces -= 1
            return self._inline.mark(1)
        if held[0] in "{[":
            if _JSON.match(held) or (not self._out.begun and _JSON_LIST.match(held)):
                return self._begin_json()
            if not final and _JSON_BEGUN.fullmatch(held):
                return MORE
        return self._inline.step(held, final)

    # -- lines -------------------------------------------------------------------------------------

    def _begin_line(self, held: str, final: bool) -> Step:
        indent = _INDENT.match(held)
        assert indent is not None
        rest = held[indent.end() :]
        if not rest:
            return (len(held), self._out.put(held)) if final or len(held) > 40 else MORE
        if rest[0] == "\n":
            return indent.end() + 1, self._out.put(held[: indent.end() + 1])
        if rest[0] == "|":
            return self._row(indent.end(), rest, final)
        if rest[0] == ">":
            return self._inline.mark(indent.end() + 1)
        open_ended = not final and "\n" not in rest
        rule = _RULE_BEGUN.match(rest)
        if rule and rule.end() == len(rest) and open_ended:
            return MORE  # a rule, a bullet, bold text or a minus
        if rule and _RULE.fullmatch(rule.group()) and rest[rule.end() :][:1] in ("", "\n"):
            return self._inline.mark(indent.end() + rule.end())
        for whole, begun in (
            (_BULLET, _BULLET_BEGUN),
            (_NUMBER, _NUMBER_BEGUN),
            (_HEADING, _HEADING_BEGUN),
        ):
            if open_ended and begun.fullmatch(rest):
                return MORE
            found = whole.match(rest)
            if found and (whole is not _NUMBER or int(found[1]) in (1, self._number + 1)):
                if whole is _NUMBER:
                    self._number = int(found[1])
                self._item, self._line_start = True, False
                return self._inline.mark(indent.end() + found.end())
        self._line_start = False
        return (indent.end(), self._out.put(indent.group())) if indent.end() else self._step(final)

    def _row(self, indent: int, rest: str, final: bool) -> Step:
        end = rest.find("\n")
        if end < 0 and not final and len(rest) < _MAX_ROW_CHARS:
            return MORE
        row = rest if end < 0 else rest[:end]
        self._findings.note("markup")
        if _ROW_RULE.fullmatch(row):
            return indent + len(row) + (end >= 0), ""
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        self._line_start, self._item = False, True
        # The words go through once more, for the marks within them.
        self._held = ", ".join(cell for cell in cells if cell) + rest[len(row) :]
        return self._step(final) if self._held else (0, "")

    def _newline(self) -> str:
        stop = self._out.full_stop() if self._item else ""
        self._item, self._line_start = False, True
        return stop + self._out.put("\n")

    def _ticks(self, held: str, final: bool) -> Step:
        run = len(held) - len(held.lstrip(held[0]))
        if run == len(held) and run < 3 and not final:
            return MORE
        if held[:run] == "~":
            return 1, self._out.put("~")
        if run < 3:
            return self._inline.mark(run)
        self._fence, self._block = held[:run], ""
        self._findings.note("code")
        return run, ""

    def _escape(self, held: str, final: bool) -> Step:
        if len(held) < 2:
            return MORE if not final else self._inline.mark(1)
        if held[1] == "n" and not held[2:3].isalpha():
            if len(held) < 3 and not final:
                return MORE
            self._findings.note("markup")
            return 2, self._newline()
        command = _COMMAND.match(held)
        if command and (command["open"] or len(held) > command.end() or final):
            self._findings.note("markup")
            self._braces += bool(command["open"])
            return command.end(), ""
        if not final and any(f"\\{name}".startswith(held) for name in _COMMANDS):
            return MORE
        self._findings.note("markup")
        return (1, "") if held[1].isalnum() or held[1].isspace() else (2, self._out.put(held[1]))

    # -- blocks ------------------------------------------------------------------------------------

    def _in_code(self, held: str) -> Step:
        for at, char in enumerate(held):
            self._block = (self._block + char)[-4 * self._max :]
            if self._block.endswith(self._fence):
                return at + 1, self._end_code()
        return len(held), ""

    def _end_code(self) -> str:
        """Code is not said; JSON in a box of its own is an answer in JSON."""
        code = self._block.removesuffix(self._fence)
        self._fence, self._block = "", ""
        self._out.cut(gap=True)
        language, _, source = code.partition("\n")
        if language.strip().lower() in ("", "json") and source.lstrip()[:1] in ("{", "["):
            return self._structured(source)
        if re.search(r"\bend_?call\b", code):
            self._findings.end_call()
        return ""

    def _begin_json(self) -> Step:
        self._json, self._block = Brackets(), ""
        self._findings.note("json")
        return self._step(False)

    def _in_json(self, held: str) -> Step:
        assert self._json is not None
        for at, char in enumerate(held):
            self._block += char
            if self._json.closes(char) or len(self._block) > 4 * self._max:
                return at + 1, self._end_json()
        return len(held), ""

    def _end_json(self) -> str:
        source, self._json, self._block = self._block, None, ""
        self._out.cut(gap=True)
        return self._structured(source)

    def _structured(self, source: str) -> str:
        source = source.replace(GAP, " ").replace(SEAM, "")
        if asks_to_end(source):
            self._findings.end_call()
        if self._out.begun:  # beside an answer it is a tool's call, or a note
            return ""
        text = spoken_text(source)
        return self._out.put(self._inner(text)) if text else ""
