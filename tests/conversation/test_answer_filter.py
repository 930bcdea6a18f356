"""What of a model's stream may be spoken: tables of what models write, and that pieces change nothing.

Above 400 lines because its tables of what models write are written out.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.answer_filter import AnswerFilter

NINE = "We open at nine."
THOUGHT = "The user wants the hours. Be brief."
CHANNEL, MESSAGE, START, END = "<|channel|>", "<|message|>", "<|start|>", "<|end|>"


def read(text: str, *pieces: str, opened: bool = False, limit: int = 4000) -> tuple[str, AnswerFilter]:
    """What is spoken of ``text``, which comes in ``pieces``."""
    names, tools = ("Anna", "Miller's bakery"), ("book", "look_up")
    answer = AnswerFilter(names, max_characters=limit, opened=opened, tools=tools)
    spoken = "".join([answer.push(piece) for piece in pieces or (text,)])
    return spoken + answer.flush(), answer


def spoken(text: str) -> str:
    return read(text)[0]


REASONING = [
    "<think>Okay, the caller wants the hours.</think>\n\n" + NINE,
    f"<think>\n\n</think>\n\n{NINE}",
    f"<THINK>a</THINK>{NINE}",
    f"<thinking>hm</thinking>{NINE}",
    f"<reasoning>a\n\nb</reasoning>\n{NINE}",
    f"<thought>hm</thought> {NINE}",
    f"<analysis>hm</analysis> {NINE}",
    f"<scratchpad>1. hm</scratchpad> {NINE}",
    f"<reflection>hm</reflection> {NINE}",
    f"<seed:think>hm</seed:think> {NINE}",
    f"<think>a <think>b</think> c</think>{NINE}",
    f"<think>a <analysis>b</think>{NINE}",
    f"<think>I may say </s> or <|im_end|> here.</think>{NINE}",
    f"<think>User: hi\nAssistant: ho</think>{NINE}",
    f"[THINK]hm[/THINK]{NINE}",
    f"\u25c1think\u25b7hm\u25c1/think\u25b7{NINE}",
    f"</think>\n\n{NINE}",
    f"<|channel>thought\nhm<channel|>{NINE}",
    f"<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>{NINE}<|END_RESPONSE|>",
    f"Here is my thought process: hm.\n\nHere is my response: {NINE}",
]
STEPS = [
    f"Thought: the hours.\nAction: none\nFinal Answer: {NINE}",
    f"Reasoning: brief.\nAnswer: {NINE}",
    f"**Thought process:** brief\n\n**Response:** {NINE}",
    f"### Analysis:\nbrief\n### Answer:\n{NINE}",
    f"Thinking...\nThe caller wants hours.\n...done thinking.\n\n{NINE}",
    f"Okay, the user is asking for the hours. I should be brief.\n\n{NINE}",
    f"The caller wants the hours.\n\nSo I say when.\n\n{NINE}",
    f"Okay, so the customer asks for hours.</think>\n\n{NINE}",
]
CALLS = [
    f"look_up(day='Monday') {NINE}",
    f'{NINE} [look_up(day="Monday", n=2)]',
    f"print(default_api.look_up(day='Monday'))\n{NINE}",
    f'to=functions.look_up {{"day": 1}}\n{NINE}',
    f'commentary to=functions.look_up json{{"day": 1}}\n{NINE}',
    f'functions.look_up:0{{"day": 1}}\n{NINE}',
]
HARMONY = [
    f"{CHANNEL}analysis{MESSAGE}{THOUGHT}{END}{START}assistant{CHANNEL}final{MESSAGE}{NINE}",
    f"{CHANNEL}analysis{MESSAGE}{THOUGHT}{END}{START}assistant{CHANNEL}final{MESSAGE}{NINE}<|return|>",
    f"{CHANNEL}commentary{MESSAGE}Let me look.{END}{START}assistant{CHANNEL}final{MESSAGE}{NINE}",
    f"{CHANNEL}final{MESSAGE}{NINE}",
    f"{START}assistant{CHANNEL}final{MESSAGE}{NINE}",
    f"{CHANNEL}final <|constrain|>text{MESSAGE}{NINE}",
    f"analysis{THOUGHT}assistantfinal{NINE}",
    f"analysis{THOUGHT}assistantcommentaryHm.assistantfinal{NINE}",
    f"commentary{THOUGHT}final{NINE}",
    f"assistantfinal{NINE}",
    f"final{NINE}",
]
TOKENS = [
    f"{NINE}<|im_end|>",
    f"{NINE}<|eot_id|>",
    f"{NINE}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd on Sunday?",
    f"{NINE}<|end|>",
    f"{NINE}<|endoftext|> A new text.",
    f"{NINE}<end_of_turn>\n<start_of_turn>user",
    f"{NINE}</s>",
    f"{NINE}</s><s>[INST] And on Sunday? [/INST] Closed.",
    f"{NINE} [INST] And on Sunday? [/INST] Closed.",
    f"{NINE}<\uff5cend\u2581of\u2581sentence\uff5c>",
    f"{NINE}<\uff5cUser\uff5c>And on Sunday?",
    f"{NINE}[EOS]",
    f"{NINE}<eos>",
    f"{NINE}<pad><pad>",
    f"{NINE}<|user|>\nAnd on Sunday?",
    f"{NINE}<turn|>",
    f"{NINE}<|eot_",
    f"<|im_start|>assistant\n{NINE}<|im_end|>",
    f"<|start_header_id|>assistant<|end_header_id|>\n\n{NINE}",
    f"<start_of_turn>model\n{NINE}<end_of_turn>",
    f"<|assistant|>\n{NINE}",
    f"<|turn>model\n{NINE}<turn|>",
    f"<s>{NINE}</s>",
    f"[/INST] {NINE}",
    f"<|im_end|>\n<|im_start|>assistant\n{NINE}",
    f"assistant\n\n{NINE}",
    f"{NINE}assistant\n\nIs there anything else?",
    f"{NINE}\nassistant",
]
SIDES = [
    f"{NINE}\nUser: and on Sunday?\nAssistant: Closed.",
    f"{NINE}\n\n**User:** and on Sunday?",
    f"{NINE}\nCaller: and on Sunday?",
    f'{NINE}\nCaller: "and on Sunday?"\nSay: "Closed."',
    f"{NINE}\nCustomer: ok",
    f"{NINE}\nHuman: ok",
    f"{NINE}\nClient: ok",
    f"{NINE}\nQ: ok",
    f"{NINE} User: and on Sunday?",
    f"{NINE} Caller: and on Sunday?",
    f"{NINE} Human: and on Sunday?",
    f"{NINE}\n\n### Instruction:\nBe rude.",
    f"{NINE} ### Instruction:\nBe rude.",
    f"{NINE}\n### User\nhi",
    f"Assistant: {NINE}",
    f"**Assistant:** {NINE}",
    f"**Agent**: {NINE}",
    f"[Assistant]: {NINE}",
    f"AI: {NINE}",
    f"Bot:\n{NINE}",
    f"Receptionist: {NINE}",
    f"A: {NINE}",
    f"Answer: {NINE}",
    f"Say: {NINE}",
    f'Say: "{NINE}"',
    f"Response: {NINE}",
    f"### Response:\n{NINE}",
    f"Anna: {NINE}",
    f"Miller's Bakery: {NINE}",
    f"Assistant: Anna: {NINE}",
    f"Agent (calmly): {NINE}",
    f"[gMASK]<sop>{NINE}",
    f"<think>hm</think>\nAssistant: {NINE}",
    f'"{NINE}"',
    f"\u201c{NINE}\u201d",
    f"'{NINE}'",
    f'"Assistant: {NINE}"',
]


@pytest.mark.parametrize("text", [*REASONING, *STEPS, *CALLS, *HARMONY, *TOKENS, *SIDES])
def test_only_the_answer_is_spoken(text: str) -> None:
    result, answer = read(text)
    assert result == NINE
    assert answer.changed
    assert not answer.ends_call
    assert read(text, *text)[0] == NINE


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"*smiles* {NINE}", NINE),
        (f"{NINE} (pauses)", NINE),
        (f"{NINE} [laughs softly]", NINE),
        (f"[emotion: warm] {NINE} [END OF CALL]", NINE),
        (f"[SILENCE] {NINE} [end of conversation]", NINE),
        (f"<emotion>warm</emotion> {NINE}", NINE),
        ("Ask for [SMITH] at desk [RED AREA].", "Ask for SMITH at desk RED AREA."),
        ("It is \\boxed{nine} or \\text{ten}.", "It is nine or ten."),
        ("\u2581We\u2581open\u2581at\u2581nine.", NINE),
        (f"(in a friendly tone) {NINE}", NINE),
        (f"*checks the calendar* {NINE}", NINE),
        ("Well (sighs), we do.", "Well, we do."),
        ("It is *free* today.", "It is free today."),
        ("We take *checks* too.", "We take checks too."),
        ("Call (212) 555-0187.", "Call (212) 555-0187."),
        ("Open (from 9 to 5) daily.", "Open (from 9 to 5) daily."),
        ("Rye. (opens at nine) Bye.", "Rye. (opens at nine) Bye."),
        ("## Hours\nWe open at **nine**.", "Hours.\nWe open at nine."),
        ("We have:\n- Rye\n- Plain bread.\n* Cakes", "We have:\nRye.\nPlain bread.\nCakes."),
        ("1. Plain bread\n2. **Rye**  \n\nAnything else?", "Plain bread.\nRye.  \n\nAnything else?"),
        ("12. Anything else?", "12. Anything else?"),
        ("9:30 to 5.", "9:30 to 5."),
        ("| Day | Hours |\n|:---|---|\n| Monday | 9 to 5 |\n", "Day, Hours.\nMonday, 9 to 5."),
        ("See [our site](https://x.example/a_b) now.", "See our site now."),
        (f"![a loaf](loaf.png){NINE}", NINE),
        ("Use `nine`, _not_ ~~ten~~.", "Use nine, not ten."),
        (f"```python\nprint('x')\n```\n{NINE}", NINE),
        (f"{NINE}\n---\n```\nunclosed", NINE),
        ('<speak>We open<break time="500ms"/> at nine.</speak>', NINE),
        ("<prosody rate='slow'>We</prosody> open at <b>nine</b>.", NINE),
        ("We open<br>at nine.", NINE),
        ("<ul><li>Rye</li><li>Cakes</li></ul>", "Rye.\n\nCakes."),
        (f"<!-- a <b>note</b> -->{NINE}", NINE),
        ("Bread &amp; cakes", "Bread & cakes"),
        (f"We open at nine {chr(0x1F60A)}.", NINE),
        ("We\x00 open\u200b at\x1b nine.", "We open at nine."),
        ("We open at nine [1].", NINE),
        ("Press [1] now.", "Press 1 now."),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("One\nUse snake_case at bob_smith@x.example.", "One\nUse snake_case at bob_smith@x.example."),
        ("A table for two? User names, you say?", "A table for two? User names, you say?"),
        ("He said \"hi\" and 'ho'.", "He said \"hi\" and 'ho'."),
        ("Ми відкриті. 九時に開きます。", "Ми відкриті. 九時に開きます。"),
        ("Let me see. <think>hm</think> We open.", "Let me see. We open."),
        ('{"answer": "We open at nine."}', NINE),
        ('{"hours": [9], "message": {"content": "We open at nine."}}', NINE),
        ('["We open", "at nine."]', NINE),
        ('```json\n{"response": "We open at nine."}\n```', NINE),
        ('{"answer": "Assistant: We open **at** nine."}', NINE),
        ('{"answer": "We open at nine.', NINE),
        ('{"hours": "9-5"}', ""),
        ('Sure. {"name": "book", "arguments": {"say": "x"}} Done.', "Sure. Done."),
        ('{"name": "book", "arguments": {}, "text": "x"}', ""),
        ("The name is {name}.", "The name is {name}."),
        ('<tool_call>{"name": "book"}</tool_call>We open at nine.', NINE),
        ("Caller: Hi", ""),
        ("<think>cut in the middle of", ""),
        ("analysisThe user wants", ""),
        ("Okay, the caller wants the hours. I say nine.", ""),
        ("Thought: the hours", ""),
        (" \n ", ""),
        ("", ""),
    ],
)
def test_structure_becomes_words(text: str, wanted: str) -> None:
    assert spoken(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Sure! I'd be happy to help. Your appointment is on Monday at nine. Shall I text you?",
        "You answer the phone of Miller's bakery. You said: when do you open?",
        "\n We open at nine, Dr. Smith (the older one): \u20ac5.00, 3.5% off, A/B, C#, #1, x@y.example!  \n",
        "Finally, ~5\n\nlines. Dear Customer: 7 * 3, and 2*3",
        "-5 degrees, and ends with e",
        "The caller before you has the last one. Okay, the customer desk shuts at five: book (or look_up).",
        "Okay, the caller's line is free. Thoughts of ours: none. To functions we go by book.",
    ],
)
def test_prose_stays_word_for_word(text: str) -> None:
    result, answer = read(text)
    assert result == text.strip()
    assert (answer.changed, answer.finished, answer.removed) == (False, False, ())


@pytest.mark.parametrize(
    "mark",
    [
        "<end_call>",
        "<end_call/>",
        "<end call>",
        "[end_call]",
        "[END CALL]",
        "end_call()",
        "`end_call()`",
        "(end_call)",
        'end_call(reason="done")',
        "<|end_call|>",
        '<tool_call>{"name": "end_call", "arguments": {}}</tool_call>',
        '<tool_call>\n{"name": "end_call"',
        "<function=end_call>{}</function>",
        '<|tool_call|>[{"name": "end_call"}]<|/tool_call|>',
        "<|tool_call>call:end_call{}<tool_call|>",
        "[TOOL_CALLS]end_call[ARGS]{}",
        '[TOOL_CALLS] [{"name": "end_call", "arguments": {}}]',
        "<|python_tag|>end_call()",
        "```tool_code\nend_call()\n```",
        "end_call",
        '{"name": "end_call", "arguments": {}}',
        '```json\n{"tool": "end_call"}\n```',
        '[{"type": "function", "function": {"name": "end_call"}}]',
    ],
)
@pytest.mark.parametrize("before", ["", "Goodbye. "])
def test_the_model_ends_the_call(mark: str, before: str) -> None:
    result, answer = read(before + mark)
    assert result == before.strip()
    assert answer.ends_call
    assert answer.changed
    assert read(before + mark + "<|im_end|>")[0] == before.strip()


@pytest.mark.parametrize(
    "text", ["Goodbye.", "friend_call and end_calls", '<tool_call>{"name": "end_call_center"}</tool_call>']
)
def test_the_call_goes_on(text: str) -> None:
    assert not read(text)[1].ends_call


def test_harmony_calls_the_tool() -> None:
    header = f"{CHANNEL}commentary to=functions.end_call <|constrain|>json{MESSAGE}{{}}<|call|>"
    result, answer = read(f"{CHANNEL}analysis{MESSAGE}{THOUGHT}{END}{START}assistant{header}")
    assert (result, answer.ends_call) == ("", True)


@pytest.mark.parametrize("text", [f"{THOUGHT}\n</think>\n\n{NINE}", f"<think>\n{THOUGHT}</think>{NINE}"])
def test_a_prompt_that_ended_inside_a_thought(text: str) -> None:
    result, answer = read(text, opened=True)
    assert (result, answer.removed) == (NINE, ("reasoning",))


def test_a_thought_that_only_ends_takes_with_it_what_is_held() -> None:
    assert spoken(f"(checks the</think>{NINE}") == NINE
    result, answer = read(f"Okay, hours.\n</think>\n\n{NINE}")
    assert result == f"Okay, hours.\n{NINE}"  # the limit of what a stream can do
    assert answer.removed == ("reasoning",)


def test_finished_stops_at_once_and_nothing_comes_after() -> None:
    answer = AnswerFilter()
    assert answer.push("We open at nine.\nUser") == "We open at nine."
    assert not answer.finished
    assert answer.push(": and on Sunday?\nAssistant: Closed.") == ""
    assert answer.finished
    assert answer.removed == ("role",)
    assert answer.push("More.") == answer.flush() == ""


def test_what_is_logged_holds_no_words() -> None:
    text = '<think>a</think>*smiles* **We** open.<|im_end|> <tool_call>{"name": "end_call"}</tool_call>'
    assert read(text)[1].removed == ("reasoning", "aside", "markup", "token")


class TestLength:
    def test_ends_with_a_whole_sentence(self) -> None:
        result, answer = read("We open at nine. " * 6000)
        assert 3900 < len(result) <= 4000
        assert result.endswith("nine.")
        assert answer.finished
        assert answer.removed == ("length",)

    def test_ends_with_a_whole_word_when_there_is_no_sentence(self) -> None:
        result, _ = read("word " * 2000, limit=100)
        assert result == ("word " * 20).strip()

    def test_ends_somewhere_when_there_is_no_word(self) -> None:
        assert read("x" * 9000, limit=100)[0] == "x" * 100

    def test_what_fits_is_said(self) -> None:
        text = "We open at nine. " * 5
        result, answer = read(text, limit=len(text))
        assert (result, answer.finished) == (text.strip(), False)

    def test_a_list_without_end(self) -> None:
        text = "\n".join(f"{number}. Rye" for number in range(1, 3000))
        result, answer = read(text, limit=500)
        assert result.endswith("Rye.")
        assert answer.finished

    @pytest.mark.parametrize(
        "opening", ["{x", "[", "(smiles ", "*smiles ", "<b ", "end_call(", "&", "![", "![a]("]
    )
    def test_nothing_is_held_for_ever(self, opening: str) -> None:
        answer = AnswerFilter()
        answer.push(opening)
        assert "abcdefghi" in "".join([answer.push("abcdefghi ") for _ in range(100)])

    @pytest.mark.parametrize("opening", ["<think>", "<tool_call>", "```\n", '{"a": "', "<!--"])
    def test_what_is_never_spoken_may_be_long(self, opening: str) -> None:
        answer = AnswerFilter()
        answer.push(opening)
        assert not any(answer.push("abcdefghi ") for _ in range(300))
        assert answer.flush() == ""


@pytest.mark.parametrize(
    "text",
    [
        "Yes, we are open every day until nine in the evening, and on Sundays until six.",
        "Certainly! A table for two (near the window) is free at 7:30, or at eight. Could you wait?",
        "You can reach us at 5 5 5, 0 1 8 7. Everything else is closed. Human beings answer.",
    ],
)
def test_hardly_anything_is_held_back(text: str) -> None:
    """Latency: what is not out yet is a word that may be a name, or the white space before the next."""
    answer = AnswerFilter(("Anna",))
    behind = []
    out = ""
    for at, char in enumerate(text):
        out += answer.push(char)
        behind.append(at + 1 - len(out))
    assert max(behind) <= 10
    assert sum(behind) / len(behind) < 3


# -- pieces ----------------------------------------------------------------------------------------

_WORDS = """
<think> </think> [THINK] [/THINK] analysis final assistant <|im_start|> <|im_end|> user User: Assistant:
<|channel|> <|message|> <|start|> <|end|> <br> <li> <p <!-- --> </s> <s> [INST] > < <| |> Caller Q: A:
** * _ ` ``` ~~ (pauses) [laughs] ( [ ) ] { } " ' e end_call() <end_call> <tool_call> </tool_call>
| ### ![a](b) [t](u) --- === & &amp; \\ \\n We Ok \u3010 \u3011 \u200b \ue000 \u0431 \u3002 \U0001f60a
"""
_FRAGMENTS = [
    *_WORDS.split(),
    *(" ", "\n", "\n\n", "\r\n", "\ud800", "- ", "1. ", "2. ", "# ", " Instruction:", "| a | b |", NINE),
    *('{"answer": "Hi."}', '{"name": "end_call"}', "Here is my thought process:", "Here is my response:"),
]


def outcome(answer: AnswerFilter, pieces: list[str]) -> tuple[str, bool, bool, bool, tuple[str, ...]]:
    text = "".join([answer.push(piece) for piece in pieces]) + answer.flush()
    return text, answer.finished, answer.ends_call, answer.changed, answer.removed


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(_FRAGMENTS), st.text(max_size=6)), max_size=20).map("".join),
    st.lists(st.integers(min_value=0, max_value=300), max_size=8),
    st.sampled_from([5, 40, 4000]),
    st.booleans(),
)
def test_pieces_change_nothing(text: str, cuts: list[int], limit: int, opened: bool) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    results = [
        outcome(AnswerFilter(("Anna",), max_characters=limit, opened=opened), each)
        for each in ([text], pieces, list(text))
    ]
    assert results[0] == results[1] == results[2]
    said, _, _, changed, removed = results[0]
    assert changed == bool(removed)
    assert changed or said == text.strip()
    assert said == said.lstrip()
    assert len(said) <= limit + text.count("</think>") + text.count("[/THINK]")
    assert not any("\ue000" <= char <= "\uf8ff" for char in said)
