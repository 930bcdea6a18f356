"""The units that operators copy, by systemd's own judgement."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from offhook.cli.main import build_parser
from offhook.config import Config
from offhook.daemon.inherited import NAMES
from offhook.daemon.succession import READY_WITHIN_S

SHIPPED = Path(__file__).parents[2] / "asterisk"
SERVICE, SOCKET = SHIPPED / "offhookd.service", SHIPPED / "offhookd.socket"
EXPOSURE = 25
"""``systemd-analyze security``, in tenths: 0 is safe, 100 is not."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here: apt install systemd")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and line[0] not in "#[":
            found.setdefault(name, []).append(value)
    return found


def test_little_of_the_machine_is_open_to_the_daemon() -> None:
    judged = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", str(SERVICE))
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "Overall exposure level" in judged.stdout


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in (SERVICE, SOCKET):  # the program is not installed on this machine
        text = unit.read_text(encoding="utf-8").replace(
            "/opt/offhook/bin/offhook", shutil.which("true") or ""
        )
        (tmp_path / unit.name).write_text(text)
    said = analyze("verify", "--man=no", str(tmp_path / SERVICE.name), str(tmp_path / SOCKET.name))
    ours = [line for line in said.stderr.splitlines() if "offhookd" in line]
    assert ours == []


def test_what_the_units_start_are_commands_of_ours() -> None:
    texts = [unit.read_text(encoding="utf-8") for unit in SHIPPED.glob("*.service")]
    started = re.findall(r"^Exec\w+=.*?/opt/offhook/bin/offhook ([^'\n]+)", "\n".join(texts), re.MULTILINE)
    for words in started:
        assert build_parser().parse_args(words.replace("$MAINPID", "1").split()).run is not None
    assert {words.split()[0] for words in started} >= {"serve", "reload", "upgrade", "web"}


def test_an_upgrade_of_the_package_leaves_a_disabled_unit_alone(tmp_path: Path) -> None:
    """Its scripts, below a root of our own, with a systemctl that writes down what it is told."""
    log = tmp_path / "log"
    for folder in ("bin", "run/systemd/system", "usr/lib/offhook", "opt/offhook"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("systemctl", "systemd-tmpfiles", "getent", "addgroup", "adduser"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{log}\n')
        program.chmod(0o755)

    def told(script: str, *arguments: str) -> list[str]:
        text = (SHIPPED.parent / "deploy" / "debian" / script).read_text(encoding="utf-8")
        inside = re.sub(r"(?<![\w/])/(usr|run|var|opt|etc)/", rf"{tmp_path}/\1/", text)
        log.write_text("")
        done = subprocess.run(
            ["/bin/sh", "-s", *arguments],
            input=inside,
            env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
            text=True,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return log.read_text().splitlines()

    enabled, links = "systemctl enable --quiet offhookd", tmp_path / "usr/share/asterisk/agi-bin/offhook-eagi"
    assert enabled in told("postinst", "configure")
    assert links.is_symlink()
    upgrade = told("postinst", "configure", "0.1.0")
    assert enabled not in upgrade
    assert "systemctl try-restart --no-block offhookd offhook-web" in upgrade
    assert told("prerm", "upgrade", "0.1.0") == [], "an upgrade stops nothing"
    assert "systemctl disable --quiet --now offhookd.socket offhookd offhook-web" in told("prerm", "remove")
    assert not links.is_symlink()
    assert enabled in told("postinst", "configure", "0.1.0"), "installed anew, its settings were kept"


def test_the_units_agree_with_the_daemon() -> None:
    service, socket = settings(SERVICE), settings(SOCKET)
    daemon = Config().daemon
    assert socket["ListenSequentialPacket"] == [str(daemon.socket)]
    assert socket["FileDescriptorName"][0] in NAMES
    assert socket["SocketUser"] == service["User"]
    assert service["RuntimeDirectoryPreserve"] == ["yes"], "else the socket's file goes with the daemon"
    assert daemon.drain_s < float(service["TimeoutStopSec"][0]), "systemd waits for callers"
    assert float(service["TimeoutStartSec"][0]) >= READY_WITHIN_S
    assert service["KillMode"] == ["process"], "a restart leaves the new daemon alone"
    assert re.search(r"offhook upgrade --restart'$", service["ExecStop"][0])
    assert service["NotifyAccess"] == ["main"], "MAINPID= of an upgrade comes from whoever is main"
    folders = re.findall(
        r"^d (\S+)", (SHIPPED / "offhook.tmpfiles").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert folders == [str(daemon.playback_dir), str(daemon.socket.parent)]
