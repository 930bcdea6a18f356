"""``[llm]`` for remote models: what is understood, what is refused, and that no key gets out."""

from __future__ import annotations

import logging
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from offhook.cli.checks.models import check_llm
from offhook.config import Config, LlmConfig, load_config
from offhook.engines.llm.endpoint import Endpoint, endpoint_of
from offhook.engines.llm.remote import RemoteModel
from offhook.engines.pool import load_language_model
from offhook.errors import ConfigError
from tests.support.engines.remote_models import SECRET


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("BAKERY_KEY", SECRET)


def llm(engine: str = "openai", **settings: Any) -> LlmConfig:
    return LlmConfig.model_validate({"engine": engine, "model": "m", **settings})


def test_openai_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="environment variable OPENAI_API_KEY is not set"):
        endpoint_of(llm())
    monkeypatch.setenv("OPENAI_API_KEY", f" {SECRET}\n")
    endpoint = endpoint_of(llm())
    assert endpoint.url == "https://api.openai.com/v1"
    assert endpoint.headers() == {"Authorization": f"Bearer {SECRET}"}
    assert not endpoint.is_local
    assert endpoint.connect_timeout_s < endpoint.first_token_timeout_s < endpoint.total_timeout_s


def test_the_key_of_openai_goes_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert endpoint_of(llm(base_url="http://127.0.0.1:8000/v1")).headers() == {}
    assert endpoint_of(llm("ollama")).headers() == {}
    named = llm(base_url="https://example.invalid/v1", api_key_env="OPENAI_API_KEY")
    assert endpoint_of(named).headers() == {"Authorization": f"Bearer {SECRET}"}


def test_ollama_by_default() -> None:
    endpoint = endpoint_of(llm("ollama"))
    assert endpoint.url == "http://127.0.0.1:11434"
    assert endpoint.is_local
    assert endpoint.key is None


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8000/v1/", True),
        ("http://127.8.9.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.0.2.7:8000/v1", False),
        ("https://gateway.example/openai/v1", False),
    ],
)
def test_addresses(url: str, local: bool) -> None:
    endpoint = endpoint_of(llm(base_url=url))
    assert endpoint.url == url.rstrip("/")
    assert endpoint.is_local is local


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"base_url": "api.example/v1"}, "write it with http:// or https://"),
        ({"base_url": "ftp://api.example"}, "write it with http:// or https://"),
        ({"base_url": "http://"}, "write it with http:// or https://"),
        ({"base_url": "http://a b/v1"}, "write it with http:// or https://"),
        ({"base_url": "http://[::1/v1"}, "is not a URL"),
        ({"base_url": "http://a:99999/v1"}, "is not a URL"),
        ({"base_url": f"https://u:{SECRET}@api.example/v1"}, "must not hold a user or password"),
        ({"base_url": "https://api.example/v1?x=1"}, "no [?] and no #"),
        (
            {"base_url": "https://api.example/v1/chat/completions"},
            "ends with /chat/completions: leave that off",
        ),
        ({"engine": "ollama", "base_url": "http://127.0.0.1:11434/api/"}, "ends with /api: leave that off"),
        ({"engine": "ollama", "base_url": "http://127.0.0.1:11434/v1"}, "ends with /v1: leave that off"),
        ({"model": " "}, "llm.model must name a model"),
        ({"n_gpu_layers": 3}, "llm.n_gpu_layers is of no use with llm.engine openai"),
        ({"extra": {"messages": []}}, "llm.extra.messages cannot be set"),
        ({"first_token_timeout_s": 9, "total_timeout_s": 3}, "first_token_timeout_s .9. is longer than"),
        ({"api_key_env": "BAKERY_KEY", "api_key_file": "/k"}, "are both set"),
        ({"api_key_env": "ABSENT_KEY"}, "environment variable ABSENT_KEY is not set"),
        ({"api_key_env": SECRET}, "must be the NAME of an environment variable"),
        ({"api_key_file": SECRET}, "must be the absolute path"),
        ({"api_key_file": "/absent/key"}, "/absent/key cannot be read: No such file"),
        ({"engine": "llama", "base_url": "http://a/v1"}, "llm.base_url is set, but llm.engine is llama"),
    ],
)
def test_nonsense_is_one_clear_line(settings: dict[str, Any], says: str) -> None:
    config = llm(**{"base_url": "http://127.0.0.1:1/v1", **settings})
    with pytest.raises(ConfigError, match=says) as caught:
        load_language_model(config, 8)
    error: BaseException | None = caught.value
    assert "\n" not in str(error)
    while error is not None:  # nothing that a traceback would show holds the key
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_a_key_without_a_server() -> None:
    with pytest.raises(ConfigError, match=r"llm.api_key_env is set, but llm.engine is llama"):
        load_language_model(llm("llama", api_key_env="BAKERY_KEY"), 8)


