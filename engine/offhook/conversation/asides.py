"""Stage directions: "*smiles*", "(pauses)", "[laughs softly]".

Brackets carry information too: "(212) 555-0187", "(opens at nine)", "*free*".  What is
dropped is decided by closed lists and by where the bracket stands:

* it begins with a word that nobody puts into brackets otherwise, such as "smiles": dropped anywhere;
* it is a phrase that could be part of a sentence, such as "checks the calendar" or "softly": dropped
  only where no sentence goes on around it, at the beginning or after the end of one;
* it has more than a few words, digits, or words that make it a sentence, such as "is" or "you": kept.
"""

from __future__ import annotations

import re

from offhook.conversation.marker_names import words

_SURE = words(
    "smiles smiling smile laughs laughing laughter laugh chuckles chuckling chuckle giggles giggling"
    " sighs sighing sigh pauses pausing pause grins grinning nods nodding winks shrugs coughs coughing"
    " gasps sniffs sniffles yawns frowns exhales inhales sobs groans mutters mumbles murmurs whispers"
    " whispering inaudible unintelligible stammers hesitates gulps snickers smirks"
)
_FIRST_OF_PHRASE = words("short long brief slight soft softly gentle gently warm warmly deep deeply")
"""Before one of the sure words: "(short pause)", "*gently laughs*"."""
_VERBS = words(
    "checks checking looks looking types typing thinks thinking waits waiting speaks speaking reads reading"
    " writes writing searches searching glances glancing shuffles shuffling flips flipping leans leaning"
    " listens listening consults consulting dials dialing"
)
_AFTER_VERBS = words("the his her their its a an up down at through for on over in to into back briefly")
_MANNERS = words(
    "warmly softly gently cheerfully brightly politely enthusiastically apologetically excitedly kindly"
    " sympathetically calmly happily quietly thoughtfully silence applause music beat beep hums humming beams"
    " blushes bows breathes weeps"
)
_PHRASES = re.compile(
    r"(?:in|with) an? (?:\w+ )?(?:tone|voice|smile|laugh|sigh|chuckle|grin)(?: \w+)?"
    r"|clears (?:\w+ )?throat|clearing throat|takes a (?:\w+ )?breath|hangs up(?: the phone)?|hanging up"
    r"|ends (?:the )?call|picks up the phone|puts (?:\w+ ){0,2}on hold|(?:phone|telephone) (?:rings|ringing)"
    r"|keyboard (?:typing|clicking|clacking|sounds)|(?:soft |hold )?music (?:plays|playing|stops)|hold music"
)
_PHRASE_STARTS = words(
    "in with clears clearing takes hangs hanging ends picks puts phone telephone keyboard hold"
)
_SENTENCE_WORDS = words(
    "is are was were am be can could will would shall should may might must do does did have has not no you"
    " your we our i my us"
)
_CUE = re.compile(
    r"(?-i:[A-Z][A-Z _-]{3,30})"  # [SILENCE], [HOLD MUSIC]; not a short name in capitals
    r"|(?:emotion|tone|mood|style|voice|action|sound|sfx|pace|speed|volume|expression)\s?[:=]\s?[\w ,-]{1,40}"
    r"|(?:the )?(?:end of|end|ends|ending) (?:the |of )?(?:call|conversation|transcript|response|message)",
    re.IGNORECASE,
)
"""In square brackets, by itself."""
_CUE_CHARS = 50
_MAX_WORDS = 6
_STARTS = _SURE | _FIRST_OF_PHRASE | _VERBS | _MANNERS | _PHRASE_STARTS
_WORDS = re.compile(r"[A-Za-z][a-z]*(?:[ ,'\u2019-]+[a-z]+)*[.!\u2026 ]*")


def may_be_aside(content: str, bracket: str = "(") -> bool:
    """While a bracket is open: true when what stands in it so far may become a stage direction."""
    if bracket == "[" and len(content) <= _CUE_CHARS and re.fullmatch(r"[A-Za-z][\w ,:=-]*", content):
        return True
    first = re.match(r"[A-Za-z]*", content)
    assert first is not None
    word, rest = first.group().lower(), content[first.end() :]
    if rest:
        return word in _STARTS and len(content.split()) <= _MAX_WORDS and not re.search(r"[\d\n]", rest)
    return any(start.startswith(word) for start in _STARTS)


def is_aside(content: str, *, alone: bool, bracket: str = "(") -> bool:
    """True for a stage direction; ``alone``: no sentence goes on around it; ``bracket``: what opens it."""
    text = content.strip()
    if bracket == "[" and alone and _CUE.fullmatch(text):
        return True
    parts = re.findall(r"[a-z]+", text.lower())
    if not parts or len(parts) > _MAX_WORDS or not _WORDS.fullmatch(text) or _SENTENCE_WORDS & set(parts):
        return False
    first, second = parts[0], parts[1] if len(parts) > 1 else ""
    if first in _SURE or (first in _FIRST_OF_PHRASE and _SURE & set(parts[1:3])):
        return True
    if not alone:
        return False
    if first in _VERBS:
        return second in _AFTER_VERBS or second.endswith("ly")
    return (first in _MANNERS and len(parts) < 3) or bool(_PHRASES.fullmatch(" ".join(parts)))
