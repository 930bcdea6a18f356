"""Python, the compiled parts and the configuration."""

from __future__ import annotations

import grp
import importlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import offhook
from offhook.cli.checks.finding import INSTALL, Finding, fail, ok, one_line
from offhook.cli.checks.users import User
from offhook.config import Config, load_config
from offhook.errors import OffhookError, UnreadableError

_BUILD = "build it: make build"
_DEFAULTS = "the checks below use the defaults"


def check_python(version: tuple[int, ...]) -> Finding:
    name = f"Python {'.'.join(map(str, version[:3]))}"
    return ok(name) if version >= (3, 11) else fail(f"{name} is too old", "install Python 3.11 or newer")


def check_native() -> Finding:
    """The compiled core loads, and its ABI is this interpreter's."""
    try:
        core = importlib.import_module("offhook.core")
        core.live_objects()
    except (ImportError, AttributeError) as error:
        return fail(f"compiled core: {one_line(error)}", _BUILD)
    return ok(f"compiled core for {sys.implementation.cache_tag}")


def check_launcher(path: Path, release: str) -> Finding:
    """The launcher that came with the package is there, runs, and is of this release."""
    if not path.is_file():
        return fail(f"launcher {path} is missing", _BUILD)
    if not os.access(path, os.X_OK):
        return fail(f"launcher {path} may not be executed", f"chmod +x {path}")
    command = [str(path), "--version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return fail(f"launcher {path} does not run: {one_line(error)}", _BUILD)
    if said.split()[-1:] != [release]:
        return fail(f"launcher {path} is not of release {release}", "install both from one release")
    return ok(f"launcher {path}")


def check_config(path: Path | None) -> tuple[Finding, Config]:
    """The configuration, or the defaults when it cannot be used."""
    try:
        config = load_config(path)
    except UnreadableError as error:
        return fail(f"configuration: {error.what}", f"{error.remedy}; {_DEFAULTS}"), Config()
    except OffhookError as error:
        return fail(f"configuration: {error}", f"correct it; {_DEFAULTS}"), Config()
    return ok(f"configuration {path or 'as found'}"), config


def check_packages(names: Iterable[str]) -> Finding:
    """Each module can be found; none is imported."""
    missing = [name for name in names if not is_installed(name)]
    if missing:
        return fail(f"Python packages missing: {', '.join(missing)}", INSTALL)
    return ok("Python packages")


def check_llama_version(installed: str | None, required: str | None, *, own: bool = False) -> Finding:
    """llama-cpp-python's library and our headers have to be of one version; ``own``: it is in our wheel."""
    if own:
        return ok(f"libllama{f' of llama-cpp-python {required}' if required else ''}, part of this wheel")
    if installed is None:
        return fail("llama-cpp-python is missing", INSTALL)
    if required is not None and installed != required:
        what = f"llama-cpp-python {installed}, {required} is needed"
        return fail(what, f"pip install 'llama-cpp-python=={required}'")
    return ok(f"llama-cpp-python {installed}")


def has_own_llama() -> bool:
    """Whether libllama came with offhook itself."""
    return (Path(offhook.__file__).parent / "llama").is_dir()


def llama_versions() -> tuple[str | None, str | None]:
    """Installed, and pinned by our package's metadata."""
    try:
        installed = importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    try:
        wanted = " ".join(importlib.metadata.requires("offhook") or ())
    except importlib.metadata.PackageNotFoundError:
        wanted = ""
    pinned = re.search(r"llama-cpp-python==([\w.]+)", wanted)
    return installed, pinned[1] if pinned else None


def service_user(service: str = "offhookd") -> User | None:
    """Whom systemd starts the daemon as; None where there is no such service, or no systemd."""
    command = ["systemctl", "show", service, "--property=LoadState,User,Group,SupplementaryGroups"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    user = User.named(fields.get("User") or "root")
    if fields.get("LoadState") != "loaded" or user is None:
        return None
    try:
        gid = grp.getgrnam(fields["Group"]).gr_gid if fields.get("Group") else user.gid
        more = [grp.getgrnam(name).gr_gid for name in fields.get("SupplementaryGroups", "").split()]
    except KeyError:
        return None
    return User.numbered(user.uid, gid, [*user.gids, *more])


def is_installed(name: str) -> bool:
    """Whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
