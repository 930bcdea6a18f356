"""English."""

from __future__ import annotations

import re

from offhook.languages.turns.base import (
    Asking,
    Backchannels,
    Clauses,
    Endings,
    Numbers,
    Sentences,
    TurnLanguage,
    pattern,
    word_set,
)

COUNTING = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
"""Each at the place of its value."""
DIGITS = frozenset({*COUNTING[:10], "oh", "o"})
TEENS = frozenset(COUNTING[10:])
_TENS_IN_ORDER = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
TENS = {word: str(value) for value, word in enumerate(_TENS_IN_ORDER, start=2)}
TIMES = {"double": 2, "triple": 3}
"""What is said before a digit that comes more than once."""

_ENDINGS = Endings(
    open=word_set(
        # articles, determiners, possessives
        "a an the my your his our their every each its"
        # conjunctions
        " and or but because if whether unless although since so than nor"
        # prepositions, without those that English leaves at the end of questions
        " of from into between during per via regarding at to"
        # verbs that want a complement
        " is are am was were do does did can could will would shall should may might must has have want need"
        " gonna wanna i'm it's there's he's she's that's we're they're you're i've i'll i'd"
        # subjects and question words
        " i he she we they who which what whose when where why how"
        # fillers
        " um uh erm er hmm like basically actually well maybe very really"
    ),
    often_open=word_set("for about with on in by as that this until after before around please another"),
    reply=word_set(
        "yes yeah yep yup no nope okay ok sure right correct exactly absolutely definitely perfect great fine"
        " good thanks hello hi hey bye goodbye sorry pardon never none nothing nobody everything anytime"
        " today"
        " tomorrow tonight yesterday monday tuesday wednesday thursday friday saturday sunday morning"
        " afternoon evening noon midnight week month year please thank you of course not all one two both"
        " neither either at on in the next"
    ),
)

_NUMBERS = Numbers(
    counting={word: value for value, word in enumerate(COUNTING)},
    digits=DIGITS,
    teens=TEENS,
    tens=TENS,
    values={word: str(value) for value, word in enumerate(COUNTING)} | {"oh": "0"},
    rounds={"hundred": "00", "thousand": "000"},
    fills=frozenset(TENS) | TEENS | {"and"},
    times=TIMES,
    all=DIGITS | TEENS | TENS.keys() | TIMES.keys() | {"hundred", "thousand"},
    as_in=(("as", "in"),),
    for_a_word=frozenset({"for"}),
    between=word_set("uh um er erm hmm and then dash hyphen plus so dot point space"),
    openers=word_set("""
        yes yeah yep sure okay ok course of well so right alright um uh er erm oh hi hello it it's its is
        that's that the my number phone mobile cell account card code pin email e mail address name one moment
        second let me see just here comes be would will i have got a please you can use on at and
    """),
    named=re.compile(
        r"\b(?:numbers?|phone|mobile|cell|pin|zip|digits|extension|reference|account|card|code"
        r"|(?:call|ring|reach|text|phone) me (?:back )?(?:on|at))\b"
    ),
    refuses=word_set("no not don't none never can't won't what why how who when where sorry which haven't"),
    heard_as={"to": "two", "too": "two", "for": "four", "ate": "eight", "won": "one"},
    mail_is=word_set("is it's"),
)

