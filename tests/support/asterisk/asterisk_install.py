"""Which Asterisk the tests use: the one named, the one on PATH, or the one that install.sh unpacked."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MINIMUM = 18
INSTALL_SCRIPT = Path(__file__).resolve().parents[2] / "asterisk/install.sh"


class NoAsteriskError(RuntimeError):
    """There is no usable Asterisk; the message says how to get one."""


@dataclass(frozen=True, slots=True)
class AsteriskInstall:
    """A program and the folders that it cannot do without."""

    command: tuple[str, ...]
    modules: Path
    data: Path
    """Holds ``sounds`` and ``documentation``."""
    version: str


def find_asterisk() -> AsteriskInstall:
    """The Asterisk to test with.  Raises :class:`NoAsteriskError` with what to do."""
    named = os.environ.get("OFFHOOK_ASTERISK")
    if named:
        found = _installed(Path(named))
        if found is None:
            raise NoAsteriskError(
                f"OFFHOOK_ASTERISK={named} is not an Asterisk {MINIMUM} or newer, or its modules and English "
                "prompts (asterisk-core-sounds-en) are not where /etc/asterisk/asterisk.conf says"
            )
        return found
    on_path = shutil.which("asterisk")
    if on_path and (found := _installed(Path(on_path))) is not None:
        return found
    where = subprocess.run([INSTALL_SCRIPT, "--where"], capture_output=True, text=True, check=True)
    folder = Path(where.stdout.strip())
    if (folder / ".offhook-complete").exists():
        return _unpacked(folder)
    raise NoAsteriskError(
        f"no Asterisk {MINIMUM} or newer on PATH and none in {folder}: run 'make asterisk' "
        "(needs apt and network, about 80 MB), or name yours in OFFHOOK_ASTERISK"
    )


def _unpacked(folder: Path) -> AsteriskInstall:
    """Debian's packages in a folder of their own, run by the dynamic loader that came with them."""
    loader = next(folder.glob("usr/lib/*/ld-linux*.so.*"))
    command = (str(loader), "--library-path", str(loader.parent), str(folder / "usr/sbin/asterisk"))
    return AsteriskInstall(
        command, loader.parent / "asterisk/modules", folder / "usr/share/asterisk", _version(command) or ""
    )


def _installed(program: Path) -> AsteriskInstall | None:
    """A system's Asterisk; None when it is too old, or its folders are not where they may be."""
    version = _version((str(program),))
    if version is None:
        return None
    configured = configparser.ConfigParser(
        delimiters=("=",), comment_prefixes=(";",), inline_comment_prefixes=(";",), strict=False
    )
    try:
        configured.read("/etc/asterisk/asterisk.conf")
    except (OSError, UnicodeDecodeError, configparser.Error):
        configured.clear()  # unreadable for us: the usual places are tried

    def directory(key: str) -> list[Path]:
        value = configured.get("directories", key, fallback="", raw=True).lstrip("> ").strip()
        return [Path(value)] if value else []

    modules = [*directory("astmoddir"), *Path("/usr").glob("lib*/asterisk/modules")]
    modules += [
        *Path("/usr").glob("lib/*/asterisk/modules"),
        *Path("/usr/local").glob("lib*/asterisk/modules"),
    ]
    data = [*directory("astdatadir"), Path("/usr/share/asterisk"), Path("/var/lib/asterisk")]
    for module_folder in modules:
        for data_folder in data:
            if (module_folder / "res_agi.so").exists() and (data_folder / "sounds/en").exists():
                return AsteriskInstall((str(program),), module_folder, data_folder, version)
    return None


def _version(command: tuple[str, ...]) -> str | None:
    """``Asterisk 22.10.1``; None when this is no Asterisk, or an old one."""
    try:
        said = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.match(r"Asterisk (?:certified[-/])?(\d+)", said)
    return said if number and int(number[1]) >= MINIMUM else None
