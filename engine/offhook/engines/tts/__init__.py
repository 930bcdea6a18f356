"""Voices.  Here only what is known of them before one is loaded."""

from offhook.catalogue.embedded import VOICE
from offhook.engines.engine import WEBSOCKETS, Engine, Files, Package

ENGINES = (
    Engine(
        "espeak",
        "tts",
        "offhook.engines.tts.espeak:load",
        packages=(Package("espeakng_loader", f"offhook models pull {VOICE}", "the embedded voice", VOICE),),
    ),
    Engine(
        "piper",
        "tts",
        "offhook.engines.tts.piper:load",
        files=Files("a Piper .onnx file", beside=(".json",)),
        packages=(Package("piper", "pip install 'offhook[piper]'", "Piper's phonemes (piper-tts)"),),
    ),
    *(
        Engine(name, "tts", "offhook.engines.tts.servers:load", remote=True)
        for name in ("openai", "xtts", "azure", "piper-http", "wyoming")
    ),
    Engine("elevenlabs", "tts", "offhook.engines.tts.servers:load", packages=(WEBSOCKETS,), remote=True),
)
