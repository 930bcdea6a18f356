"""Makes a language model of a server, and of another one that takes over where the first one fails."""

from __future__ import annotations

from offhook.config import LlmConfig
from offhook.engines.engine import Loading
from offhook.engines.llm.dialect import Server
from offhook.engines.llm.dialects import DIALECTS
from offhook.engines.llm.endpoint import endpoint_of, fallback_of
from offhook.engines.llm.remote import Prices, RemoteModel
from offhook.engines.llm.room import call_tokens


def load(llm: LlmConfig, model: str | None, loading: Loading) -> RemoteModel:
    """Contacts nobody.  Raises ConfigError."""
    first, second = _server(llm), fallback_of(llm)
    return RemoteModel(
        first.endpoint,
        first.dialect,
        n_ctx_call=call_tokens(llm, loading.max_calls, remote=True),
        max_conversations=loading.max_calls,
        fallback=None if second is None else _server(second),
        prices=_prices(llm),
        fallback_prices=None if second is None else _prices(second),
    )


def _prices(of: LlmConfig) -> Prices:
    return Prices(of.price_per_million_new, of.price_per_million_cached, of.price_per_million_written)


def _server(of: LlmConfig) -> Server:
    endpoint = endpoint_of(of)
    return Server(endpoint, DIALECTS[of.engine](endpoint))
