"""The marks that models write around their words, by what they mean.  Closed lists, small letters.

A name is what stands between the brackets, without them and without bars: ``im_end`` for
``<|im_end|>``, ``eos`` for ``<eos>``, ``inst`` for ``[INST]``.
"""

from __future__ import annotations


def words(text: str, *more: str) -> frozenset[str]:
    """A set written as one text; ``more`` are those with spaces in them."""
    return frozenset((*text.split(), *more))


END_CALL = frozenset(("end_call", "endcall", "end call", "end-call"))
"""The built-in tool by which a model ends the call."""

THOUGHTS = words(
    "think thinking thought thoughts reasoning analysis scratchpad reflection inner_monologue"
    " start_thinking begin_of_thought inner_prefix"
)
"""``<think>`` and its like: what follows is not said until the mark closes."""
THOUGHT_ENDS = words("end_thinking end_of_thought inner_suffix")
"""Closing marks with a name of their own; the others are ``/`` and the name."""

MESSAGE_ENDS = words(
    "im_end eot_id eom_id eot end endoftext end_of_text end_of_turn end_of_turn_token endofturn eos return"
    " call end▁of▁sentence end_of_sentence assistant_end end_of_utterance end_of_message",
    "end of sentence",
)
"""The answer is over."""
TEXT_STARTS = words(
    "bos begin_of_text startoftext start_of_text begin▁of▁sentence begin_of_sentence", "begin of sentence"
)
"""Another text begins; at the beginning of an answer they mean nothing."""
ROLE_STARTS = words("im_start start_header_id start_of_turn start_of_turn_token start_of_role turn")
"""The name of a speaker follows."""
OWN_MARKS = words("assistant assistant_start chatbot_token im_assistant model bot")
"""The agent's own words follow."""
OTHER_MARKS = words(
    "user user_token user_start im_user human system system_token im_system inst system_prompt"
    " available_tools tool_results tool tool_output observation"
)
"""Somebody else's words follow."""
BARE_TOKENS = words("s eos bos pad unk mask sop gmask start_of_turn end_of_turn")
"""Of these names the ones that count without bars: ``<eos>`` is a token, ``<user>`` a tag like any other."""

_TAGS = words(
    "tool_call tool_calls function_call function_calls function tool_code invoke tool_use tool_response"
    " tool_result tools script style emotion mood sentiment metadata"
)
BLOCKS: dict[str, str | None] = {
    **{name: name for name in _TAGS},
    "!--": "--",
    "start_action": "end_action",
    "tool_call_start": "tool_call_end",
    "tool_calls_begin": "tool_calls_end",
    "tool▁calls▁begin": "tool▁calls▁end",
    "tool▁call▁begin": "tool▁call▁end",
    "tool_calls_section_begin": "tool_calls_section_end",
    "tool_call_begin": "tool_call_end",
    "python_tag": None,
    "[tool_calls": None,
}
"""Nothing of what follows is said up to the mark of that name; None: up to the end of the message."""

LINE_TAGS = words("p div tr h1 h2 h3 h4 h5 h6 ul ol table blockquote section")
"""HTML that begins a line of its own."""
SPACE_TAGS = words("br break td th hr")
"""HTML and SSML that stand for a space or a pause."""

BRACKETED = END_CALL | words(
    "inst /inst think /think eos bos pad unk tool_calls tool_results system_prompt available_tools args"
    " gmask /gmask |endofturn| |assistant| |user| |system|"
)
"""The names that count in ``[...]``; everything else there is the model's own text."""

OWN_ROLES = words("assistant model ai bot agent chatbot")
OTHER_ROLES = words("user system human tool developer ipython function observation environment")
"""Speakers' names after a mark of :data:`ROLE_STARTS`."""
