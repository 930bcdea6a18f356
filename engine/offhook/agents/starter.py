"""The text of an agent file to begin with."""

from __future__ import annotations

_STARTER = """\
# What callers of @TITLE@ hear.  `offhook agents check` says what could be better.

name = "@TITLE@"
greeting = "@TITLE@, hello. How can I help you?"
goodbye = "Thank you for calling @TITLE@. Goodbye."

# How the agent speaks; what it knows are its facts.  All of an answer is read out: no lists, no markup.
persona = "You answer the telephone of @TITLE@. Be friendly and brief."

# Said when no fact answers a question.
unknown = "I'm sorry, I don't know that. Please send us an e-mail."

# One thing each, as it is to be said.  Keywords are other words that callers use for it.
facts = [
  "We're open from nine in the morning until five in the afternoon, Monday to Friday.",
  "We're closed on Saturdays and Sundays.",
  { text = "You can pay in cash or by card.", keywords = ["payment", "credit", "money"] },
]

# More that can be set; these are the defaults.
# language = "en"
# apology = "I'm sorry, something went wrong. Please try again later."
# unclear = "I'm sorry, could you say that again?"
# excuse = "I'm sorry, that did not work just now. Could you say it once more?"
# still_there = "Are you still there?"
# holding = "One moment, please."
# take_your_time = "Of course, take your time."
# unsure = "I'm not sure about that, but this may help."
# otherwise = "All right. What else can I do for you?"
# barge_in = true  # false: the caller cannot interrupt
"""


def starter(name: str) -> str:
    """A file to begin with; it can be used as it is."""
    return _STARTER.replace("@TITLE@", name.replace("-", " ").replace("_", " ").title())
