"""Servers and models by family: how each streams an answer, calls a tool, and refuses.

Our own data, written after the servers' documentation and the reports of their users; no
recording.  Ids, times and fingerprints are the same in every event, as nobody reads them.
Above 400 lines because it is one table, and what each row needs stands above it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.engines.model_server import Behaviour, event, line, status, stream

THOUGHT = "Okay, the caller wants the hours. User: no, I mean **be** brief."
Variation = Literal["as it is", "crlf", "no end", "one chunk", "bytes"]
VARIATIONS: tuple[Variation, ...] = ("as it is", "crlf", "no end", "one chunk", "bytes")
DONE = event(b"[DONE]")
NDJSON = "application/x-ndjson"
_COUNTS = {"prompt_tokens": 42, "completion_tokens": 7, "total_tokens": 49}


def pieces(text: str) -> list[str]:
    """``text`` as a server cuts it: a word and the white space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


@dataclass(frozen=True)
class Family:
    """One kind of server with one kind of model."""

    name: str
    answer: Callable[[str], list[bytes]]
    """The events of an answer."""
    end_call: Callable[[], list[bytes]]
    """The events of an answer that calls the tool."""
    engine: Literal["openai", "ollama"] = "openai"
    opened: bool = False
    """The model's template ends the prompt inside a thought."""
    refuses: dict[str, Behaviour] = field(default_factory=dict)
    """Its refusals, by the field of the request; "system" is the role."""

    def serves(self, events: Sequence[bytes], variation: Variation = "as it is") -> Behaviour:
        """These events on the wire."""
        kind = "text/event-stream" if self.engine == "openai" else NDJSON
        if variation == "no end":
            return stream(*[chunk for chunk in events if chunk != DONE], kind=kind, end="eof")
        data = b"".join(events)
        if variation == "crlf":
            data = data.replace(b"\n", b"\r\n")
        if variation == "bytes":
            return stream(*[data[at : at + 1] for at in range(len(data))], kind=kind)
        return stream(data, kind=kind) if variation in ("crlf", "one chunk") else stream(*events, kind=kind)


def _chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a chat completion; without a delta it has no choices."""
    choices = (
        [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    )
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1754000000, "model": "baker-7b"}
    return event(head | {"choices": choices} | more)


def _call(arguments: Sequence[str], **more: Any) -> list[dict[str, Any]]:
    """The deltas of a tool's call: its name first, then its arguments in pieces."""
    first = {"index": 0, "id": "call_1", "type": "function", **more}
    deltas = [first | {"function": {"name": "end_call", "arguments": ""}}]
    deltas += [{"index": 0, "function": {"arguments": piece}} for piece in arguments]
    return [{"tool_calls": [delta]} for delta in deltas]


# -- OpenAI ----------------------------------------------------------------------------------------


def _openai(text: str) -> list[bytes]:
    same: dict[str, Any] = {
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "usage": None,
        "obfuscation": "xY3",
    }
    first = {"role": "assistant", "content": "", "refusal": None}
    return [
        _chunk(first, **same),
        *[_chunk({"content": piece}, **same) for piece in pieces(text)],
        _chunk({}, "stop", **same),
        _chunk(None, **same | {"usage": _COUNTS | {"prompt_tokens_details": {"cached_tokens": 20}}}),
        DONE,
    ]


def _openai_end_call() -> list[bytes]:
    first, *rest = _call(["{", "}"])
    first = {"role": "assistant", "content": None} | first
    return [_chunk(first), *[_chunk(delta) for delta in rest], _chunk({}, "tool_calls"), DONE]


def openai_refusal(text: str) -> list[bytes]:
    """The model refuses: the words come in a field of their own."""
    return [
        _chunk({"role": "assistant", "content": None, "refusal": ""}),
        *[_chunk({"refusal": piece}) for piece in pieces(text)],
        _chunk({}, "stop"),
        DONE,
    ]


def _unsupported(param: str, instead: str) -> Behaviour:
    says = f"Unsupported parameter: '{param}' is not supported with this model. {instead}"
    code = "unsupported_parameter"
    return status(
        400, {"error": {"message": says, "type": "invalid_request_error", "param": param, "code": code}}
    )


_OPENAI_SYSTEM = {
    "message": "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "type": "invalid_request_error",
    "param": "messages[0].role",
    "code": "unsupported_value",
}

# -- vLLM ------------------------------------------------------------------------------------------


def _vllm_qwen3(text: str) -> list[bytes]:
    """With ``--reasoning-parser qwen3``: thoughts in fields, under the old name and the new one."""
    first, *rest = pieces(f"\n\n{text}")
    thought = [
        _chunk({"reasoning_content": piece} if at % 2 else {"reasoning": piece}, content=None)
        for at, piece in enumerate(pieces(THOUGHT))
    ]
    return [
        _chunk({"role": "assistant", "content": ""}, usage={"prompt_tokens": 42, "completion_tokens": 0}),
        *thought,
        _chunk({"content": first, "reasoning_content": None}),
        *[_chunk({"content": piece}) for piece in rest],
        _chunk({"content": ""}, "stop", stop_reason=None),
        _chunk(None, usage=_COUNTS),
        DONE,
    ]


