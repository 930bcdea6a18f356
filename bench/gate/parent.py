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


class NoParentError(Exception):
    """The commit cannot be had or built; the message says why."""


def prepare(revision: str) -> Path:
    """The tree of ``revision``, built, below ``build/gate``; made on first use.  Raises NoParentError."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", missing=revision).strip()
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


def _git(*arguments: str, missing: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoParentError(
            f"there is no commit {missing!r} here; a shallow clone has none: git fetch --unshallow"
        )
    return done.stdout
