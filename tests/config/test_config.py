"""Configuration: defaults, and one clear line for each thing that can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.config import Config, find_config, load_config
from offhook.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "offhook.toml"
    path.write_text(text)
    return path


def test_defaults_need_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OFFHOOK_CONFIG", raising=False)
    monkeypatch.setattr("offhook.config.reading.DEFAULT_PATH", tmp_path / "absent.toml")
    assert load_config() == Config()


def test_a_file_that_was_read_and_has_gone_is_an_error_and_no_reason_for_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OFFHOOK_CONFIG", raising=False)
    monkeypatch.setattr("offhook.config.reading.DEFAULT_PATH", write(tmp_path, "[turn]\npause_ms = 80\n"))
    found = find_config()
    assert load_config(found).turn.pause_ms == 80
    (tmp_path / "offhook.toml").unlink()
    assert find_config() is None
    with pytest.raises(ConfigError, match="No such file"):  # as a reload reads it
        load_config(found)


def test_environment_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OFFHOOK_CONFIG", str(write(tmp_path, "[turn]\npause_ms = 80\n")))
    assert load_config().turn.pause_ms == 80


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[turn]\nbarge_inn = 3\n", "did you mean 'barge_in'"),
        ("[turns]\n", "did you mean 'turn'"),
        ("[turn]\nzzz = 1\n", "known keys: responsiveness"),
        ("[turn]\npause_ms = 5\n", "turn.pause_ms: Input should be greater than or equal to 40, got 5"),
        ("[stt]\nengine = 7\n", "stt.engine: Input should be a valid string, got 7"),
        ("[llm]\nthreads = 'many'\n", "llm.threads"),
        ("[turn\n", "not valid TOML"),
        ("[daemon]\nplayback_dir = ''\n", "daemon.playback_dir: is empty: name a file or a folder"),
        ("[doors.ari]\npassword_file = ' '\n", "doors.ari.password_file: is empty"),
        ("[daemon]\nmax_calls = 0\n[turn]\npause_ms = 5\n", "(and 1 more)"),
    ],
)
def test_bad_configuration_is_one_clear_line(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert expected in message
    assert message.startswith(str(path))
    assert "\n" not in message


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "absent.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(binary)


def test_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().turn.pause_ms = 3  # type: ignore[misc]
