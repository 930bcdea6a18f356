"""An agent: what it says, knows and sounds like, as a TOML file.

A name and a greeting are an agent; everything else has a default.  Shipped agents lie
beside this file; a user's own lie in the folders of ``agent.search`` or anywhere, by path.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from offhook.agents.after_call import AfterCall
from offhook.agents.escalation import Escalation
from offhook.agents.outbound import Outbound
from offhook.agents.tools import MOST_TOOLS, ToolEntry, checked_names
from offhook.config import ConfigPath, Section, TurnConfig, clipped, is_path, parse_toml
from offhook.errors import ConfigError
from offhook.files import at_home, file_exists, named, unreadable
from offhook.languages import ENGLISH, language
from offhook.languages.codes import base_language

SHIPPED = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

MAX_FACT_CHARACTERS = 2_000
_MAX_SPOKEN_CHARACTERS = 1_000
_PERSONA = "You answer the telephone of {name}. Be friendly and brief."


def _at_most(limit: int, remedy: str) -> Callable[[str], str]:
    """A check that says how long a text is, how long it may be, and what to do."""

    def check(text: str) -> str:
        if len(text) > limit:
            raise ValueError(f"{len(text):,} characters; at most {limit:,}: {remedy}")
        return text

    return check


_Stripped = Annotated[str, StringConstraints(strip_whitespace=True)]
_Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_check_spoken = _at_most(_MAX_SPOKEN_CHARACTERS, "nobody listens to more than a minute: shorten it")
_check_fact = _at_most(MAX_FACT_CHARACTERS, "cut it into several facts")


def _check_words(text: str) -> str:
    """Callers would hear nothing, and wait."""
    if not any(char.isalnum() for char in text):
        raise ValueError("holds no letter and no digit, and so nothing that can be said")
    return text


Spoken = Annotated[_Filled, AfterValidator(_check_spoken), AfterValidator(_check_words)]
"""Something the agent says in one go."""
_SpokenOrNothing = Annotated[_Stripped, AfterValidator(_check_spoken)]


class Example(Section):
    """One exchange that shows the model how to answer.

    ``note`` stands beside the caller's words just as a matching fact does in a call.
    """

    caller: Spoken
    agent: Spoken
    note: _SpokenOrNothing = ""


class Fact(Section):
    """One thing the agent knows.  A statement that answers by itself works best."""

    text: Annotated[_Filled, AfterValidator(_check_fact)] = Field(
        examples=['text = "We\'re open from nine to five."']
    )
    keywords: tuple[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)], ...
    ] = ()
    """Words callers use that the text does not: "doctor" for "dentist".

    A phrase made of everyday words only, such as "thank you", counts when it is all
    that the caller says, or when nothing else they say has any weight.
    """


class MenuChoice(Section):
    """What a key stands for."""

    say: _SpokenOrNothing = ""
    """A sentence, as though the caller had said it: "I'd like to book a table"."""
    to: str | None = None
    """A target of one of the agent's tools: the call is handed over at once."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.say) == bool(self.to):
            raise ValueError("a key of the menu wants either say or to")
        return self


def _fact(entry: Any) -> Any:
    """A plain text is a fact without keywords."""
    if isinstance(entry, str):
        if not entry.strip():
            raise ValueError("is empty")
        return {"text": _check_fact(entry.strip())}
    if not isinstance(entry, (dict, Fact)):
        raise ValueError(f'a fact is "a text" or {{ text = "...", keywords = [...] }}, not {clipped(entry)}')
    return entry


