"""English."""

from __future__ import annotations

import re

from offhook.languages.base import Defaults, Language, Phrases, Telling
from offhook.languages.base import any_of as _any_of
from offhook.languages.wording import COUNTING, TIMES

_FILLERS = """
a an and the of to in on at for with um uh erm er hmm well so oh okay ok please just like actually really
i you we it me my your is are do does can could would will be if or but then now hi hello hey sorry yeah yes
no not there that this
"""
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_LAST = r"(?:good ?)?bye(?: ?bye)*|good ?by$|bye ?now|good ?night|cheerio|ta ?ra|toodle ?oo"
_BYE = rf"{_LAST}|so long|farewell"
_LEAVE = (
    rf"(?:{_BYE})",
    r"(?:i'll |i will |we'll )?(?:see|speak to|talk to|catch) (?:you|ya)(?: guys| all)?"
    r"(?: later| then| soon| tomorrow| tonight| around| there| again| next (?:week|time))*"
    rf"(?: on)?(?: (?:{_WEEKDAYS}))?(?: at \w+)?(?: then)?",
    r"(?:speak|talk) soon",
    r"(?:you )?have (?:a|yourself a) (?:very )?(?:nice|good|great|lovely|wonderful|pleasant|fantastic"
    r"|blessed)"
    r" (?:day|one|evening|morning|afternoon|night|weekend|time|week|rest of (?:your|the) (?:day|week"
    r"|evening))",
    r"enjoy (?:your|the) (?:day|evening|weekend|afternoon|rest of (?:your|the) day)",
    r"(?:you )?take (?:good )?care(?: of yourself)?(?: now)?",
    r"all the best|until then|till then|catch you later|later then|i'll let you go|i(?:'d| had) better"
    r" (?:go|run|be off)"
    r"|i(?:'ve| have) (?:got to|gotta|to) (?:go|run)|gotta (?:go|run)|you can hang up(?: now)?|hang up now",
)
_COURTESY = (
    r"(?:ok|okay|k|alright|alrighty|all right|right|well|so|then|now|oh|ah|and|but|anyway|anyways|yeah"
    r"|yep|yes|no|nope"
    r"|nah|great|perfect|lovely|brilliant|wonderful|excellent|fantastic|super|cool|good|fine|nice|awesome"
    r"|sweet|sure"
    r"|grand|smashing|marvellous|marvelous|got it|gotcha|understood|i see|that's (?:great|perfect|lovely"
    r"|brilliant|fine"
    r"|good|wonderful|excellent|fantastic|super|cool|very (?:kind|helpful)|what i needed(?: to know)?|me"
    r" done|me sorted"
    r"|grand|so kind|helpful|really helpful|very good|clear))",
    r"(?:thank you|thanks|thank ya|ta|cheers|much obliged|many thanks|thx)(?: (?:so|very|ever so|again)"
    r" ?(?:much|kindly)?| a lot"
    r"| a million| a bunch| loads| heaps| kindly| again| anyway| anyways| then| dear| love| mate| man|"
    r" ma'am| sir| guys"
    r"| everybody| everyone| you)*"
    r"(?: for (?:your|the|all(?: of)?(?: your| the)?|that|everything|calling|letting me know|being so"
    r" (?:kind|helpful|patient)|\w+ing)"
    r"(?: (?:help|time|information|info|patience|assistance|advice|call|answer|answers|your help|me))*)?",
    r"(?:i |we )?(?:really |do |very much )?appreciate (?:it|that|your help|the help|you|your time)(?:"
    r" very much| a lot)?"
    r"|much appreciated|you(?:'ve| have)(?: all)? been (?:so |very |really |most |a )?(?:great |big"
    r" )?(?:helpful|kind|great|help|patient|lovely)",
    r"(?:you too|same to you|and you|you as well|likewise)(?: now| then)?",
    r"(?:that|this)(?: really)? (?:answers|answered) (?:all )?(?:my|everything|the) ?(?:questions?)?"
    r"|you(?:'ve| have) answered"
    r" (?:all )?my questions?|(?:no|i have no|i've no|no more|no other|no further) (?:more |other "
    r"|further )?questions?",
    r"(?:um+|uh+|erm?|hm+|mhm|mm+)",
    r"(?:dear|love|mate|sir|ma'am|guys|man|folks|buddy|pal)",
)
_DONE = (
    r"(?:that's|that is|that was|that'll be|that will be|that would be|i think that's|i guess that's|i"
    r" think that is)"
    r" (?:all|it|everything|about it|about all)(?: really)?"
    r"(?: (?:that )?(?:i|we) (?:needed|need|wanted|want|was after|had)(?: to (?:know|ask|hear))?)?(?:"
    r" (?:for|from) (?:now|today|me|the moment"
    r"|us))?(?: then| thanks)?",
    r"(?:there's |there is |i have |i've got |i need )?nothing (?:else|more|further)(?: (?:for|from)"
    r" (?:now|today|me))?(?: then)?",
    r"(?:i'm|i am|we're|we are) (?:all )?(?:done|good|set|sorted|finished)(?: (?:for (?:now|today)|then"
    r"|here|now))?",
)

