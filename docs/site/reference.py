"""Writes the reference pages from the code, when the site is built: they cannot say what is not so.

A hook of MkDocs (``hooks`` in mkdocs.yml).  Settings come from the models that check the files, with the
words that stand beside each key there; commands from the parser that reads them.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from offhook.agents.loader import Agent
from offhook.cli.main import build_parser
from offhook.config import Config

_ASTERISK = Path(__file__).parents[2] / "asterisk" / "README.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """What lies beside Asterisk's files in the source tree is a page here."""
    return markdown.replace("](../../asterisk/README.md", "](../reference/asterisk.md")


def pages() -> dict[str, str]:
    """Markdown by the page's name."""
    return {
        "configuration": settings(
            Config,
            "Configuration",
            "`/etc/offhook/offhook.toml`, or the file that `--config` or `$OFFHOOK_CONFIG` names. Every key"
            " has a default; an unknown key is an error that names the nearest one. Relative paths begin"
            " where the file lies.",
        ),
        "agent": settings(
            Agent,
            "Agent files",
            "A TOML file in `/etc/offhook/agents`, or anywhere, by path. A name and a greeting are an agent."
            " `offhook agents check FILE` says what is wrong or will be answered badly.",
        ),
        "commands": commands(),
        "asterisk": _ASTERISK.read_text(encoding="utf-8").replace("](../docs/", "](../"),
    }


# --- settings ------------------------------------------------------------------------------------


def settings(model: type[BaseModel], title: str, about: str) -> str:
    """A page: the keys of the whole file, then a section for each table."""
    parts = [f"# {title}", about]
    for path, table in tables(model):
        if path:
            parts.append(f"## `{path}`")
            parts.append(_prose(inspect.getdoc(table) or ""))
        rows = [_row(table, name) for name in table.model_fields if _table_of(table, name) is None]
        if rows:
            parts.append("\n".join(["| key | default | what |", "|---|---|---|", *rows]))
    return "\n\n".join(part for part in parts if part) + "\n"


def tables(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Each table of a file with its path, such as ``[llm.fallback]``, the whole file first."""
    yield (f"[{path}]" if path else ""), model
    for name in model.model_fields:
        found = _table_of(model, name)
        if found is not None:
            inner, many = found
            below = f"{path}.{name}" if path else name
            yield from tables(inner, f"{below}.{many}" if many else below)


def _table_of(model: type[BaseModel], name: str) -> tuple[type[BaseModel], str] | None:
    """The table that a key holds, and what stands for a name of the owner's; None: the key holds a value."""
    annotation = model.model_fields[name].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    inner = [each for each in get_args(annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
    if not inner:
        return None
    return inner[0], "NAME" if getattr(annotation, "__origin__", None) is dict else ""


def _row(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    default = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
    shown = "*needed*" if default is PydanticUndefined else _value(default)
    return f"| `{name}` | {shown} | {_prose(_told(model, name))} |"


def _value(default: Any) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return f"`{str(default).lower()}`"
        case () | {} | "":
            return "empty"
        case tuple():
            return ", ".join(f"`{each}`" for each in default)
    text = str(default)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _told(model: type[BaseModel], name: str) -> str:
    """The words that stand below a key in the model that has it first."""
    for each in model.__mro__:
        if name in getattr(each, "__annotations__", {}):
            return _words_below(each).get(name, "")
    return ""


def _words_below(model: type) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found, last = {}, ""
    for line in body.body:
        match line:
            case ast.AnnAssign(target=ast.Name(id=name)):
                last = name
            case ast.Expr(value=ast.Constant(value=str(text))) if last:
                found[last] = text
            case _:
                last = ""
    return found


def _prose(text: str) -> str:
    """A docstring as a line of Markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


# --- commands ------------------------------------------------------------------------------------


def commands() -> str:
    """A page: what each command's ``--help`` says."""
    parts = ["# Commands", "Every command has `--help`; this page is made of it."]
    for path, parser in parsers(build_parser()):
        parts.append(f"## `{path}`")
        parts.append("```text\n" + parser.format_help().strip() + "\n```")
    return "\n\n".join(parts) + "\n"


def parsers(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command with its parser, depth first."""
    yield parser.prog, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)
