"""Which protocol each kind of server is spoken to in."""

from __future__ import annotations

from collections.abc import Callable

from offhook.engines.llm.anthropic import Anthropic
from offhook.engines.llm.dialect import Dialect
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.gemini import Gemini
from offhook.engines.llm.ollama import Ollama
from offhook.engines.llm.openai import OpenAi
from offhook.engines.llm.responses import Responses

DIALECTS: dict[str, Callable[[Endpoint], Dialect]] = {
    "openai": OpenAi,
    "ollama": Ollama,
    "responses": Responses,
    "anthropic": Anthropic,
    "gemini": Gemini,
}
"""By ``llm.engine``."""
