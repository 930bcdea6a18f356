"""The Asterisk on this machine: its program, its dialplan, its user."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from offhook.cli.checks.finding import Finding, fail, ok, warn
from offhook.cli.checks.users import User
from offhook.doors.eagi import audio_format
from offhook.errors import ConfigError, UnreadableError
from offhook.files import file_exists

USER = "asterisk"
_LAUNCHERS = ("offhook-eagi", "offhook_eagi.py")
RUN_FOLDERS = (Path("/run/asterisk"), Path("/var/run/asterisk"))
AGI_FOLDERS = (Path("/usr/share/asterisk/agi-bin"), Path("/var/lib/asterisk/agi-bin"))


def check_asterisk(program: str | None, version_text: str) -> Finding:
    """``version_text`` is what ``asterisk -V`` prints."""
    if program is None:
        return warn("no Asterisk here", "real calls need one; `offhook demo` and `call` do not")
    found = re.search(r"Asterisk (?:certified[/-])?(\d+)", version_text)
    if found is None:
        what = f"{program}: unknown version {version_text.strip()[:40]!r}"
        return warn(what, "offhook is tried with Asterisk 22")
    if int(found[1]) < 18:
        return fail(f"Asterisk {found[1]} is too old", "install Asterisk 18 or newer, best 22")
    return ok(version_text.strip().splitlines()[0])


def asterisk_version(program: str | None) -> str:
    """What the program says of itself; empty when it does not run."""
    if program is None:
        return ""
    try:
        return subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def agi_folders(config_dir: Path) -> list[Path]:
    """Where this Asterisk looks for AGI scripts: ``astagidir``, else the usual places."""
    text = _asterisk_conf(config_dir)
    named = re.search(r"^\s*astagidir\s*=>?\s*([^;\n]+?)\s*(?:;.*)?$", text, re.MULTILINE)
    return [Path(named[1])] if named else list(AGI_FOLDERS)


def asterisk_user(config_dir: Path, run_dirs: Sequence[Path] = RUN_FOLDERS) -> User | None:
    """Whom Asterisk runs as: the process that runs, else ``runuser`` of asterisk.conf, else "asterisk"."""
    for folder in run_dirs:
        with contextlib.suppress(OSError, ValueError):
            user = User.of_process(int((folder / "asterisk.pid").read_text(encoding="ascii")))
            if user is not None:
                return user
    named = re.search(r"^\s*runuser\s*=>?\s*([\w.-]+)", _asterisk_conf(config_dir), re.MULTILINE)
    return User.named(named[1] if named else USER)


def check_agi_bin(folders: Sequence[Path]) -> Finding:
    """The launcher, or its twin, lies where Asterisk looks for scripts, and may be executed."""
    try:
        files = [folder / name for folder in folders for name in _LAUNCHERS if file_exists(folder / name)]
    except UnreadableError as error:
        return warn(error.what, "run the doctor as root, or as Asterisk's user")
    if not files:
        where = " or ".join(map(str, folders))
        return fail(f"no launcher in {where}", f"install -m 755 <package>/bin/offhook-eagi {folders[0]}/")
    closed = [file for file in files if not file.stat().st_mode & 0o111]
    if closed:
        return fail(f"{closed[0]} may not be executed", f"chmod 755 {closed[0]}")
    return ok(f"launcher in {files[0].parent}")


def check_dialplan(config_dir: Path) -> Finding:
    """extensions.conf, or a file that it includes, runs the launcher, with audio that the daemon takes."""
    start = config_dir / "extensions.conf"
    launched = None
    for path, text in _dialplan(config_dir):
        if text is None:
            return warn(f"{path} may not be read", "run the doctor as root, or as Asterisk's user")
        for named in re.findall(rf"\b{audio_format.VARIABLE}\s*=\s*\"?([^\s,)\"]+)", text):
            finding = _check_format(path, named)
            if finding is not None:
                return finding
        if launched is None and re.search(r"\bEAGI\(", text) and re.search(r"offhook[-_]eagi", text):
            launched = path
    if launched is None:
        return fail(f"dialplan: {start} does not run offhook-eagi", "see asterisk/README.md")
    return ok(f"dialplan: {launched}")


def _check_format(path: Path, named: str) -> Finding | None:
    if "$" in named:
        return None  # an expression: only the call shows what comes of it
    try:
        audio_format.audio_rate_hz(named)
    except ConfigError as error:
        return fail(f"dialplan: {path}: {error}", "Set(EAGI_AUDIO_FORMAT=slin16)")
    if audio_format.is_unknown(named):
        what = f"dialplan: {path}: Asterisk has no format {named!r} for EAGI_AUDIO_FORMAT, and sends 8 kHz"
        return warn(what, "Set(EAGI_AUDIO_FORMAT=slin16) for 16 kHz")
    return None


def _dialplan(config_dir: Path) -> Iterator[tuple[Path, str | None]]:
    """extensions.conf and what it includes, without comments; None for what may not be read."""
    seen: set[Path] = set()
    waiting = [config_dir / "extensions.conf"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except PermissionError:
            yield path, None
            continue
        except OSError:
            continue
        text = re.sub(r"(?<!\\);.*$", "", text, flags=re.MULTILINE)
        yield path, text
        for found in re.findall(r"^\s*#(?:try)?include\s+[\"<]?([^\">\n;]+)", text, re.MULTILINE):
            name = found.strip()
            waiting += [Path(name)] if name.startswith("/") else sorted(config_dir.glob(name))


def check_membership(user: User | None, group: str | None) -> Finding:
    """Asterisk's user may open the daemon's socket (mode 0660, owned by ``group``)."""
    if user is None:
        return warn(f"no user {USER!r}", "Asterisk's own user must be in daemon.group")
    if group is None:
        return ok(f"user {user.name}; the socket belongs to the daemon's own group")
    if group not in user.groups:
        remedy = f"usermod -aG {group} {user.name}, and restart Asterisk"
        return fail(f"user {user.name} is not in group {group}", remedy)
    return ok(f"user {user.name} is in group {group}")


def _asterisk_conf(config_dir: Path) -> str:
    try:
        return (config_dir / "asterisk.conf").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def find_asterisk() -> str | None:
    """Asterisk's program; /usr/sbin is looked at too, as users' PATH often lacks it."""
    return shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
