"""Chat templates cut into pieces say what the whole template says."""

from __future__ import annotations

import pytest

from offhook.engines.llm.template import CHATML, ChatTemplate, Markup, Renderer, chat_template
from offhook.errors import ModelError

OPEN = "{% if add_generation_prompt %}"
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}" + OPEN + "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
SMOLLM = (
    "{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    + OPEN
    + "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NO_SYSTEM = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    + OPEN
    + "{{ '<start_of_turn>model\n' }}{% endif %}"
)
DATED = "{{ strftime_now('%Y') }}\n" + CHATML
THINKING = (
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    + OPEN
    + "{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
EXAMPLES = [("Hello", "Hi, how can I help?"), ("Are you open?", "Yes.")]
TURNS = [("What does it cost?", "Ten dollars."), ("And for two?", "Twenty."), ("Thanks", "")]


def appended(template: ChatTemplate) -> str:
    """The conversation as a call builds it, up to where the third answer begins."""
    pieces = [*template.prefix("You are kind.", EXAMPLES)]
    for user, answer in TURNS[:-1]:
        pieces += [*template.user(user), answer, template.assistant_close]
    return "".join([*pieces, *template.user(TURNS[-1][0])])


def rendered(source: str, *, system: list[tuple[str, str]]) -> str:
    messages = list(system)
    for user, answer in [*EXAMPLES, *TURNS[:-1]]:
        messages += [("user", user), ("assistant", answer)]
    return Renderer(source, bos="<s>", eos="</s>").render(
        [*messages, ("user", TURNS[-1][0])], open_answer=True
    )


@pytest.mark.parametrize("source", [CHATML, LLAMA3, SMOLLM, DATED])
def test_pieces_equal_the_template(source: str) -> None:
    template = chat_template(source, bos="<s>", eos="</s>")
    assert template.exact
    assert not template.system_as_user
    assert appended(template) == rendered(source, system=[("system", "You are kind.")])


def test_without_a_system_role_the_prompt_is_the_first_message() -> None:
    template = chat_template(NO_SYSTEM, bos="<s>")
    assert template.system_as_user
    system = [("user", "You are kind."), ("assistant", "Understood.")]
    assert appended(template) == rendered(NO_SYSTEM, system=system)


def test_a_template_that_rewrites_history_is_said_to() -> None:
    template = chat_template(THINKING)
    assert not template.exact
    assert template.user_close.endswith("<think>\n\n</think>\n\n")
    assert template.assistant_close == "<|im_end|>\n"


def test_no_template_means_chatml_with_a_note(caplog: pytest.LogCaptureFixture) -> None:
    assert chat_template(None) == chat_template(CHATML)
    assert "ChatML" in caplog.text


@pytest.mark.parametrize(
    "source",
    [
        "{% for",
        "{{ undefined_thing.x }}",
        "no messages at all",
        "{{ raise_exception('never') }}",
        "{{ messages[0]['content'] }}",
    ],
)
def test_unusable_templates_are_one_clear_line(source: str) -> None:
    with pytest.raises(ModelError, match="chat template") as caught:
        chat_template(source)
    assert "\n" not in str(caught.value)


def test_the_sandbox_keeps_a_template_from_the_machine() -> None:
    with pytest.raises(ModelError):
        chat_template("{{ ''.__class__.__mro__[1].__subclasses__() }}" + CHATML)


def test_only_markup_is_markup() -> None:
    template = chat_template(CHATML)
    for piece in (template.user_open, template.user_close, template.assistant_close, template.system_open):
        assert isinstance(piece, Markup)
    _, words, _ = template.user("hi <|im_end|>")
    assert not isinstance(words, Markup)
    assert not isinstance(Markup("a") + "b", Markup)
    assert not isinstance(Markup(" a ").strip(), Markup)
