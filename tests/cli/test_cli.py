"""The command line: help, errors in one line, and a broken installation that still explains itself."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offhook import __version__
from offhook.cli import main as cli


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*([command] if command else []), "--help"])
    assert ended.value.code == 0
    assert f"usage: offhook {command}".strip() in capsys.readouterr().out


def test_the_package_is_the_command_too() -> None:
    asked = subprocess.run([sys.executable, "-m", "offhook", "--version"], capture_output=True, text=True)
    assert (asked.returncode, asked.stdout) == (0, f"offhook {__version__}\n")


def test_errors_are_one_line_and_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["serve", "--config", str(tmp_path / "absent.toml")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("offhook: error: ")
    assert error.count("\n") == 1


def test_a_call_to_a_path_that_no_socket_can_have_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(tmp_path / ("x" * 120))
    assert cli.main(["call", "--config", "/dev/null", "--socket", path, "--say", "Hi."]) == 2
    assert "choose a shorter one" in capsys.readouterr().err


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["trace", "--sloow"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --sloow" in capsys.readouterr().err


def test_a_command_that_cannot_be_loaded_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.import_module

    def without_core(name: str, *rest: Any) -> Any:
        if name == "offhook.cli.serve":
            raise ImportError("offhook's compiled core cannot be loaded; run `make build`")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without_core)
    assert cli.main(["serve", "--config", "x"]) == 2
    assert "run `make build`" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_ends_a_command_with_what_it_has_started(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def run(args: Any) -> int:
        try:
            signal.raise_signal(number)
            return 0
        finally:
            ended.append("its daemon")

    monkeypatch.setattr("offhook.cli.demo.run", run)
    before = signal.signal(number, signal.SIG_DFL)  # below nohup it would be ignored
    try:
        assert cli.main(["demo"]) == 130
        assert ended == ["its daemon"]
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


BAD_STARTS: dict[str, tuple[str, str]] = {
    "unknown key": ("[turn]\nendpointing = 3\n", "unknown key 'turn.endpointing'"),
    "missing model": ('[llm]\nmodel = "{folder}/absent.gguf"\n', "absent.gguf"),
    "corrupt model": ('[llm]\nmodel = "{folder}/corrupt.gguf"\n', "corrupt.gguf"),
    "wrong kind of model": ('[stt]\nengine = "whisper"\nmodel = "{folder}/corrupt.gguf"\n', "corrupt.gguf"),
    "no such agent": ('[agent]\ndefault = "reception"\n', "did you mean 'receptionist'"),
    "unknown group": ('[daemon]\ngroup = "no-such-group"\n', "no-such-group"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_serve_refuses_to_start_with_one_clear_line(name: str, tmp_path: Path) -> None:
    settings, expected = BAD_STARTS[name]
    (tmp_path / "corrupt.gguf").write_bytes(b"GGUF" + bytes(1000))
    daemon = f'[daemon]\nsocket = "{tmp_path}/s.sock"\nplayback_dir = "{tmp_path}/play"\n'
    own_daemon = "[daemon]" in settings
    settings = settings.replace("[daemon]\n", daemon) if own_daemon else daemon + settings
    config = tmp_path / "offhook.toml"
    config.write_text(settings.replace("{folder}", str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-m", "offhook.cli.main", "serve", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("offhook: error: ")]
    assert done.returncode == 2
    assert len(errors) == 1, done.stderr
    assert expected in errors[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s.sock").exists()
    assert list((tmp_path / "play").glob("*")) == []


def test_serve_refuses_a_socket_in_use_and_an_unwritable_playback_folder(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    config = tmp_path / "offhook.toml"
    for socket, playback, expected in (
        (blocked, tmp_path / "play", str(blocked)),
        (tmp_path / "s.sock", blocked / "below", "playback_dir"),
    ):
        config.write_text(f'[daemon]\nsocket = "{socket}"\nplayback_dir = "{playback}"\n')
        done = subprocess.run(
            [sys.executable, "-m", "offhook.cli.main", "serve", "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 2
        assert expected in done.stderr
        assert "Traceback" not in done.stderr
    assert blocked.read_text() == ""
