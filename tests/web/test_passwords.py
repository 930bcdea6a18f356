"""Who may log in, how often they may try, and how long they stay."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from offhook.cli.main import main
from offhook.errors import ConfigError
from offhook.web.passwords import Passwords
from offhook.web.sessions import FAILED_WITHIN_S, MOST_FAILED, MOST_FAILED_OF_ALL, Sessions, Tries


def test_a_password_is_kept_as_a_hash_that_only_its_owner_reads(tmp_path: Path) -> None:
    passwords = Passwords(tmp_path / "new" / "web.passwd")
    passwords.put("ada", "difference engine")
    passwords.put("bob", "another password")
    assert "difference" not in passwords.path.read_text()
    assert stat.S_IMODE(passwords.path.stat().st_mode) == 0o600
    assert passwords.fits("ada", "difference engine")
    assert not passwords.fits("ada", "another password")
    assert not passwords.fits("eve", "difference engine")
    assert not passwords.fits("", "")
    passwords.put("ada", "analytical engine")
    assert not passwords.fits("ada", "difference engine")
    passwords.remove("bob")
    assert passwords.users() == ["ada"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file; `offhook web passwd` writes it"),
        ("", "nobody is in it"),
        ("ada:secret\n", "line 1: not as `offhook web passwd` writes it"),
        ("# ours\nada:scrypt:1000000000:8:1:AAAA:AAAA\n", "line 2"),
        ("ada:scrypt:32768:8:1:!!!!:AAAA\n", "line 1"),
        ("ada:scrypt:32768:8:1:AAAA:\n", "line 1"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "web.passwd"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Passwords(path).users()
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_command_takes_a_password_from_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "web.passwd"
    command = ["web", "passwd", "ada", "--file", str(path)]
    monkeypatch.setattr("sys.stdin", io.StringIO("too short\n"))
    assert main(command) == 2
    assert "10 to 1024 characters" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("long enough for us\n"))
    assert main(command) == 0
    assert Passwords(path).fits("ada", "long enough for us")
    assert main([*command, "--remove"]) == 0
    # The configuration says where, named before the word or behind it.
    config = tmp_path / "offhook.toml"
    config.write_text(f'[web]\npassword_file = "{tmp_path}/other"\n')
    named = ["--config", str(config)]
    for line in (["web", *named, "passwd", "bob"], ["web", "passwd", "eve", *named]):
        monkeypatch.setattr("sys.stdin", io.StringIO("long enough for us\n"))
        assert main(line) == 0
    assert Passwords(tmp_path / "other").users() == ["bob", "eve"]
    with pytest.raises(ConfigError, match="nobody is in it"):
        Passwords(path).users()


def test_who_guesses_waits_and_who_is_late_logs_in_again() -> None:
    now = [1000.0]
    tries, sessions = Tries(lambda: now[0]), Sessions(1.0, lambda: now[0])
    for _ in range(MOST_FAILED):
        assert tries.wait_s("a") == 0
        tries.failed("a")
    assert (tries.wait_s("a"), tries.wait_s("b")) == (FAILED_WITHIN_S, 0)
    now[0] += FAILED_WITHIN_S
    assert tries.wait_s("a") == 0
    for number in range(MOST_FAILED_OF_ALL):
        tries.failed(str(number))
    assert tries.wait_s("somebody else") == FAILED_WITHIN_S
    token, session = sessions.begin("ada")
    assert sessions.find(token) is session
    assert session.is_own(session.csrf)
    assert not session.is_own("")
    assert sessions.find(token[:-1]) is None
    now[0] += 3601
    assert sessions.find(token) is None
