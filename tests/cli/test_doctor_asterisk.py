"""The doctor on made-up Asterisks: version, folders, dialplan, and its user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from offhook.cli.checks import asterisk
from offhook.cli.checks.finding import Level
from offhook.cli.checks.users import User
from tests.support.audio.findings import executable, is_healthy


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Asterisk 22.10.0~dfsg-1", Level.OK),
        ("Asterisk certified/18.9-cert4", Level.OK),
        ("Asterisk certified-20.7", Level.OK),
        ("Asterisk 16.28.0", Level.FAIL),
        ("", Level.WARN),
        ("something else", Level.WARN),
    ],
)
def test_version(text: str, level: Level) -> None:
    finding = asterisk.check_asterisk("/usr/sbin/asterisk", text)
    is_healthy(finding)
    assert finding.level is level


def test_no_asterisk() -> None:
    finding = asterisk.check_asterisk(None, asterisk.asterisk_version(None))
    assert finding.level is Level.WARN
    assert asterisk.asterisk_version("/no/such/asterisk") == ""


def test_agi_folder_of_the_configuration(tmp_path: Path) -> None:
    assert asterisk.agi_folders(tmp_path) == list(asterisk.AGI_FOLDERS)
    conf = tmp_path / "asterisk.conf"
    conf.write_text("[directories](!)\n;astagidir => /no\nastagidir => /srv/agi ; here\n")
    assert asterisk.agi_folders(tmp_path) == [Path("/srv/agi")]


def test_agi_bin(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    missing = asterisk.check_agi_bin(folders)
    assert missing.level is Level.FAIL
    folders[1].mkdir()
    launcher = executable(folders[1] / "offhook-eagi", "true")
    assert is_healthy(asterisk.check_agi_bin(folders))
    launcher.chmod(0o644)
    assert asterisk.check_agi_bin(folders).remedy == f"chmod 755 {launcher}"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({}, Level.FAIL),
        ({"extensions.conf": "[a]\nexten => s,1,EAGI(offhook-eagi,${UNIQUEID})\n"}, Level.OK),
        ({"extensions.conf": "; exten => s,1,EAGI(offhook-eagi)\n"}, Level.FAIL),
        (
            {"extensions.conf": '#include "a.conf"\n', "a.conf": "same => n,EAGI(offhook-eagi)\n"},
            Level.OK,
        ),
        ({"extensions.conf": "#tryinclude d/*\n", "d/x.conf": "X=offhook-eagi\nn,EAGI(${X})"}, Level.OK),
        ({"extensions.conf": "#include extensions.conf\n"}, Level.FAIL),
        ({"extensions.conf": "n,AGI(offhook-eagi)\n"}, Level.FAIL),
        ({"extensions.conf": "n,Set(EAGI_AUDIO_FORMAT=SLIN16)\nn,EAGI(offhook-eagi)\n"}, Level.OK),
        ({"extensions.conf": "n,Set(EAGI_AUDIO_FORMAT=${F})\nn,EAGI(offhook-eagi)\n"}, Level.OK),
        ({"extensions.conf": "; n,Set(EAGI_AUDIO_FORMAT=g722)\nn,EAGI(offhook-eagi)\n"}, Level.OK),
        ({"extensions.conf": "n,Set(EAGI_AUDIO_FORMAT=slin48)\nn,EAGI(offhook-eagi)\n"}, Level.FAIL),
        ({"extensions.conf": "n,Set(EAGI_AUDIO_FORMAT=wideband)\nn,EAGI(offhook-eagi)\n"}, Level.WARN),
        (
            {
                "extensions.conf": "n,EAGI(offhook-eagi)\n#include a.conf\n",
                "a.conf": "EAGI_AUDIO_FORMAT = G722\n",
            },
            Level.FAIL,
        ),
    ],
)
def test_dialplan(tmp_path: Path, files: dict[str, str], level: Level) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    finding = asterisk.check_dialplan(tmp_path)
    is_healthy(finding)
    assert finding.level is level


def test_the_shipped_dialplan() -> None:
    shipped = Path(__file__).parents[2] / "asterisk"
    assert is_healthy(asterisk.check_dialplan(shipped))


@pytest.mark.parametrize(
    ("user", "group", "level"),
    [
        (None, "voice", Level.WARN),
        (User("asterisk", 7, 7), None, Level.OK),
        (User("asterisk", 7, 7, groups=frozenset({"voice"})), "voice", Level.OK),
        (User("asterisk", 7, 7, groups=frozenset({"audio"})), "voice", Level.FAIL),
    ],
)
def test_membership(user: User | None, group: str | None, level: Level) -> None:
    finding = asterisk.check_membership(user, group)
    is_healthy(finding)
    assert finding.level is level


def test_users() -> None:
    assert User.named("no-such-user-here") is None
    root = User.named("root")
    assert root is not None
    assert (root.uid, "root" in root.groups) == (0, True)
    assert User.current().uid == os.geteuid()
