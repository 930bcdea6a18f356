"""Tools that are Python functions: decorated, in a file beside the agent's or in an installed package.

    from datetime import date
    from typing import Annotated, Literal
    from offhook.tools.python import Ask, tool

    @tool(writes=True)
    async def book(room: Literal["single", "double"], day: Annotated[date, Ask("Which day?")]) -> str:
        "Book a room."
        return "The room is yours."

The values are the function's parameters: their types become the schema, defaults make them optional.  A
parameter called ``context`` gets the :class:`~offhook.tools.base.Context`.  What is returned is the result; a
text is said as it is.  A function never runs on the event loop: a plain one has threads of its own, an
``async`` one a loop of its own.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import sys
import threading
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from offhook.errors import ConfigError, ToolError
from offhook.tools.base import BaseTool, Context, ToolResult, ToolSpec
from offhook.tools.schema import clamped
from offhook.workers import Workers

_MARK = "__offhook_tool__"
_THREADS = 2
_GRACE_S = 1.0
"""Beyond the tool's time-out, which the executor keeps, before its thread is given up."""


@dataclass(frozen=True, slots=True)
class Ask:
    """In ``Annotated``: the question by which a value is asked for."""

    question: str


@dataclass(frozen=True, slots=True)
class Marked:
    """What the decorator notes of a function."""

    writes: bool
    when: tuple[str, ...]
    timeout_s: float | None


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    writes: bool = False,
    when: tuple[str, ...] | list[str] = (),
    timeout_s: float | None = None,
) -> Callable[..., Any]:
    """Mark a function as a tool: ``@tool``, or ``@tool(writes=True)``.

    ``writes``: it changes something, and runs once, after the caller's yes.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, _MARK, Marked(writes, tuple(when), timeout_s))
        return function

    return mark if function is None else mark(function)


class PythonTool(BaseTool):
    """See :mod:`offhook.tools.python`."""

    def __init__(self, spec: ToolSpec, function: Callable[..., Any], model: type[BaseModel]) -> None:
        super().__init__(spec)
        self._function = function
        self._model = model
        self._wants_context = "context" in inspect.signature(function).parameters
        self._async = inspect.iscoroutinefunction(function)
        self._workers = Workers(
            f"tool-{spec.name}", f"tool {spec.name}", count=_THREADS, limit_s=spec.timeout_s + _GRACE_S
        )

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        try:
            held = self._model.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors()[0]
            return ToolResult(f"{first['loc'][0] if first['loc'] else ''} {first['msg']}", ok=False)
        values = {name: getattr(held, name) for name in held.model_fields_set}
        if self._wants_context:
            values["context"] = context
        if self._async:
            made = await asyncio.wrap_future(_own_loop().submit(self._function(**values)))
        else:
            made = await self._workers.run(lambda job: self._function(**values))
        if isinstance(made, ToolResult):
            return made
        return ToolResult(made, say=made) if isinstance(made, str) else ToolResult(_plain(made))

    async def close(self) -> None:
        await asyncio.to_thread(self._workers.close)


def load_function(written: str, folder: Path | None) -> tuple[Callable[..., Any], Marked]:
    """``file.py:name`` beside ``folder``, or ``package.module:name``.  Raises ConfigError with one line."""
    where, _, name = written.rpartition(":")
    if not where or not name.isidentifier():
        raise ConfigError(f'function = "{written}": write "file.py:name" or "package.module:name"')
    module = module_of(where, folder)
    function = getattr(module, name, None)
    marked = getattr(function, _MARK, None)
    if not callable(function) or marked is None:
        names = sorted(key for key, value in vars(module).items() if hasattr(value, _MARK))
        there = f"there are: {', '.join(names)}" if names else "there are none"
        raise ConfigError(f"{where} has no function {name} marked with @tool; {there}")
    return function, marked


def module_of(where: str, folder: Path | None) -> Any:
    """``file.py``, read anew, or ``package.module``.  Raises ConfigError with one line."""
    try:
        return _from_file(where, folder) if where.endswith(".py") else importlib.import_module(where)
    except ConfigError:
        raise
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise ConfigError(
            f"{where} cannot be imported: {type(error).__name__}: {_first_line(error)}"
        ) from error


def signature_of(function: Callable[..., Any]) -> tuple[type[BaseModel], dict[str, Any]]:
    """What checks the values of a function's parameters, and their JSON schema.  Raises ConfigError."""
    fields: dict[str, Any] = {}
    questions: dict[str, str] = {}
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        for name, parameter in inspect.signature(function).parameters.items():
            if name == "context":
                continue
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise ConfigError(f"its parameter {name} is no value with a name")
            hint = hints.get(name, str)
            for each in getattr(hint, "__metadata__", ()):
                if isinstance(each, Ask):
                    questions[name] = each.question
            fields[name] = (hint, ... if parameter.default is parameter.empty else parameter.default)
        model = create_model("Arguments", __config__=ConfigDict(arbitrary_types_allowed=False), **fields)
        schema = clamped(model.model_json_schema())
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"its parameters make no schema: {_first_line(error)}") from error
    for name, question in questions.items():
        if name in schema["properties"]:
            schema["properties"][name]["x-ask"] = question
    return model, schema


def describe(function: Callable[..., Any]) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())


def _from_file(where: str, folder: Path | None) -> Any:
    path = Path(where).expanduser()
    path = path if path.is_absolute() or folder is None else folder / path
    if not path.is_file():
        raise ConfigError(f"{path} is not there")
    name = f"offhook_tool_{path.stem}_{abs(hash(path.resolve())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its own types can be found by their names
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _plain(made: Any) -> Any:
    if isinstance(made, BaseModel):
        return made.model_dump(mode="json")
    return made


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


class _OwnLoop:
    """An event loop in a thread, for strangers' coroutines: one that blocks holds up no call."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="offhook-tools", daemon=True).start()

    def submit(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


_own: _OwnLoop | None = None
_own_lock = threading.Lock()


def _own_loop() -> _OwnLoop:
    global _own
    with _own_lock:
        if _own is None:
            _own = _OwnLoop()
        return _own


def refuse(message: str) -> ToolError:
    """To raise in a tool that has certainly changed nothing."""
    return ToolError(message, sent=False)