_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPOKEN_EMAIL = re.compile(
    r"\b[\w-]+(?: (?:dot|underscore|dash|hyphen) [\w-]+)* at [\w-]+(?: (?:dot|dash|hyphen) [\w-]+)+",
    re.IGNORECASE,
)
_DAY = re.compile(
    r"\b(?:(?:next |this |on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day(?: (?:the )?\d+(?:st|nd|rd"
    r"|th)?)?(?: (?:morning|afternoon|evening"
    r"|night))?|today|tomorrow(?: (?:morning|afternoon|evening|night))?|tonight"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december) \d+(?:st"
    r"|nd|rd|th)?"
    r"|the \w+ of (?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december))\b",
    re.IGNORECASE,
)
_HOUR = r"(?:\d{1,2}(?:[:.]\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_CLOCK = re.compile(
    rf"\b(?:half past {_HOUR}|(?:a )?quarter (?:past|to) {_HOUR}|(?:at|by|around|about|from|make it"
    rf"|say)(?: about| around)? {_HOUR}"
    rf"(?:[ -](?:thirty|fifteen|forty-?five|o'clock))?(?: ?(?:am|pm|a\.m\.|p\.m\.|in the (?:morning"
    rf"|afternoon|evening)))?"
    rf"|{_HOUR}(?:[ -](?:thirty|fifteen|forty-?five))? ?(?:am|pm|a\.m\.|p\.m\.|o'clock|in the (?:morning"
    rf"|afternoon|evening))|noon|midnight)(?!\w|\s+(?:of|to|people|loaves))",
    re.IGNORECASE,
)
_NUMBER_WORD = "(?:" + "|".join((*COUNTING, *_TENS, "oh")) + ")"
_HOUSE = rf"\d{{1,5}}[a-z]?|{_NUMBER_WORD}(?:[ -]{_NUMBER_WORD}){{0,4}}"
_ADDRESS = re.compile(
    rf"\b(?P<house>{_HOUSE}) "
    r"(?P<street>(?:(?!(?:to|the|of|on|in|at|from|hours?|minutes?|days?|people)\b)[a-z][\w'\u2019-]* ){1,3}"
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct"
    r"|place|pl|way|close|terrace|square|boulevard|blvd|row|hill|gardens?|crescent|park|yard|grove|mews"
    r"|alley|highway|parkway|circle)\b)\.?"
    r"(?P<place>,? (?:in )?(?-i:[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)?))?",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?:at|by|around|about|from|make it|say|on)(?: about| around)? ", re.IGNORECASE)
_TELLING = Telling(
    figures={word: str(value) for value, word in enumerate(COUNTING)}
    | {word: str(value) for value, word in zip(range(20, 100, 10), _TENS, strict=True)}
    | {"oh": "0", "o": "0"},
    tens=frozenset(_TENS),
    times=TIMES,
    email=_SPOKEN_EMAIL,
    day=_DAY,
    clock=_CLOCK,
    lead=_LEAD,
    day_and_clock="{day} at {clock}",
    address=_ADDRESS,
    address_order="{house} {street}{place}",
    named=re.compile(r"name|^(?:this is|under)"),
    dates=re.compile(
        r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
        r"|\b(?:january|february|march|april|june|july|august|september|october|november|december)\b",
        re.IGNORECASE,
    ),
)