_FIRST = r"(?:(?:and|so|okay|ok|or|well|then|right|great|now)[,\s]+)*"
_ASKING = Asking(
    spell=pattern(
        r"\b(?:spell|spelling|letter by letter|post ?code|postal code|iban|vin|(?:licen[cs]e|number) plate)\b"
        r"|\b(?:booking|order|payment|confirmation) reference\b(?! number)"
        r"|\bregistration(?: number| mark)?(?: (?:of|on|for) (?:your|the) \w+)?[?.]?$"
        r"|\b(?:account|booking|customer|employee|member(?:ship)?|order|patient|policy|student|user) id\b"
    ),
    so_many_digits=pattern(
        rf"\b(?P<n>\d{{1,2}}|{'|'.join(COUNTING)})(?:[- ]digits?\b| (?:numbers|figures)\b)"
    ),
    card=pattern(r"(?<!gift )(?<!loyalty )(?<!insurance )(?<!membership )\bcard number\b"),
    number=pattern(
        r"\bnumbers?\b(?! of\b)|\b(?:pin|digits|passcode|mobile|zip(?: code)?)\b"
        r"|\b(?:access|area|booking|confirmation|customer|order|pin|reference|security|sort|verification)"
        r" code\b"
        r"|\b(?:reach|call|ring|phone|text|contact) you(?: back)?(?: on| at)?\?$"
    ),
    email=pattern(r"\be-?\s?mail\b"),
    birth=pattern(r"\b(?:date of birth|birth ?date|d\.?o\.?b\b|(?:were|was) (?:\w+ ){1,2}born)"),
    again=pattern(
        r"\b(?:say|tell me) (?:that|it|this)(?: again| once more| one more time)\b"
        r"|\brepeat(?: that| it| this| yourself)?(?:,? please| for me)?[.?]?$"
        r"|\b(?:didn't|did not|couldn't|could not|can't|cannot) (?:quite |really )?"
        r"(?:catch|get|hear|understand|make out) (?:that|it|this|you|what)\b"
    ),
    request=pattern(
        r"^(?:please|now|and)\b|\bplease\.?$"
        r"|(?:^|\b(?:please|just|and|then|or) )"
        r"(?:say|enter|type|give|tell|read|dial|key in|provide|confirm)\b"
        r"|\b(?:tell|give) me\b|\blet me (?:have|know|take|get)\b"
        r"|\bneed (?:to (?:have|know|take|get) )?(?:your|a|the)\b"
    ),
    ours=pattern(
        r"\b(?:our|my|their|his|her) (?:\w+ ){0,2}(?:number|code|pin|e-?mail|mobile)\b"
        r"|\bwould you (?:like|prefer|want)\b|\bdo you want\b"
        r"|^(?!.*\b(?:what|which)\b).*\b(?:shall|should|can|could|may) (?:i|we)"
        r" (?:give|tell|send|read|e-?mail)\b"
        rf"|^{_FIRST}(?:is|are|was|were|did|does|has|am|isn't|aren't|wasn't|didn't)\b"
        rf"|^{_FIRST}(?:can|could|may|shall|should|do|will|would)\b.*\b(?:this|that|same) (?:\w+ )?number\b"
    ),
    yes_no_question=pattern(
        r"(?:^|[.!?,;:]\s+|\b(?:and|so|or|then|okay|well)\s+)"
        r"(?:do|does|did|is|are|was|were|will|would|can|could|shall|should|may|have|has|am)\s(?:[^.!?]*)\?$"
    ),
    tag=pattern(
        r"[,;:\u2013\u2014-]\s*(?:(?:is|does|would|am|have|did) (?:that|this|it|i)(?: got that)? )?"
        r"(?:correct|right|ok|okay|all ?right|yes|yeah|yep|no|eh|deal|sounds? (?:good|right|ok|okay|fine)"
        r"|work|works|fine)(?: (?:for|with) you)?\?$"
        r"|[,;]\s*(?:is|are|was|were|do|does|did|have|has|can|could|will|would|should|am)(?:n't| not)?"
        r" (?:it|you|we|they|he|she|i|that|there)(?: not)?\?$"
    ),
    open_inside=pattern(
        r"\b(?:what|which|who|whom|whose|when|where|why|how)\b|\bor\b|\bhelp you\b|\btell me\b"
        r"|\banything else\b"
    ),
    one_thing=pattern(
        r"\b(?:what|which|who|whom|whose|when|where|how (?:many|much|long|old|often|far|late|early))\b|\bor\b"
        r"|\byour (?:\w+ ){0,2}(?:name|surname|birthday|date of birth|address|city)\b"
    ),
    a_story=pattern(
        r"\b(?:help|happen\w*|problem|matter|wrong|else|why|about|reason|question|describe|explain|do for you"
        r"|what (?:would you like|do you want|do you need|brings you|is it)|like to know)\b"
    ),
    gives_time=pattern(
        r"\b(?:take (?:your|all the) time|no (?:rush|hurry)|(?:i'll|i will|i can|happy to) (?:wait|hold)\b"
        r"|(?:whenever|when|once) you(?:'re| are) (?:ready|back)|let me know when)"
    ),
)

