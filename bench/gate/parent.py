"""Another commit of this repository, built beside it, to be measured in turn with it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "gate"
_NATIVE = ("csrc", "agi", "CMakeLists.txt", "setup.py")


PARENT = "HEAD~1"
_FETCH_S = 60


class NoParentError(Exception):
    """The commit cannot be had or built; the message says why."""


class FirstCommitError(NoParentError):
    """There is none, and never was."""


def prepare(revision: str) -> Path:
    """The tree of ``revision``, built, below ``build/gate``; made on first use.  Raises NoParentError."""
    commit = commit_of(revision)
    tree = FOLDER / commit[:12]
    if (tree / ".built").exists():
        return tree
    shutil.rmtree(FOLDER, ignore_errors=True)  # of other commits: one is compared with
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    package = tree / "engine" / "offhook"
    if _same_native(commit):
        for library in (ROOT / "engine" / "offhook").glob("_*.so"):
            shutil.copy2(library, package)
    else:
        _build(tree)
    (tree / ".built").touch()
    return tree


def commit_of(revision: str, root: Path = ROOT) -> str:
    """The name of the commit ``revision``; a shallow clone that does not have it fetches one more.

    Raises FirstCommitError for the parent of the first commit, and NoParentError.
    """
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found is not None:
        return found
    shallow = _git(root, "rev-parse", "--is-shallow-repository")
    if shallow is None:
        raise NoParentError("this is no clone of a repository, and has no commits")
    if shallow == "false":
        if revision == PARENT and _git(root, "rev-parse", "--verify", "--quiet", "HEAD") is not None:
            raise FirstCommitError("this is the first commit")
        raise NoParentError(f"there is no commit {revision!r} here")
    _git(root, "fetch", "--quiet", "--deepen=1")
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found is None:
        raise NoParentError(
            f"this is a shallow clone without {revision!r}, and no more can be had: git fetch --unshallow"
        )
    return found


def _same_native(commit: str) -> bool:
    return (
        subprocess.run(["git", "diff", "--quiet", commit, "--", *_NATIVE], cwd=ROOT, check=False).returncode
        == 0
    )


def _build(tree: Path) -> None:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    done = subprocess.run(
        command, cwd=tree, env=os.environ | {"PATH": tools}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NoParentError(f"it does not build:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None when it fails, or asks a question, or takes too long."""
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_FETCH_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