ENGLISH = Language(
    code="en",
    phrases=Phrases(
        welcome="You're welcome. Is there anything else?",
        greeted="Hello, yes, I'm here. How can I help you?",
        disclosure="This is the automated assistant of {name}.",
        machine="I'm the automated assistant of {name}. How can I help you?",
        no_transfer="I'm sorry, I can't put you through from here.",
        offer_person="I'm sorry about all this. Shall I put you through to {name}?",
        offer_message="I'm sorry about all this. Shall I take it down,"
        " so that somebody deals with it personally?",
        briefing="{name} has a caller for you. {about}"
        " To take the call, press one. To send it back, press two.",
        briefing_about="They said: {words}.",
        no_action="I'm sorry, I can answer questions, but I can't arrange that myself.",
        you_said="I have {detail}.",
        not_given="I'm sorry, I don't have that yet. Could you tell me?",
    ),
    defaults=Defaults(
        goodbye="Goodbye.",
        apology="I'm sorry, something went wrong. Please try again later.",
        unclear="I'm sorry, could you say that again?",
        excuse="I'm sorry, that did not work just now. Could you say it once more?",
        still_there="Are you still there?",
        holding="One moment, please.",
        take_your_time="Of course, take your time.",
        unknown="I'm sorry, I don't know that.",
        unsure="I'm not sure about that, but this may help.",
        otherwise="All right. What else can I do for you?",
        returned="I'm sorry, nobody is answering there just now. Is there anything else I can do for you?",
        resumed="I'm sorry, we were cut off. Where were we?",
    ),
    closers=_any_of(*_LEAVE),
    last_words=re.compile(rf"\b(?:{_LAST})(?: (?:now|then|love|dear|mate|darling|all|everyone|sir|ma'am))*$"),
    quoted_closers=_any_of(
        r"(?:to|not|never|didn't|don't|without|even|just) (?:say|saying|said|wave|kiss)(?:ing)?(?:"
        r" \w+){0,2} (?:good ?)?bye",
        r"(?:not|say|says|said|saying|wave|waved|waving|kiss|kissed|call it|a|the|his|her|your|my|our"
        r"|final|last) (?:good ?)?bye",
        r"(?:like|love|want|need|hope|hoping|try|trying|able|happy|keen|going|come|came|wanted|supposed"
        r"|have|had|can|could|can i|could i) "
        r"(?:to |and |come |in |i |we |you )*(?:see|speak to|talk to) (?:you|ya)",
        r"(?:when|how soon|where|if|that|who|which|until|before|after|unless|once) (?:\w+ ){0,3}(?:see"
        r"|speak to|talk to) (?:you|ya)",
        r"(?:don't|do not|please don't|before (?:you|we|i)|when (?:you|i|we)|if (?:you|i|we)|not) (?:\w+"
        r" )?hang up",
        r"(?:does|do|did|will|would|can|could|who|to|must|should|don't|not) take (?:good )?care",
        r"take (?:good )?care of (?!yourself)",
    ),
    courtesies=_any_of(*_COURTESY),
    all_done=_any_of(*_DONE),
    declines=_any_of(
        r"no|nope|nah|thanks|thank you|thank ya|ta|cheers|much appreciated|appreciate it",
        r"for (?:now|today|the moment)",
        r"(?:that )?(?:i|we) (?:needed|wanted)(?: to (?:know|ask|hear))?",
    ),
    confirms=re.compile(r"^(?:(?:um|uh|oh|well|so) )*(?:yes|yeah|yep|yup|correct|exactly|right|sure)\b"),
    offers=_any_of(
        r"(?:anything|something|what|nothing) (?:else|more)|(?:can|may|could) i (?:\w+ ){0,2}(?:help"
        r"|assist|do for you)"
    ),
    asks=re.compile(
        r"\?|\b(?:what|when|where|who|whose|which|why|how|can|could|do|does|did|is|are|will|would|may"
        r"|shall|should)"
        r"(?:n't)? (?:i|you|we|it|he|she|they|there|that|this|the|a|an|my|your|our|much|many|long|far"
        r"|late|early|soon|old"
        r"|time|day|kind|sort|about|anybody|anyone|somebody|someone)\b"
        r"|\b(?:have|has)(?:n't)? (?:i|you|we|it|he|she|they|there|somebody|someone|anybody|anyone)\b"
        r"|(?:^|[.!,;] )(?:(?:and|but|so|oh|okay|ok|well|um+|uh+|er+m?),? )*"
        r"(?:who|whose|why|(?:is|are|was|were|does|did)(?:n't)?) \w"
        r"|\b(?:tell me|i wonder|i was wondering|wondering (?:if|whether|about)|let me know|one more"
        r" (?:thing|question)"
        r"|another question|price of)\b",
        re.IGNORECASE,
    ),
    wants=re.compile(r"\b(?:i(?:'d| would) like|i want|i need|looking for)\b", re.IGNORECASE),
    request=_any_of(
        r"(?:book|reserve|order|schedule|reschedule|cancel|move|change|arrange|set up|sign up|register"
        r"|put me down|pencil me in|make an appointment"
        r"|make a (?:booking|reservation)|place an order|report|return|renew|call me|ring me|have \w+"
        r" (?:call|ring|phone)|tell \w+ (?:that|to)|leave a message|let \w+ know"
        r"|pass (?:it|that|this) on|take a message|send (?:me|someone|somebody)|come (?:out|round|over)"
        r"|deliver)",
        r"i(?:'d| would)? ?(?:like|want|need) (?:to|a|an|some|two|three|four|five|six|the|someone|somebody)",
    ),
    next_question=re.compile(
        r"\?\s+(?=\S)|,?\s+(?:and|or|plus|also|but)\s+(?:also\s+)?"
        r"(?=(?:what|when|where|who|how|which|why|do|does|is|are|can|could|will|would|may|have|has|did"
        r"|should)\b)",
        re.IGNORECASE,
    ),
    alternatives=re.compile(r",?\s+(?:or|than)\s+", re.IGNORECASE),
    compares=re.compile(
        r"\b(?:more|less|cheaper|dearer|costs? (?:more|less)|difference between|longer|shorter"
        r"|bigger|smaller|earlier|later|better|closer|nearer|faster)\b.*\b(?:or|and|than)\b",
        re.IGNORECASE | re.DOTALL,
    ),
    denies=re.compile(r"\b(?:not|no(?!\.? ?\d)|never|cannot|\w+n['\u2019]t)\b", re.IGNORECASE),
    details=(
        ("email", _any_of(r"e ?mail(?: address)?|mail address")),
        (
            "number",
            _any_of(
                r"(?:tele)?phone|(?:phone |telephone |mobile |cell |contact |callback |order |account "
                r"|card |policy |member(?:ship)? )?numbers?|mobile|cell|digits"
            ),
        ),
        ("name", _any_of(r"(?:sur|last |first |family |full )?name|spelling")),
        ("time", _any_of(r"time|day|date|when|slot|o'clock")),
        ("address", _any_of(r"address|street|postcode|zip(?: code)?")),
    ),
    names=re.compile(
        r"(?:\b[Mm]y name(?:'s| is)|\b[Tt]he name(?:'s| is)|\b[Nn]ame(?:'s| is|:)|\b[Tt]his is|\b[Ii]t's"
        r"|\b[Ii]'m|\b[Ii] am|\b[Uu]nder(?: the name(?: of)?)?"
        r"|\b[Ff]or(?: a)?(?: Mr\.?| Mrs\.?| Ms\.?))"
        r" (?P<name>(?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-Z][\w'\u2019-]+(?: [A-Z][\w'\u2019-]+){0,2})"
    ),
    telling=_TELLING,
    fillers=frozenset(_FILLERS.split()),
)