class Agent(Section):
    """A whole agent file."""

    RENAMED: ClassVar[Mapping[str, str]] = {"heard_in_full": "played_in_full"}

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)] = Field(
        examples=['name = "Miller\'s bakery"']
    )
    language: str = "en"
    """What it speaks: "en", or with a country "en-US".  Phrases that the file does not have are in
    this language where offhook knows it (:mod:`offhook.languages`), and English elsewhere."""
    languages: dict[str, str] = Field({}, max_length=20)
    """Other languages that callers may speak, and the agents that answer them: ``{ es = "clinica" }``.  The
    recogniser has to listen for them."""
    greeting: Spoken = Field(examples=['greeting = "Hello, how can I help you?"'])
    goodbye: Spoken = ENGLISH.defaults.goodbye
    apology: Spoken = ENGLISH.defaults.apology
    unclear: Spoken = ENGLISH.defaults.unclear
    """Said when the model's answer cannot be used."""
    excuse: Spoken = ENGLISH.defaults.excuse
    """Said when something fails while a turn is answered; after the third failure in a row the call ends with
    the apology instead."""
    still_there: Spoken = ENGLISH.defaults.still_there
    holding: Spoken = ENGLISH.defaults.holding
    """Said when an answer takes long."""
    take_your_time: Spoken = ENGLISH.defaults.take_your_time
    """Said when the caller asks us to wait."""
    unknown: _SpokenOrNothing = ENGLISH.defaults.unknown
    """Said when no fact answers a question; empty: the model is told nothing."""
    unsure: _SpokenOrNothing = ENGLISH.defaults.unsure
    """Said before facts that may answer a question and may not; empty: they are said as if they did."""
    otherwise: _SpokenOrNothing = ENGLISH.defaults.otherwise
    """Said when the caller asks nothing and no fact fits their words; empty: the model is told nothing."""
    returned: Spoken = ENGLISH.defaults.returned
    """Said first to a caller who was handed over and is back, because nobody answered there."""
    resumed: Spoken = ENGLISH.defaults.resumed
    """Said first to a caller whose conversation broke off, and goes on."""
    barge_in: bool = True
    """False: the caller cannot interrupt this agent."""
    greeting_known: _SpokenOrNothing = ""
    """For callers whom a tool of phase "before" knows, by its name: "Hello {customer.name}, ..."."""
    greeting_wait_ms: int = Field(500, ge=50, le=2000)
    """So long at most the greeting waits for that; then it is the usual one. [ms]"""
    disclosure: bool = False
    """The greeting begins by saying that this is an automated assistant."""
    played_in_full: tuple[Literal["greeting", "goodbye", "apology"], ...] = ()
    """Phrases that the caller cannot interrupt, where barge-in is open otherwise."""
    tone_of_voice: bool = True
    """How loud, high and fast callers speak, beside how they began, helps to tell whether they are angry."""
    voice: _Filled | None = None
    """Who speaks: a section ``[voices.NAME]`` of ``offhook.toml``, or a voice of `offhook models list`; None:
    ``[tts]``."""
    recogniser: _Filled | None = None
    """Who listens: ``[recognisers.NAME]``, or a name of the catalogue; None: ``[stt]``."""
    model: _Filled | None = None
    """Who thinks: ``[models.NAME]``, or a name of the catalogue; None: ``[llm]``."""
    turn: TurnConfig = TurnConfig()
    """What this agent wants otherwise than ``[turn]``; keys that it does not name are everybody's."""
    policy: Literal["auto", "grounded", "chat"] | None = None
    """How this agent's answers are made (``conversation.policy``); None: as the configuration says."""
    persona: Annotated[
        _Stripped,
        AfterValidator(_at_most(20_000, "move what the agent knows to facts")),
    ] = Field("", validate_default=True)
    """The system prompt: who the agent is and how it answers.  Small models follow short ones best.
    When a file has none it is made of the name."""
    examples: tuple[Example, ...] = Field((), max_length=8)
    facts: tuple[Annotated[Fact, BeforeValidator(_fact)], ...] = Field((), max_length=10_000)
    """Plain texts, tables with ``text`` and ``keywords``, or some of each."""
    knowledge: tuple[ConfigPath, ...] = Field((), max_length=100)
    """Documents, or folders of them, whose statements are known beside the facts."""
    menu: dict[str, MenuChoice] = Field(default_factory=dict)
    """What single keys stand for, where no digits were asked for; the greeting says so: "for a table, press
    1"."""
    timezone: str | None = None
    """Where "tomorrow at three" is: "Europe/Vienna".  None: where this machine is."""
    tools: dict[str, ToolEntry] = Field({}, max_length=MOST_TOOLS)
    """What it can do, by name: ``[tools.NAME]``; see docs/howto/tools.md."""

    after_call: AfterCall = AfterCall()
    """What follows a call: ``[after_call]``, with webhooks and mail."""
    escalation: Escalation | None = None
    """What becomes of an angry caller: ``[escalation]``; None: nothing."""
    outbound: Outbound = Outbound()
    """What is said in calls that we place: ``[outbound]``."""

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: dict[str, str]) -> dict[str, str]:
        for code, name in languages.items():
            if base_language(language_code(code)) != code:
                raise ValueError(f'{clipped(code)}: write the language alone, like "es"')
            if not name.strip():
                raise ValueError(f"{code}: name the agent that answers")
        return languages

    @field_validator("menu")
    @classmethod
    def _menu_keys(cls, menu: dict[str, MenuChoice]) -> dict[str, MenuChoice]:
        wrong = next((key for key in menu if not re.fullmatch(r"[0-9*]", key)), None)
        if wrong is not None:
            raise ValueError(f"{clipped(wrong)} is no key of a menu: 0 to 9 and *")
        return menu

    @model_validator(mode="after")
    def _menu_targets(self) -> Self:
        targets = {key for tool in self.tools.values() for key in tool.targets}
        for key, choice in self.menu.items():
            if choice.to is not None and choice.to not in targets:
                known = ", ".join(sorted(targets)) or "none"
                raise ValueError(
                    f"menu.{key}: to = {clipped(choice.to)} is no target of a tool; there is: {known}"
                )
        return self

    @model_validator(mode="after")
    def _escalates(self) -> Self:
        problem = None if self.escalation is None else self.escalation.problem(self.tools)
        if problem is not None:
            raise ValueError(problem)
        return self

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f'{clipped(name)} is no time zone; write it like "Europe/Vienna"') from None
        return name

    @field_validator("tools")
    @classmethod
    def _tool_names(cls, tools: dict[str, ToolEntry]) -> dict[str, ToolEntry]:
        return checked_names(tools, "a tool")

    def turn_settings(self, everybodys: TurnConfig) -> TurnConfig:
        """``everybodys``, but for what the agent wants otherwise."""
        own = {name: getattr(self.turn, name) for name in self.turn.model_fields_set}
        return everybodys.model_copy(update=own)

    @property
    def voice_language(self) -> str | None:
        """The language that the voice has to speak; None: whatever the configured voice does.

        An agent that names no language says nothing about the voice: it may have been chosen for it.
        """
        return self.language if "language" in self.model_fields_set else None

    def disclosed(self) -> Agent:
        """As callers hear it: with ``disclosure`` its greeting says first who they talk to."""
        if not self.disclosure:
            return self
        told = language(self.language).phrases.disclosure.format(name=self.name)
        return self.beginning(told).model_copy(update={"disclosure": False})

    def beginning(self, words: str) -> Agent:
        """With ``words`` in front of its greeting, and of the one for callers who are known."""
        greetings = {name: getattr(self, name) for name in ("greeting", "greeting_known")}
        return self.model_copy(
            update={name: f"{words} {text}".strip() for name, text in greetings.items() if text}
        )

    @field_validator("language")
    @classmethod
    def _code(cls, language: str) -> str:
        return language_code(language)

    @model_validator(mode="after")
    def _phrases(self) -> Self:
        """What the file does not have is said in the agent's language; it still counts as not set."""
        for name, text in asdict(language(self.language).defaults).items():
            if name not in self.model_fields_set:
                self.__dict__[name] = text  # the fields are frozen from here on
        return self

    @field_validator("persona")
    @classmethod
    def _persona(cls, persona: str, others: ValidationInfo) -> str:
        return persona or _PERSONA.format(name=others.data.get("name", "this house"))


