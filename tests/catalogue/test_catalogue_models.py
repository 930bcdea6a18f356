"""``offhook models``, and what the configuration makes of the names."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from offhook.catalogue.entries import Entry, SourceFile
from offhook.catalogue.folder import stored
from offhook.catalogue.pull import pull
from offhook.catalogue.resolve import resolve
from offhook.cli import main as cli
from offhook.cli.checks import models as checks
from offhook.cli.checks.finding import Level
from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines import chosen
from offhook.engines.pool import load_models
from offhook.errors import ConfigError, ModelError
from tests.support.engines.tiny_ctranslate2 import write_tiny_ctranslate2
from tests.support.engines.tiny_gguf import write_llama
from tests.support.engines.tiny_piper import write_tiny_piper

GGUF = b"GGUF of a model"


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "Tiny Model.gguf"
    path.write_bytes(GGUF)
    return path


def models_command(*words: str | Path) -> int:
    return cli.main(["models", *map(str, words)])


def test_the_list_has_the_catalogue_and_what_was_imported(
    models: Path, gguf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models_command("import", gguf) == 0
    assert models_command("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert listed["folder"] == str(models)
    by_name: dict[str, dict[str, Any]] = {one["name"]: one for one in listed["models"]}
    assert by_name["Tiny-Model"] | {"source": ""} == {
        "name": "Tiny-Model", "task": "llm", "engine": "llama", "languages": [], "size": len(GGUF),
        "licence": "unknown", "pulled": True, "needs": None, "sha256": "own", "source": "",
        "summary": f"imported from {gguf}",
    }  # fmt: skip
    base = by_name["whisper-base"]
    assert (base["pulled"], base["licence"], base["sha256"], base["needs"]) == (
        False, "MIT", "known", "offhook[whisper]",
    )  # fmt: skip
    assert models_command("list") == 0
    assert "Tiny-Model" in capsys.readouterr().out


def test_verify_tells_what_has_changed(models: Path, gguf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models_command("import", gguf, "--name", "tiny")
    assert models_command("verify") == 0
    (models / "tiny" / gguf.name).write_bytes(GGUF[::-1])
    capsys.readouterr()
    assert models_command("verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["faults"] == {"tiny": [f"{gguf.name} has been changed"]}
    assert models_command("verify", "tiny") == 1
    assert "`offhook models remove tiny` and import it again" in capsys.readouterr().out
    assert models_command("bundle", models / "b.tar", "tiny") == 2


def test_a_bundle_carries_models_to_another_machine(
    models: Path, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_command("import", gguf, "--name", "tiny")
    models_command("import", write_tiny_piper(tmp_path), "--name", "voice")
    bundle = tmp_path / "b.tar"
    assert models_command("bundle", bundle, "tiny", "voice") == 0
    monkeypatch.setenv("OFFHOOK_MODELS", str(tmp_path / "elsewhere"))
    assert models_command("import", bundle) == 0
    here, there = stored("voice", models), stored("voice")
    assert here is not None
    assert here == there
    assert models_command("verify") == 0
    assert models_command("remove", "voice", "tiny") == 0
    assert [path for path in (tmp_path / "elsewhere").iterdir() if not path.name.endswith(".lock")] == []


def rewritten(bundle: Path, name: str, content: bytes) -> None:
    """One member of a bundle exchanged."""
    with tarfile.open(bundle) as old:
        members = [(member.name, old.extractfile(member)) for member in old]
        found = [(at, file.read()) for at, file in members if file is not None]
    with tarfile.open(bundle, "w") as new:
        for at, data in found:
            member = tarfile.TarInfo(at)
            data = content if at == name else data
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    ("member", "content", "said"),
    [
        ("tiny/m.gguf", b"GGUF changed", "tiny/m.gguf is damaged"),
        ("offhook-models.json", b"{", "manifest is damaged"),
        ("offhook-models.json", b'{"format": 2}', "a bundle of format 2"),
        ("offhook-models.json", b"../", "not to be trusted"),
    ],
)
def test_a_bundle_that_is_not_as_it_was_is_refused(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str, content: bytes, said: str
) -> None:
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(GGUF)
    models_command("import", gguf, "--name", "tiny")
    bundle = tmp_path / "b.tar"
    models_command("bundle", bundle, "tiny")
    models_command("remove", "tiny")
    if content == b"../":
        with tarfile.open(bundle) as tar:
            file = tar.extractfile("offhook-models.json")
            assert file is not None
            content = file.read().replace(b'"m.gguf"', b'"../../m.gguf"')
    rewritten(bundle, member, content)
    assert models_command("import", bundle) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert said in error
    assert stored("tiny") is None


def test_a_whisper_folder_is_imported_and_quantised(models: Path, tmp_path: Path) -> None:
    first = write_tiny_ctranslate2(tmp_path / "whisper-own", parts=2)
    second = tmp_path / "second"
    second.mkdir()
    (first / "model.bin.part2").rename(second / "model.bin.part2")
    assert models_command("import", first, second, "--quantise") == 0
    model = stored("whisper-own")
    assert model is not None
    assert (model.task, model.engine, model.file) == ("stt", "whisper", "ggml-whisper-own-q8_0.bin")


def test_a_gguf_is_imported_and_quantised(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models_command("import", write_llama(tmp_path / "own.gguf"), "--quantise") == 0
    model = stored("own")
    assert model is not None
    assert (model.task, model.file, list(model.files)) == ("llm", "own.Q4_0.gguf", ["own.Q4_0.gguf"])
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and nothing else")
    capsys.readouterr()
    assert models_command("import", tmp_path / "bad.gguf", "--quantise") == 2
    assert "bad.gguf: cannot be requantised" in capsys.readouterr().err.splitlines()[-1]
    assert stored("bad") is None


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        ({"a.txt": b"hello"}, ["a.txt"], "not known what this is; what can be imported is a bundle"),
        ({"a.onnx": b"x"}, ["a.onnx"], "a.onnx.json is missing: a Piper voice is both files"),
        ({"d/x": b""}, ["d"], "there is no model.bin in it"),
        ({"a.gguf": GGUF}, ["a.gguf", "--name", "../x"], "cannot be a model's name"),
        ({"a.bin": b"lmgg"}, ["a.bin", "--quantise"], "--quantise makes q8_0"),
        ({}, ["absent"], "there is no such file or folder"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, bytes],
    words: list[str], said: str,
) -> None:  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert (
        models_command(
            "import",
            tmp_path / words[0],
            *[w if w.startswith("-") or w == "../x" else tmp_path / w for w in words[1:]],
        )
        == 2
    )
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


# --- names in the configuration ------------------------------------------------------------------


def test_a_name_that_is_not_here_says_the_command(models: Path) -> None:
    with pytest.raises(
        ModelError, match=r"stt\.model = 'whisper-base' .*: offhook models pull whisper-base$"
    ):
        load_models(Config.model_validate({"stt": {"model": "whisper-base"}}))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"stt": {"model": "whisper-bse"}}, "neither a file nor a model .*did you mean 'whisper-base'"),
        ({"stt": {"model": "smollm2-135m"}}, "is a model for llm, not for stt"),
        ({"tts": {"model": "piper-en_US-joe-medium"}}, "offhook models pull piper-en_US-joe-medium"),
        ({"tts": {"model": "x", "voice": "en-us"}}, "both name the voice"),
        ({"llm": {"model": "qwen2.5-0.5b-instruct"}}, "offhook models pull qwen2.5-0.5b-instruct"),
    ],
)
def test_the_doctor_says_the_same(models: Path, sections: dict[str, dict[str, str]], said: str) -> None:
    (section,) = sections
    config = Config.model_validate(sections)
    finding = {"stt": checks.check_stt, "tts": checks.check_tts, "llm": checks.check_llm}[section](config)
    assert finding.level is Level.FAIL
    with pytest.raises((ConfigError, ModelError), match=said) as caught:
        load_models(config)
    assert str(caught.value) in finding.what


def named(found: chosen.Chosen) -> tuple[str, str | None]:
    return found.engine.name, found.model


def test_a_name_tells_its_engine(models: Path, tmp_path: Path) -> None:
    models_command("import", write_tiny_ctranslate2(tmp_path / "own"))
    models_command("import", write_tiny_piper(tmp_path), "--name", "nice")
    stt, tts = SttConfig(model=Path("own")), TtsConfig(model="nice")
    assert named(chosen.recogniser(stt)) == ("whisper", str(models / "own" / "ggml-own.bin"))
    assert named(chosen.voice(tts)) == ("piper", str(next((models / "nice").glob("*.onnx"))))
    assert named(chosen.voice(TtsConfig(model="/srv/own.onnx"))) == ("piper", "/srv/own.onnx")
    with pytest.raises(ConfigError, match=r"tts\.model is one for piper, but tts\.engine is espeak"):
        chosen.voice(TtsConfig(engine="espeak", model="/srv/own.onnx"))
    with pytest.raises(ConfigError, match=r"stt\.model is one for whisper, but stt\.engine is moonshine"):
        chosen.recogniser(SttConfig(engine="moonshine", model=Path("own")))


def test_a_path_stays_a_path(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.gguf").write_bytes(GGUF)
    monkeypatch.chdir(tmp_path)
    assert named(chosen.language_model(LlmConfig(model="own.gguf"))) == ("llama", "own.gguf")
    assert named(chosen.language_model(LlmConfig(model="/absent.gguf"))) == ("llama", "/absent.gguf")
    assert resolve("~/x.bin", "stt", "stt.model").path == Path.home() / "x.bin"


def test_a_stored_model_without_its_file_says_what_to_do(models: Path) -> None:
    content = hashlib.sha256(GGUF).hexdigest()
    file = {"url": "https://hub.example/m.gguf", "size": len(GGUF), "sha256": content}
    entry = Entry.model_validate(
        {"name": "m", "task": "llm", "engine": "llama", "languages": ["en"], "licence": "MIT", "summary": "",
         "file": "m.gguf", "files": [file]}
    )  # fmt: skip

    def fetch(_url: str, target: Path, _file: SourceFile) -> str:
        target.write_bytes(GGUF)
        return content

    model, _ = pull(entry, lambda _line: None, fetch=fetch)
    model.path.unlink()
    with pytest.raises(ModelError, match="offhook models remove m && offhook models pull m"):
        resolve("m", "llm", "llm.model")