def _vllm_plain(before: str, after: str = "") -> Callable[[str], list[bytes]]:
    """Without a parser: everything is content."""

    def answer(text: str) -> list[bytes]:
        return [
            _chunk({"role": "assistant", "content": ""}),
            *[_chunk({"content": piece}) for piece in pieces(before + text + after)],
            _chunk({"content": ""}, "stop", stop_reason=None),
            _chunk(None, usage=_COUNTS),
            DONE,
        ]

    return answer


def _hermes_end_call() -> list[bytes]:
    """No tool parser: the call stands in the text."""
    call = '\n\n<tool_call>\n{"name": "end_call", "arguments": {}}\n</tool_call>'
    return _vllm_plain(f"<think>\n{THOUGHT}\n</think>")(call)


def _vllm_error(code: int, message: str) -> Behaviour:
    return status(
        code, {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": code}
    )


def _vllm_extra(name: str) -> Behaviour:
    what = (
        f"{{'type': 'extra_forbidden', 'loc': ('body', '{name}'), 'msg': 'Extra inputs are not permitted'}}"
    )
    return _vllm_error(400, f"[{what}]")


_HARMONY = f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant"


def _harmony_end_call() -> list[bytes]:
    call = "<|channel|>commentary to=functions.end_call <|constrain|>json<|message|>{}<|call|>"
    return _vllm_plain(_HARMONY)(call)


# -- Ollama ----------------------------------------------------------------------------------------


def _ollama_line(done: str = "", **message: Any) -> bytes:
    value: dict[str, Any] = {"model": "baker-7b", "created_at": "2025-08-01T10:00:00.1Z"}
    value |= {"message": {"role": "assistant", "content": ""} | message, "done": bool(done)}
    if done:
        value |= {"done_reason": done, "total_duration": 9, "load_duration": 1, "prompt_eval_count": 42}
        value |= {"prompt_eval_duration": 1, "eval_count": 7, "eval_duration": 5}
    return line(value)


def _ollama(text: str) -> list[bytes]:
    return [
        *[_ollama_line(thinking=piece) for piece in pieces(THOUGHT)],
        *[_ollama_line(content=piece) for piece in pieces(text)],
        _ollama_line("stop"),
    ]


def _ollama_end_call() -> list[bytes]:
    call = {"function": {"index": 0, "name": "end_call", "arguments": {}}}
    return [_ollama_line(thinking="Bye."), _ollama_line(tool_calls=[call]), _ollama_line("stop")]


# -- llama-server ----------------------------------------------------------------------------------


def _llama_server(text: str) -> list[bytes]:
    timings = {"prompt_n": 22, "prompt_ms": 80.1, "predicted_n": 7, "predicted_ms": 190.5, "cache_n": 20}
    same = {"system_fingerprint": "b6111-abcdef0"}
    return [
        _chunk({"role": "assistant", "content": None}, **same),
        *[_chunk({"content": piece}, **same) for piece in pieces(text)],
        _chunk({}, "stop", **same),
        _chunk(None, **same, usage=_COUNTS, timings=timings),
        DONE,
    ]


def _llama_server_system() -> Behaviour:
    """What the chat template raises is reported as a failure of the server."""
    says = "System role not supported at row 1, column 87:\n{% if messages[0]['role'] == 'system' %}"
    return status(500, {"error": {"code": 500, "message": says, "type": "server_error"}})


# -- Mistral ---------------------------------------------------------------------------------------


def _magistral(text: str) -> list[bytes]:
    """Content is a list of parts while it thinks, and a string, or a list, after that."""

    def thinking(piece: str) -> list[dict[str, Any]]:
        return [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]

    first, *rest = pieces(text)
    return [
        _chunk({"role": "assistant", "content": ""}, p="abcd"),
        *[_chunk({"content": thinking(piece)}, p="ab") for piece in pieces(THOUGHT)],
        _chunk(
            {
                "content": [
                    {"type": "thinking", "thinking": [], "closed": True},
                    {"type": "text", "text": first},
                ]
            }
        ),
        *[_chunk({"content": piece}) for piece in rest],
        _chunk({"content": ""}, "stop", usage=_COUNTS),
        DONE,
    ]


def _mistral_end_call() -> list[bytes]:
    """The call comes whole, and with the reason."""
    call = {"id": "D681PevKs", "function": {"name": "end_call", "arguments": "{}"}, "index": 0}
    return [
        _chunk({"role": "assistant", "content": ""}),
        _chunk({"content": "", "tool_calls": [call]}, "tool_calls", usage=_COUNTS),
        DONE,
    ]


def _extra_forbidden(*place: str) -> list[dict[str, Any]]:
    says = "Extra inputs are not permitted"
    return [{"type": "extra_forbidden", "loc": ["body", *place], "msg": says, "input": True}]


def _mistral_extra(*place: str) -> Behaviour:
    value = {
        "object": "error",
        "message": {"detail": _extra_forbidden(*place)},
        "type": "invalid_request_error",
    }
    return status(422, value | {"param": None, "code": None})


# -- Gemini's OpenAI endpoint ----------------------------------------------------------------------


def _gemini(text: str) -> list[bytes]:
    """Few large pieces, each with the role and the count; the reason comes with the last words."""
    words = pieces(text)
    lumps = ["".join(words[:2]), "".join(words[2:])]
    return [
        _chunk({"role": "assistant", "content": lumps[0]}, usage=_COUNTS),
        _chunk(
            {
                "role": "assistant",
                "content": lumps[1],
                "extra_content": {"google": {"thought_signature": "x"}},
            },
            "stop",
            usage=_COUNTS,
        ),
        DONE,
    ]


def _gemini_end_call() -> list[bytes]:
    call = {"id": "function-call-1", "type": "function", "function": {"name": "end_call", "arguments": "{}"}}
    return [_chunk({"role": "assistant", "tool_calls": [call]}, "stop", usage=_COUNTS), DONE]


def _gemini_error(message: str) -> Behaviour:
    """A list."""
    return status(400, [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}])