def language_code(written: str) -> str:
    """ "en" or "en-US", from any of its usual spellings.  Raises ValueError."""
    found = re.fullmatch(r"([a-z]{2})(?:[-_]([a-z]{2}))?", written.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f'{clipped(written)} is not a code of two letters like "en", or "en-US"')
    return found[1].lower() + (f"-{found[2].upper()}" if found[2] else "")


def load_agent(name: str, search: Iterable[Path] = ()) -> Agent:
    """The agent called ``name`` in ``search`` or among the shipped ones, or the file of that path.

    Raises ConfigError with one line: file, key, what is wrong.
    """
    return parse_toml(find_agent(name, search), Agent)


def find_agent(name: str, search: Iterable[Path] = ()) -> Path:
    """The file that :func:`load_agent` reads; one named by its path need not exist."""
    if is_path(name):
        return Path(name)
    check_name(name)
    folders = [*search, SHIPPED]
    for folder in folders:
        path = _home(folder) / f"{name}.toml"
        if named(path):
            return path
    known = agent_names(folders)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise ConfigError(f"agent {name!r}: no {name}.toml in {', '.join(map(str, folders))}; {hint}")


def check_name(name: str) -> None:
    """Raises ConfigError unless an agent can be called ``name``: it must not leave the folders."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"agent {name!r}: a name has letters, digits, '-' and '_' only; a path contains '/'"
        )


def agent_files(search: Iterable[Path] = ()) -> dict[str, Path]:
    """The file of each agent that :func:`load_agent` finds by name, by name.

    Raises ConfigError when a folder may not be read; one that does not exist is empty.
    """
    files: dict[str, Path] = {}
    for folder in map(_home, (*search, SHIPPED)):
        try:
            entries = sorted(folder.iterdir())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(folder, error) from error
        for path in entries:
            if path.suffix == ".toml" and _NAME.fullmatch(path.stem) and file_exists(path):
                files.setdefault(path.stem, path)
    return dict(sorted(files.items()))


def agent_names(search: Iterable[Path] = ()) -> list[str]:
    """The names that :func:`load_agent` would find."""
    return list(agent_files(search))


def _home(folder: Path) -> Path:
    try:
        return at_home(folder)
    except ValueError as error:
        raise ConfigError(f"agent folder {folder}: {error}") from error