def test_the_model_must_be_named() -> None:
    with pytest.raises(ConfigError, match=r"llm\.model must name a model of the server, such as llama3\.2"):
        endpoint_of(LlmConfig(engine="ollama"))


@pytest.mark.parametrize(
    "content", ["", " \n", f"{SECRET}\n{SECRET}", "\u00fcmlaut", b"\xff\xfe", "x" * 9000]
)
def test_key_files_that_cannot_be_used(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=re.escape(str(path))) as caught:
        endpoint_of(llm(base_url="http://127.0.0.1:1/v1", api_key_file=path))
    assert SECRET not in str(caught.value)
    assert "\u00fc" not in repr(caught.value.__context__)


def test_a_key_with_a_line_break_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKERY_KEY", f"{SECRET}\r\nX-Evil: 1")
    with pytest.raises(ConfigError, match=r"in \$BAKERY_KEY is not one line") as caught:
        endpoint_of(llm(api_key_env="BAKERY_KEY"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
def test_a_key_that_everybody_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warns: bool
) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    path.chmod(mode)
    endpoint = endpoint_of(llm(base_url="http://127.0.0.1:1/v1", api_key_file=path))
    assert endpoint.headers() == {"Authorization": f"Bearer {SECRET}"}
    assert ("chmod 600" in caplog.text) is warns
    assert str(path) in repr(endpoint)
    assert SECRET not in repr(endpoint) + caplog.text


@pytest.mark.parametrize(
    ("url", "warns"),
    [("http://192.0.2.7/v1", True), ("https://a.example/v1", False), ("http://[::1]/v1", False)],
)
def test_a_key_that_travels_in_the_open(url: str, warns: bool, caplog: pytest.LogCaptureFixture) -> None:
    endpoint_of(llm(base_url=url, api_key_env="BAKERY_KEY"))
    assert ("unencrypted" in caplog.text) is warns


def test_a_key_is_not_pickled_nor_shown() -> None:
    endpoint = endpoint_of(llm(api_key_env="BAKERY_KEY", base_url="http://127.0.0.1:1/v1"))
    assert "ApiKey(from $BAKERY_KEY)" in repr(endpoint)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(endpoint.key)


def test_it_is_in_the_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text(
        "[llm]\nengine = 'openai'\nmodel = 'qwen3'\nbase_url = 'http://127.0.0.1:8000/v1'\n"
        "api_key_env = 'BAKERY_KEY'\nfirst_token_timeout_s = 4\n"
        "extra = { chat_template_kwargs = { enable_thinking = false } }\n"
    )
    config = load_config(path)
    endpoint = endpoint_of(config.llm)
    assert endpoint.extra == {"chat_template_kwargs": {"enable_thinking": False}}
    assert endpoint.first_token_timeout_s == 4
    assert SECRET not in repr(config)
    model = load_language_model(config.llm, 3)
    assert isinstance(model, RemoteModel)
    assert model.name == "qwen3"
    model.close()


def test_a_key_in_the_configuration_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text(f"[llm]\napi_key = '{SECRET}'\n")
    with pytest.raises(ConfigError, match="did you mean 'api_key_") as caught:
        load_config(path)
    assert SECRET not in str(caught.value)


def test_dates_are_no_json(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text("[llm]\nengine = 'ollama'\nmodel = 'm'\nextra = { since = 2024-01-01 }\n")
    with pytest.raises(ConfigError, match="JSON does not have"):
        endpoint_of(load_config(path).llm)


def test_the_doctor_knows_remote_models() -> None:
    good = check_llm(Config(llm=llm("ollama", model="llama3.2")))
    assert good.what == "llm: llama3.2 at http://127.0.0.1:11434; nothing leaves this machine"
    bad = check_llm(Config(llm=llm(api_key_env="ABSENT_KEY")))
    assert "ABSENT_KEY is not set" in bad.what


def test_an_endpoint_says_nothing_secret_to_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint: Endpoint = endpoint_of(llm(api_key_env="BAKERY_KEY"))
    logging.getLogger("offhook.test").debug(
        "%s %r %s", endpoint, endpoint.key, vars(type(endpoint.key)).keys()
    )
    assert SECRET not in caplog.text