# -- LiteLLM ---------------------------------------------------------------------------------------


def _litellm(text: str) -> list[bytes]:
    same = {"citations": None, "service_tier": None, "provider_specific_fields": None}
    thought = [
        _chunk({"reasoning_content": piece, "provider_specific_fields": None, "thinking_blocks": []}, **same)
        for piece in pieces(THOUGHT)
    ]
    return [
        *thought,
        *[_chunk({"content": piece, "role": "assistant"}, **same) for piece in pieces(text)],
        _chunk({}, "stop", **same),
        DONE,
    ]


def _litellm_error(name: str) -> Behaviour:
    says = (
        f"litellm.UnsupportedParamsError: groq does not support parameters: ['{name}'], for model=baker-7b."
        " To drop these, set `litellm.drop_params=True` or for proxy: `litellm_settings:\n drop_params: true`"
    )
    return status(400, {"error": {"message": says, "type": "None", "param": None, "code": "400"}})


FAMILIES = (
    Family(
        "OpenAI",
        _openai,
        _openai_end_call,
        refuses={
            "max_tokens": _unsupported("max_tokens", "Use 'max_completion_tokens' instead."),
            "system": status(400, {"error": _OPENAI_SYSTEM}),
        },
    ),
    Family(
        "vLLM, Qwen3 with a parser",
        _vllm_qwen3,
        _openai_end_call,
        refuses={"seed": _vllm_extra("seed"), "system": _vllm_error(400, "System role not supported")},
    ),
    Family(
        "vLLM, Qwen3 without a parser",
        _vllm_plain(f"<think>\n{THOUGHT}\n</think>\n\n", "<|im_end|>"),
        _hermes_end_call,
        refuses={
            "stream_options": status(422, {"detail": _extra_forbidden("stream_options")}),
            "system": _vllm_error(
                400, "Conversation roles must alternate user/assistant/user/assistant/... Only user and so on"
            ),
        },
    ),
    Family(
        "Ollama",
        _ollama,
        _ollama_end_call,
        engine="ollama",
        refuses={"think": status(400, {"error": '"baker-7b" does not support thinking'})},
    ),
    Family(
        "llama-server",
        _llama_server,
        _openai_end_call,
        refuses={"system": _llama_server_system()},
    ),
    Family(
        "Mistral, Magistral",
        _magistral,
        _mistral_end_call,
        refuses={
            "stream_options": _mistral_extra("stream_options", "include_usage"),
            "seed": _mistral_extra("seed"),
        },
    ),
    Family(
        "vLLM, gpt-oss",
        _vllm_plain(f"{_HARMONY}<|channel|>final<|message|>", "<|return|>"),
        _harmony_end_call,
    ),
    Family(
        "gpt-oss, tokens stripped",
        _vllm_plain(f"analysis{THOUGHT}assistantfinal"),
        _openai_end_call,
    ),
    Family(
        "Gemini",
        _gemini,
        _gemini_end_call,
        refuses={
            "seed": _gemini_error('Invalid JSON payload received. Unknown name "seed": Cannot find field.'),
            "system": _gemini_error("Developer instruction is not enabled for models/baker-7b"),
        },
    ),
    Family(
        "DeepSeek R1 without a parser",
        _vllm_plain(f"{THOUGHT}\n</think>\n\n", "<\uff5cend\u2581of\u2581sentence\uff5c>"),
        _openai_end_call,
        opened=True,
    ),
    Family(
        "LiteLLM",
        _litellm,
        _openai_end_call,
        refuses={"stream_options": _litellm_error("stream_options"), "seed": _litellm_error("seed")},
    ),
)
