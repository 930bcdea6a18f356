"""Recognisers.  Here only what is known of them before one is loaded."""

from offhook.catalogue.embedded import RECOGNISER
from offhook.engines.engine import WEBSOCKETS, Engine, Files, Package

ENGINES = (
    Engine(
        "moonshine",
        "stt",
        "offhook.engines.stt.moonshine:load",
        files=Files(
            "a Moonshine folder",
            inside=("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"),
        ),
        embedded=Package(
            "moonshine_voice", f"offhook models pull {RECOGNISER}", "the embedded recogniser", RECOGNISER
        ),
    ),
    Engine(
        "whisper",
        "stt",
        "offhook.engines.stt.whisper:load",
        files=Files("a ggml Whisper file", magic=b"lmgg"),
        packages=(Package("pywhispercpp", "pip install 'offhook[whisper]'", "whisper.cpp"),),
        wants="stt.model must name a ggml file, or a model such as whisper-base",
    ),
    *(Engine(name, "stt", "offhook.engines.stt.servers:load", remote=True) for name in ("openai", "wyoming")),
    *(
        Engine(name, "stt", "offhook.engines.stt.servers:load", packages=(WEBSOCKETS,), remote=True)
        for name in ("realtime", "deepgram")
    ),
    Engine(
        "google",
        "stt",
        "offhook.engines.stt.servers:load",
        packages=(Package("google.cloud.speech_v2", "pip install 'offhook[google]'", "google-cloud-speech"),),
        remote=True,
    ),
)