_YES_NO_TEXT = """
yes|no|yeah|yep|yup|nope|nah|sure|correct|right|exactly|ok|okay|of course|absolutely|definitely|please
|mm hm|mhm|mm hmm|uh huh|that is right|that's right|that is correct|that's correct|not really|no thanks
|no thank you|yes please|please do|i do|i don't|i would|it is|it isn't|certainly|not at all|why not
"""
_YES_NO_ONE = "|".join(re.escape(answer.strip()) for answer in _YES_NO_TEXT.replace("\n", "").split("|"))
_AUXILIARY = r"(?:do|does|did|is|are|was|were|can|could|will|would|shall|should|may|have|has|am)(?:n't)?"
_NOUN_PHRASE = r"(?:you|i|we|it|they|he|she|there|this|that|the|my|our|your|his|her|any\w*|some\w*)"
_SENTENCES = Sentences(
    yes_no=re.compile(rf"(?:(?:{_YES_NO_ONE})(?: |$)){{1,3}}"),
    preface=re.compile(
        r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|excuse me|sorry|okay|ok|so|well|um|uh"
        r"|yes|yeah|no|listen|look|please|there) )*"
        r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|excuse me|sorry|so|well|um|uh|listen|look"
        r"|(?:i have|i've got|i got) (?:a|an|another|one more|two|some) (?:\w+ )?questions?"
        r"|(?:can|could|may) i (?:just )?ask (?:you )?(?:something|a question|one thing)"
        r"|i(?:'d| would) like to ask (?:you )?(?:something|a question)"
        r"|let me (?:see|think)|just a (?:moment|second)|one (?:moment|second)|hang on|hold on"
        r"|here's the thing"
        r"|(?P<name>my name is \w+(?: \w+)?|this is \w+(?: \w+)? speaking))"
    ),
    before_a_clause=word_set(
        "hi hello hey good morning afternoon evening day yes yeah yep no nope okay ok so well and but or"
        " because actually basically sorry please um uh erm hmm oh then now also maybe"
    ),
    subjects=word_set(
        "i i'm i'd i've i'll we we're we'd we've we'll it it's it'll he he's she she's they they're they've"
        " there there's this my our your his her their the a an some someone somebody something"
    ),
    orders=word_set("send put give cancel make let call take bring change book order add remove"),
    asking_first=word_set("what who whose which where when why how"),
    asking=re.compile(
        # "what time do you close", "and is there parking": the verb stands before its subject ...
        r"(?:^|[,;]|\b(?:and|but|or|so|then|well|please|hi|hello|okay|yes|no|where|when|why|who"
        r"|how(?: \w+){0,2}"
        rf"|what(?: \w+)?|which \w+))\W*\b{_AUXILIARY} {_NOUN_PHRASE}\b"
        # ... or the question is part of a sentence that says that it is one.
        r"|\b(?:(?:like|want|wanted|need) to (?:know|ask|find out|hear)|wonder(?:ing|ed)|tell me)\b"
    ),
    time=word_set(
        "today tomorrow tonight yesterday morning afternoon evening night noon midnight o'clock ago day days"
        " week weeks weekend month months year years monday tuesday wednesday thursday friday saturday sunday"
        " january february march april may june july august september october november december"
    ),
    leaning=re.compile(
        r"(?:(?:okay|ok|right|alright|oh|so|well|yes|yeah|no|thanks|thank you|good|great|and|but|or) )*"
        r"(?:and|or|(?:what|how) about) (?P<rest>.+)"
    ),
    clausal=word_set("""
        i i'm i'd i've i'll we we're we'd we've we'll it it's it'll he he's she she's they they're they've
        you you're you've that's there there's this is isn't are aren't am was were do don't does doesn't did
        can can't could will won't would shall should may might must has have had
        what who which where when why how
    """),
)

_BACKCHANNELS = Backchannels(
    words=word_set("""
        mm mmm mhm mmhm mm-hm mm-hmm mhmm mmhmm hm hmm hmmm uh-huh uhhuh uhuh aha ah oh yeah yep yup yes ok
        okay okey right sure fine alright uh um huh good great cool nice exactly true
    """),
    phrases=tuple(
        tuple(phrase.split())
        for phrase in (
            *("i see", "got it", "uh huh", "mm hm", "mm hmm", "m hm", "all right", "of course", "go on"),
        )
    ),
)

_CLAUSES = Clauses(
    never_last=word_set("""
        dr mr mrs ms mx prof rev hon gen st mt ft no nr ext tel fig vs e.g i.e approx dept appt jan feb mar
        apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun
    """),
    sometimes_last=word_set("a.m p.m etc inc ltd co corp jr sr ave rd blvd u.s u.k ph.d b.c a.d"),
    joints=word_set("""
        and but or so because since although though while which who where when whether if unless until
        before after from with without for at on in by near between during through
    """),
    bound=word_set("a an the to of our your my his her its their this that is are was be am not no very"),
)

ENGLISH = TurnLanguage("en", _ENDINGS, _NUMBERS, _ASKING, _SENTENCES, _BACKCHANNELS, _CLAUSES)
