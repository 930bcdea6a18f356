"""Paths that people name: all of them are read alike, or refused in one line that says what to do."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offhook.agents.loader import agent_names, load_agent
from offhook.cli import main as cli
from offhook.cli.checks import asterisk, models, places, program, trial
from offhook.cli.checks.finding import Finding, Level
from offhook.cli.checks.users import User
from offhook.config import AgentConfig, Config, LlmConfig, SttConfig, TtsConfig, load_config
from offhook.engines.pool import load_language_model, load_recognizer, load_synthesizer
from offhook.errors import ConfigError, OffhookError
from offhook.evaluation.suite import load_suite
from offhook.observe.trace import TraceWriter, read_traces
from offhook.observe.transcript import TranscriptWriter
from offhook.simulator.record import read_transcript
from offhook.simulator.speech import read_wav
from tests.support.audio.findings import is_healthy
from tests.support.rights import as_nobody

READERS: dict[str, Callable[[Path], object]] = {
    "configuration": load_config,
    "agent": lambda path: load_agent(str(path)),
    "GGUF file": lambda path: load_language_model(LlmConfig(model=str(path)), 1),
    "Whisper file": lambda path: load_recognizer(SttConfig(engine="whisper", model=path)),
    "suite": load_suite,
    "recording": lambda path: read_wav(path, 8_000),
    "trace": read_traces,
    "transcript": lambda path: read_transcript(path, "1.2"),
}
"""Whatever reads one file that somebody has named."""


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(OffhookError) as caught:
        read()
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.fixture
def house() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own is root's alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


@pytest.mark.parametrize("what", READERS)
class TestEveryReader:
    def test_a_folder_is_no_file(self, what: str, house: Path) -> None:
        said = refusal(lambda: READERS[what](house))
        assert f"{house}: is a folder: name a file in it" in said or f"{house}: is a folder: name" in said

    def test_a_link_that_leads_nowhere(self, what: str, house: Path) -> None:
        link = house / "link"
        link.symlink_to(house / "gone")
        said = refusal(lambda: READERS[what](link))
        assert f"{link} is a link to {house / 'gone'}, where nothing is" in said

    def test_a_folder_on_the_way_that_is_missing_or_a_file(self, what: str, house: Path) -> None:
        said = refusal(lambda: READERS[what](house / "missing" / "x" / "y.toml"))
        assert f"there is no folder {house / 'missing'}:" in said
        (house / "file").touch()
        assert f"{house / 'file'} is a file:" in refusal(lambda: READERS[what](house / "file" / "y.toml"))

    def test_a_closed_folder_is_named_where_it_really_is(self, what: str, house: Path) -> None:
        (house / "closed").mkdir(mode=0o700)
        (house / "closed" / "it").touch()
        (house / "closed").chmod(0)
        (house / "way").symlink_to(house / "closed")
        with as_nobody():
            said = refusal(lambda: READERS[what](house / "way" / "it"))
            user = pwd.getpwuid(os.geteuid()).pw_name
        closed = house / "closed"
        assert f"user {user!r} may not look into {closed}: open it (chmod o+rx {closed})" in said

    def test_a_closed_file(self, what: str, house: Path) -> None:
        path = house / "it"
        path.touch(0)
        with as_nobody():
            assert f"may not read {path}: open it (chmod o+r {path})" in refusal(lambda: READERS[what](path))


def test_models_of_several_files_in_closed_folders(house: Path) -> None:
    closed = house / "closed"
    closed.mkdir(mode=0)
    voice = TtsConfig(engine="piper", voice=str(closed / "v.onnx"))
    with as_nobody():
        for read in (lambda: load_synthesizer(voice), lambda: load_recognizer(SttConfig(model=closed))):
            assert f"may not look into {closed}: open it" in refusal(read)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_are_named_with_the_place(encoding: str, house: Path) -> None:
    texts = {load_config: "# caf\u00e9\n", load_suite: '{"id": "caf\u00e9"}'}
    for read, text in texts.items():
        path = house / "file"
        path.write_bytes(text.encode(encoding))
        assert "save the file as UTF-8" in refusal(lambda read=read, path=path: read(path))  # type: ignore[misc]


# --- where relative paths begin --------------------------------------------------------------------


def test_relative_paths_lie_beside_the_file_that_names_them(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house / "etc").mkdir()
    path = house / "etc" / "offhook.toml"
    path.write_text(
        '[daemon]\nsocket = "run/s.sock"\ntrace_file = "../trace.jsonl"\n'
        '[agent]\ndefault = "./mine.toml"\nsearch = ["agents"]\n'
        '[stt]\nengine = "whisper"\nmodel = "ggml.bin"\n[llm]\nmodel = "model.gguf"\n'
        '[tts]\nengine = "piper"\nvoice = "voice.onnx"\n'
    )
    monkeypatch.chdir(house)
    for named in (path, Path("etc/offhook.toml")):
        config = load_config(named)
        etc = house / "etc"
        assert config.daemon.socket == etc / "run" / "s.sock"
        assert config.daemon.trace_file == etc / ".." / "trace.jsonl"
        assert Path(config.agent.default) == etc / "mine.toml"
        assert config.agent.search == (etc / "agents",)
        assert (config.stt.model, config.llm.model) == (str(etc / "ggml.bin"), str(etc / "model.gguf"))
        assert config.tts.voice == str(etc / "voice.onnx")


def test_names_are_no_paths_and_a_key_is_not_taken_for_one(house: Path) -> None:
    path = house / "offhook.toml"
    path.write_text(
        '[agent]\ndefault = "helpdesk"\n[tts]\nvoice = "en-gb"\n'
        '[llm]\nengine = "ollama"\nmodel = "llama3.2"\napi_key_file = "sk-secret"\n'
    )
    config = load_config(path)
    assert (config.agent.default, config.tts.voice, config.llm.model) == ("helpdesk", "en-gb", "llama3.2")
    assert config.llm.api_key_file == Path("sk-secret"), "refused later, without being shown"
    path.write_text('[llm]\nmodel = "smollm2-135m-instruct"\n')
    assert load_config(path).llm.model == LlmConfig().model


def test_a_configuration_from_a_pipe_means_where_we_are() -> None:
    read, write = os.pipe()
    os.write(write, b'[daemon]\ntrace_file = "trace.jsonl"\n')
    os.close(write)
    try:
        assert load_config(Path(f"/dev/fd/{read}")).daemon.trace_file == Path("trace.jsonl")
    finally:
        os.close(read)


# --- what is there, and not what was meant ---------------------------------------------------------


def test_a_default_configuration_that_leads_nowhere_is_not_passed_over(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OFFHOOK_CONFIG", raising=False)
    link = house / "offhook.toml"
    link.symlink_to(house / "gone")
    monkeypatch.setattr("offhook.config.reading.DEFAULT_PATH", link)
    assert "where nothing is" in refusal(load_config)


def test_an_agents_link_that_leads_nowhere_is_not_replaced_by_a_shipped_one(house: Path) -> None:
    (house / "receptionist.toml").symlink_to(house / "gone")
    assert "where nothing is" in refusal(lambda: load_agent("receptionist", [house]))


def test_an_agent_folder_that_is_a_file(house: Path) -> None:
    (house / "agents").touch()
    assert f"{house / 'agents'}: is a file" in refusal(lambda: agent_names([house / "agents"]))
    assert f"{house / 'agents'}: is a file" in refusal(lambda: load_agent("mine", [house / "agents"]))


@pytest.mark.parametrize("write", [TraceWriter, TranscriptWriter])
def test_what_cannot_be_written_says_what_is_missing(write: Callable[[Path], object], house: Path) -> None:
    with pytest.raises(ConfigError, match=f"make the folder {house}/logs first"):
        write(house / "logs" / "file")
    (house / "closed").mkdir(mode=0o700)
    with as_nobody(), pytest.raises(ConfigError, match="has to be allowed to write it, and to enter"):
        write(house / "closed" / "file")


def test_a_file_that_nobody_looked_at_is_still_one_line(
    house: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path | None) -> Config:
        raise PermissionError(13, "Permission denied", str(house))

    monkeypatch.setattr("offhook.cli.serve.load_config", broken)
    assert cli.main(["serve"]) == 2
    assert capsys.readouterr().err == f"offhook: error: {house}: Permission denied\n"


# --- the doctor ------------------------------------------------------------------------------------


def test_the_doctor_names_the_closed_place_and_its_remedy(house: Path) -> None:
    closed = house / "closed"
    closed.mkdir()
    (closed / "offhook.toml").touch()
    (closed / "mine.toml").touch()
    closed.chmod(0)
    remedy = f"open it (chmod o+rx {closed}), or run offhook as a user that may"
    asterisk_user = User("asterisk", 7, 7)

    def agent(section: AgentConfig) -> Config:
        return Config(agent=section)

    checks: dict[str, Callable[[], Finding]] = {
        "configuration": lambda: program.check_config(closed / "offhook.toml")[0],
        "agent": lambda: models.check_agent(agent(AgentConfig(default=str(closed / "mine.toml")))),
        "agent folder": lambda: models.check_agent(agent(AgentConfig(default="mine", search=(closed,)))),
        "gguf": lambda: models.check_llm(Config(llm=LlmConfig(model=str(closed / "m.gguf")))),
        "whisper": lambda: models.check_stt(Config(stt=SttConfig(engine="whisper", model=closed / "g.bin"))),
        "moonshine": lambda: models.check_stt(Config(stt=SttConfig(model=closed))),
        "piper": lambda: models.check_tts(
            Config(tts=TtsConfig(engine="piper", voice=str(closed / "v.onnx")))
        ),
    }
    with as_nobody():
        for name, check in checks.items():
            finding = check()
            assert finding.level is Level.FAIL, name
            assert remedy in finding.remedy, name
        assert asterisk.check_agi_bin([closed]).level is Level.WARN
        for finding in (
            places.check_playback(closed / "answers", ""),
            places.check_cache(closed / "models"),
            trial.check_answers(closed / "answers", asterisk_user, User.current(), None),
            places.check_socket(closed / "s.sock"),
        ):
            assert not is_healthy(finding)


def test_the_doctor_does_not_write_behind_a_link_that_leads_nowhere(house: Path) -> None:
    (house / "answers").symlink_to(house / "gone")
    assert places.check_playback(house / "answers", "").level is Level.FAIL
