"""Which doors are open, and what is said about those that cannot be."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from offhook.config import Config, DoorsConfig
from offhook.daemon.doors import OtherDoors
from offhook.daemon.reload import merged
from offhook.doors.network import is_local, split_address
from offhook.errors import ConfigError


def doors(**sections: dict[str, object]) -> OtherDoors:
    return OtherDoors(DoorsConfig.model_validate(sections), None)


def test_no_door_is_open_by_itself() -> None:
    assert not OtherDoors(Config().doors, None).any


@pytest.mark.parametrize(
    ("section", "value", "words"),
    [
        ("audiosocket", {"listen": "9092"}, "no address: write HOST:PORT"),
        ("audiosocket", {"listen": "127.0.0.1:http"}, "no address"),
        ("audiosocket", {"listen": "0.0.0.0:9092"}, "no call there would be taken: open doors.fastagi"),
        ("websocket", {"listen": "0.0.0.0:8765"}, r"doors\.websocket\.password_file"),
        ("fastagi", {"listen": "pbx.example:4573"}, r"doors\.fastagi\.token_file"),
        ("fastagi", {"listen": "[::]:4573", "token_file": "/nowhere/token"}, "/nowhere/token"),
    ],
)
def test_what_is_wrong_is_one_line(section: str, value: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        doors(**{section: value})
    assert "\n" not in str(raised.value)


def test_a_secret_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for content in ("", "two\nlines\n"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="on one line"):
            doors(fastagi={"listen": "127.0.0.1:0", "token_file": str(file)})
    file.write_text("sesame\n")
    assert doors(fastagi={"listen": "0.0.0.0:0", "token_file": str(file)}).any


async def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        opened = doors(audiosocket={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(ConfigError, match=r"doors\.audiosocket\.listen .* in use.*name a free one"):
            opened.bind()
        await opened.close()


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("/run/offhook/audiosocket", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("pbx.example:1", False),
    ],
)
def test_what_only_this_machine_can_reach(address: str, local: bool) -> None:
    assert is_local(address) is local


def test_addresses() -> None:
    assert split_address("[::1]:9092") == ("::1", 9092)
    assert split_address("pbx:1") == ("pbx", 1)


def test_a_door_is_opened_at_the_start_only() -> None:
    new = Config.model_validate({"doors": {"audiosocket": {"listen": "127.0.0.1:1"}}})
    config, waiting = merged(Config(), new)
    assert waiting == ["doors.audiosocket"]
    assert config.doors == Config().doors
