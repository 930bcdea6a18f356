"""``offhook models``: which models there are, bringing them here, and whether they are whole."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offhook.catalogue.bundle import write_bundle
from offhook.catalogue.embedded import IN_PACKAGES, SET
from offhook.catalogue.entries import catalogue, find, nearest
from offhook.catalogue.folder import Stored, faults, locked, models_folder, remove, stored, stored_models
from offhook.catalogue.imports import ACCEPTED, import_models
from offhook.catalogue.progress import megabytes
from offhook.catalogue.pull import pull
from offhook.errors import ConfigError
from offhook.observe.trace.waterfall import printable


@dataclass(frozen=True, slots=True)
class Action:
    """One word after ``offhook models``."""

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("models", help="list, fetch, import, check or bundle models")
    parser.description = (
        "Models are kept in $OFFHOOK_MODELS, or in the folder `models` of offhook's cache."
        " The configuration names them: stt.model, llm.model, tts.model."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, action in ACTIONS.items():
        action.add_options(actions.add_parser(name, help=action.help))


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action].run(args)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- list ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """One model, of the catalogue or imported."""

    name: str
    task: str
    engine: str | None
    languages: tuple[str, ...]
    size: int
    """[bytes] on this machine, or to fetch"""
    licence: str
    pulled: bool
    needs: str | None
    sha256: str
    """"known": all are told in the catalogue; "first use": noted at the first download; "own": imported."""
    source: str
    summary: str


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _list(args: argparse.Namespace) -> int:
    here = stored_models()
    listed = [_of_catalogue(name, here.get(name)) for name in catalogue()]
    listed += [_imported(model) for name, model in here.items() if name not in catalogue()]
    if args.json:
        print(json.dumps({"folder": str(models_folder()), "models": [asdict(one) for one in listed]}))
        return 0
    rows = [("model", "for", "languages", "size", "here", "licence", "what")]
    for one in listed:
        languages = "many" if "*" in one.languages else " ".join(one.languages[:4]) or "?"
        languages += " ..." if len(one.languages) > 4 else ""
        rows.append(
            (
                one.name,
                one.task,
                languages,
                megabytes(one.size),
                "yes" if one.pulled else "-",
                one.licence,
                one.summary,
            )
        )
    print(_table(rows))
    print(f"\nkept in {models_folder()}; `offhook models pull NAME` brings one here")
    return 0


def _of_catalogue(name: str, here: Stored | None) -> Listed:
    entry = catalogue()[name]
    sources = dict.fromkeys(file.wheel or file.url or "" for file in entry.files)
    known = all(file.sha256 is not None for file in entry.files)
    return Listed(
        name,
        entry.task,
        entry.engine,
        entry.languages,
        here.size if here else entry.download_bytes,
        entry.licence,
        here is not None,
        entry.needs,
        "known" if known else "first use",
        ", ".join(sources),
        entry.summary,
    )


def _imported(model: Stored) -> Listed:
    return Listed(
        model.name,
        model.task,
        model.engine,
        model.languages,
        model.size,
        model.licence,
        True,
        None,
        "own",
        model.source,
        model.source,
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    shown = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in shown
    )


# --- pull and import -----------------------------------------------------------------------------


def _pull_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="+",
        help=f"as `offhook models list` shows it; {SET}: all that work unnamed",
    )


def _pull(args: argparse.Namespace) -> int:
    names = [part for name in args.names for part in ((name,) if name != SET else IN_PACKAGES)]
    for entry in [find(name) for name in names]:  # all are looked up before the first is fetched
        model, fetched = pull(entry, _report)
        print(f"{model.name}: {megabytes(model.size)} {'in' if fetched else 'already in'} {model.folder}")
        if fetched and entry.needs:
            print(f"{model.name}: to run it: pip install '{entry.needs}'")
    return 0


def _import_options(parser: argparse.ArgumentParser) -> None:
    parser.description = f"What can be imported: {ACCEPTED}."
    parser.add_argument(
        "paths", metavar="PATH", type=Path, nargs="+", help="several: a model's folders, cut in parts"
    )
    parser.add_argument("--name", help="what the configuration calls it (default: from the file's name)")
    parser.add_argument(
        "--quantise",
        action="store_true",
        help="make the smaller form: q8_0 of a Whisper folder, Q4_0 of a GGUF",
    )


def _import(args: argparse.Namespace) -> int:
    for model in import_models(args.paths, _report, name=args.name, quantise=args.quantise):
        print(f"{model.name}: {megabytes(model.size)} in {model.folder}")
    return 0


# --- verify, remove, bundle ----------------------------------------------------------------------


def _verify_options(parser: argparse.ArgumentParser) -> None:
    parser.description = "Exit status 1 when a model is not as it was when it came."
    parser.add_argument("names", metavar="NAME", nargs="*", help="default: every model that is here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _verify(args: argparse.Namespace) -> int:
    models = _chosen(args.names) if args.names else list(stored_models().values())
    found = {model.name: faults(model) for model in models}
    if args.json:
        print(json.dumps({"folder": str(models_folder()), "faults": found}))
    elif not found:
        print(f"no models in {models_folder()}")
    for name, problems in found.items() if not args.json else ():
        if problems:
            remedy = "pull it again" if name in catalogue() else "import it again"
            print(f"{name}: {'; '.join(problems)}: `offhook models remove {name}` and {remedy}")
        else:
            print(f"{name}: as it was stored")
    return 1 if any(found.values()) else 0


def _remove_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="as `offhook models list` shows it")


def _remove(args: argparse.Namespace) -> int:
    for model in _chosen(args.names):
        with locked(model.name, model.folder.parent, _report):
            remove(model)
        print(f"{model.name}: removed, {megabytes(model.size)} free")
    return 0


def _bundle_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the tar file to write")
    parser.add_argument("names", metavar="NAME", nargs="+", help="models that are here")


def _bundle(args: argparse.Namespace) -> int:
    models = _chosen(args.names)
    for model in models:
        problems = faults(model)
        if problems:
            raise ConfigError(
                f"{model.name} is damaged ({problems[0]}): pull or import it again before it is bundled"
            )
    write_bundle(models, args.file)
    print(f"{args.file}: {len(models)} models; elsewhere: offhook models import {args.file.name}")
    return 0


def _chosen(names: Sequence[str]) -> list[Stored]:
    models = []
    for name in dict.fromkeys(names):
        model = stored(name)
        if model is None:
            hint = (
                f"`offhook models pull {name}` brings it"
                if name in catalogue()
                else "`offhook models list` shows them"
            )
            raise ConfigError(
                f"no model called {name!r} is here{nearest(name, tuple(stored_models()))}; {hint}"
            )
        models.append(model)
    return models


ACTIONS = {
    "list": Action("the models there are, and which of them are here", _list_options, _list),
    "pull": Action("bring models here: fetch, check, convert", _pull_options, _pull),
    "import": Action("take in a model or a bundle that you have", _import_options, _import),
    "verify": Action("check that models are as they came", _verify_options, _verify),
    "remove": Action("delete models", _remove_options, _remove),
    "bundle": Action("write models into one file, for a machine without network", _bundle_options, _bundle),
}
