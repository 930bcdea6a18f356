"""The doctor's command on this machine, and its checks of program, models and machine on made-up ones."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook import __version__
from offhook.cli import doctor
from offhook.cli.checks import compute, machine, models, program
from offhook.cli.checks.finding import Finding, Level, fail, ok, warn
from offhook.config import AgentConfig, Config, LlmConfig, SttConfig, TtsConfig
from tests.support.audio.findings import executable, is_healthy


class TestProgram:
    @pytest.mark.parametrize(
        ("version", "good"), [((3, 10, 9), False), ((3, 11, 0), True), ((3, 14, 1), True)]
    )
    def test_python(self, version: tuple[int, ...], good: bool) -> None:
        assert is_healthy(program.check_python(version)) is good

    def test_packages(self) -> None:
        assert is_healthy(program.check_packages(["json", "numpy"]))
        missing = program.check_packages(["json", "no_such_module", "no.such.parent"])
        assert not is_healthy(missing)
        assert missing.what == "Python packages missing: no_such_module, no.such.parent"

    @pytest.mark.parametrize(
        ("installed", "required", "good"),
        [("1.2", "1.2", True), ("1.2", None, True), ("1.3", "1.2", False), (None, "1.2", False)],
    )
    def test_llama(self, installed: str | None, required: str | None, good: bool) -> None:
        assert is_healthy(program.check_llama_version(installed, required)) is good

    def test_native_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "offhook.core", None)
        finding = program.check_native()
        assert not is_healthy(finding)
        assert "make build" in finding.remedy

    @pytest.mark.parametrize(
        ("script", "says"),
        [
            (f"echo offhook-eagi {__version__}", ""),
            ("echo offhook-eagi 0.0.1", "not of release"),
            ("exit 1", "not of release"),
            (None, "missing"),
        ],
    )
    def test_launcher(self, tmp_path: Path, script: str | None, says: str) -> None:
        path = tmp_path / "offhook-eagi"
        if script is not None:
            executable(path, script)
        finding = program.check_launcher(path, __version__)
        assert is_healthy(finding) is (not says)
        assert says in finding.what

    @pytest.mark.parametrize(("mode", "says"), [(0o644, "may not be executed"), (0o755, "does not run")])
    def test_launcher_that_does_not_run(self, tmp_path: Path, mode: int, says: str) -> None:
        path = tmp_path / "offhook-eagi"
        path.write_bytes(b"\x7fELF nonsense")
        path.chmod(mode)
        finding = program.check_launcher(path, __version__)
        assert not is_healthy(finding)
        assert says in finding.what

    def test_config(self, tmp_path: Path) -> None:
        path = tmp_path / "offhook.toml"
        path.write_text("[daemon]\nmax_calls = 3\n")
        finding, config = program.check_config(path)
        assert is_healthy(finding)
        assert config.daemon.max_calls == 3
        path.write_text("[daemon]\nmax_cals = 3\n")
        finding, config = program.check_config(path)
        assert not is_healthy(finding)
        assert "did you mean" in finding.what
        assert config == Config()


class TestModels:
    def test_stt(self, tmp_path: Path) -> None:
        ggml = tmp_path / "ggml-base.en.bin"
        ggml.write_bytes(b"lmgg" + bytes(40))
        wrong = tmp_path / "wrong.bin"
        wrong.write_bytes(b"GGUF")
        folder = tmp_path / "moonshine"
        folder.mkdir()

        def found(stt: SttConfig) -> Finding:
            return models.check_stt(Config(stt=stt))

        assert is_healthy(found(SttConfig(engine="whisper", model=ggml)))
        assert "is not a ggml" in found(SttConfig(engine="whisper", model=wrong)).what
        assert "No such file" in found(SttConfig(engine="whisper", model=tmp_path / "none")).what
        assert "is named" in found(SttConfig(engine="whisper")).what
        assert "lacks encoder_model.ort" in found(SttConfig(model=folder)).what
        for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
            (folder / name).touch()
        assert is_healthy(found(SttConfig(model=folder)))

    @pytest.mark.parametrize(
        ("content", "says"), [(b"GGUF...", ""), (b"lmgg", "is not a GGUF"), (b"", "is not a GGUF")]
    )
    def test_llm(self, tmp_path: Path, content: bytes, says: str) -> None:
        path = tmp_path / "model.gguf"
        path.write_bytes(content)
        finding = models.check_llm(Config(llm=LlmConfig(model=str(path))))
        assert is_healthy(finding) is (not says)
        assert says in finding.what

    def test_piper_voice(self, tmp_path: Path) -> None:
        config = Config(tts=TtsConfig(engine="piper", voice=str(tmp_path / "v.onnx")))
        assert "v.onnx.json is missing" in models.check_tts(config).what
        (tmp_path / "v.onnx.json").write_text("{}")
        assert "No such file" in models.check_tts(config).what
        (tmp_path / "v.onnx").write_bytes(b"\x08")
        assert is_healthy(models.check_tts(config))

    def test_embedded_models_that_are_not_installed(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        monkeypatch.setenv("OFFHOOK_MODELS", str(tmp_path))
        for check in (models.check_stt, models.check_llm, models.check_tts):
            finding = check(Config())
            assert not is_healthy(finding)
            assert "offhook models pull" in finding.remedy

    def test_agent(self, tmp_path: Path) -> None:
        assert is_healthy(models.check_agent(Config()))
        finding = models.check_agent(Config(agent=AgentConfig(default=str(tmp_path / "none.toml"))))
        assert not is_healthy(finding)


class TestMachine:
    @pytest.mark.parametrize(
        ("cpuinfo", "cores", "level"),
        [
            ("flags\t\t: fpu avx avx2 bmi\n", 4, Level.OK),
            ("flags\t\t: fpu avx2\n", 1, Level.WARN),
            ("flags\t\t: fpu avx\n", 8, Level.WARN),
            ("Features\t: fp asimd\n", 4, Level.OK),
            ("", 2, Level.OK),
        ],
    )
    def test_cpu(self, cpuinfo: str, cores: int, level: Level) -> None:
        finding = machine.check_cpu(cpuinfo, cores)
        is_healthy(finding)
        assert finding.level is level

    @pytest.mark.parametrize(
        ("meminfo", "level"),
        [
            ("MemTotal: 9 kB\nMemAvailable:    8388608 kB\n", Level.OK),
            ("MemAvailable:     524288 kB\n", Level.WARN),
            ("", Level.WARN),
        ],
    )
    def test_memory(self, meminfo: str, level: Level) -> None:
        finding = machine.check_memory(meminfo)
        is_healthy(finding)
        assert finding.level is level

    @pytest.mark.parametrize(
        ("limit", "calls", "level"),
        [
            (1024, 8, Level.OK),
            (1024, 112, Level.OK),
            (1024, 113, Level.FAIL),
            (resource.RLIM_INFINITY, 1024, Level.OK),
        ],
    )
    def test_descriptors(self, limit: int, calls: int, level: Level) -> None:
        finding = machine.check_descriptors(limit, calls)
        is_healthy(finding)
        assert finding.level is level


class TestCompute:
    """Libraries that this processor cannot run end a process without a word."""

    def test_this_processor(self) -> None:
        finding = compute.check_compute(None)
        assert is_healthy(finding), finding
        assert "numpy" in finding.what

    @pytest.mark.parametrize(
        ("script", "llama", "says", "remedy"),
        [
            ("echo numpy; kill -ILL $$", None, "numpy on this processor: ended by signal 4 (", ":all: numpy"),
            ("echo numpy; echo libllama; kill -ILL $$", "1.2", "libllama on", "llama-cpp-python==1.2"),
            ("echo numpy; echo libllama; kill -ILL $$", None, "libllama on", "newest offhook"),
            ("echo numpy; kill -KILL $$", None, "memory", "make room"),
            ("echo numpy; echo built for X86_V2 >&2; exit 1", None, "numpy does not compute: built for", ""),
            ("echo no module >&2; exit 1", None, "offhook does not compute: no module", ""),
        ],
    )
    def test_one_that_cannot(self, script: str, llama: str | None, says: str, remedy: str) -> None:
        finding = compute.check_compute(llama, ["sh", "-c", script])
        assert not is_healthy(finding)
        assert finding.level is Level.FAIL
        assert says in finding.what
        assert remedy in finding.remedy

    def test_no_process(self, tmp_path: Path) -> None:
        assert compute.check_compute(None, [str(tmp_path / "none")]).level is Level.WARN


class TestCommand:
    def run(self, *argv: str) -> int:
        parser = argparse.ArgumentParser()
        doctor.add_parser(parser.add_subparsers())
        return doctor.run(parser.parse_args(["doctor", *argv]))

    def test_report(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        found = [ok("a"), warn("b", "do c"), fail("d", "do e")]
        monkeypatch.setattr(doctor, "examine", lambda *_, **__: iter(found))
        assert self.run() == 1
        assert capsys.readouterr().out.splitlines() == [
            "ok    a",
            "warn  b  -> do c",
            "fail  d  -> do e",
            "1 ok, 1 to look at, 1 failed",
        ]

    def test_what_was_found_is_told_before_the_next_check_ends_the_process(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def examine(*_: object, **__: object) -> Iterator[Finding]:
            yield fail("a", "do b")
            assert capsys.readouterr().out == "fail  a  -> do b\n"

        monkeypatch.setattr(doctor, "examine", examine)
        assert self.run() == 1

    def test_this_machine(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config = tmp_path / "offhook.toml"
        config.write_text(f"[daemon]\nsocket = '{tmp_path}/d.sock'\nplayback_dir = '{tmp_path}/answers'\n")
        status = self.run("--config", str(config), "--json")
        findings = [
            Finding(Level(entry["level"]), entry["what"], entry["remedy"])
            for entry in json.loads(capsys.readouterr().out)["findings"]
        ]
        assert len(findings) >= 17
        for finding in findings:
            is_healthy(finding)
        assert status == int(any(finding.level == "fail" for finding in findings))
        assert any(finding.what.startswith(f"no daemon at {tmp_path}") for finding in findings)

    def test_a_bad_configuration_fails_and_the_rest_is_still_examined(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = tmp_path / "offhook.toml"
        config.write_text("nonsense")
        assert self.run("--config", str(config)) == 1
        lines = capsys.readouterr().out.splitlines()
        assert any(line.startswith("fail  configuration: ") for line in lines)
        assert any(line.startswith(("ok    stt: ", "fail  stt: ")) for line in lines)

    def test_it_works_without_the_native_parts(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("offhook.core", "offhook.engines.llm.embedded", "offhook.agents.loader"):
            monkeypatch.setitem(sys.modules, name, None)
        assert self.run() == 1
        assert "fail  compiled core" in capsys.readouterr().out
