"""What machines say before the beep, and what only people say, as patterns over recognised words.

Broad ones, of the words that such announcements are made of; a language that is not here has none, and there
lengths and pauses alone decide.  Whoever picks up begins with a greeting, a name or a question; what begins
with "you have", "your call" or "the number" is a recording.
"""

from __future__ import annotations

import re

_MACHINE = {
    "en": r"""^\W*(you('ve|\s+have)|your\s+call|the\s+(person|party|number|subscriber))\b
        | \byou('ve| have)?\s+reached\b | \breached\s+(the|my|our)\b | \bvoice\s?-?mail | \bmail[\s-]?box
        | \banswering\s+(machine|service) | \bleave\s+(a|your|me|us|word|the)\b | \bleave\b.{0,30}\bmessage
        | \b(after|at|hear)\s+(the|a)\s+(tone|beep|signal|sound)
        | (\bnot|n't|\bunable\s+to|\bcannot)\s+(be\s+)?
            (come\s+to|take\s+your|answer|available|reached|get\s+to)
        | \b(is|are|am|i'm|we're|currently)\s+(currently\s+|not\s+|un)+(available|here|home|in\b|at\b)
        | \bunavailable\b | \baway\s+from\s+(my|the|our) | \bget\s+back\s+to\s+you
        | \b(return|miss(ed)?)\s+your\s+call | \bcall\s+you\s+back | \b(person|party|number|subscriber)\s+you
        | \bthe\s+(person|party|subscriber)\s+at\b | \bplease\s+(record|hang\s+up|try\s+(your|again))
        | \bpress\s+(\d|one|two|three|zero|star|pound|hash) | \bour\s+(offices?|hours)\b.{0,20}\b(closed|are)
        | \bknow\s+what\s+to\s+do\b | \bno\s+longer\s+in\s+service | \bcannot\s+be\s+completed
        | \bno\s?(-?one|body)\s+(is|can) | \bcall\s+is\s+important | \bmessages?\b | \bbeep\b
        | \b(is|are|we're)\s+(now\s+|currently\s+)?closed\b | \bplease\s+hold\b | \bin\s+service\b
        | \b(lines|circuits|agents|operators)\s+are\b | \b(call|try)\s+(us\s+)?again\b
        | \bbeen\s+(forwarded|transferred|recorded|disconnected|changed)""",
    "de": r"""\berreicht\b | \banrufbeantworter | \bmailbox | \bnachricht | \bnach\s+dem\s+(ton|signal|piep)
        | \bsignalton | \bnicht\s+(erreichbar|da|zu\s?hause|verf.gbar|im\s+haus) | \bhinterlassen
        | \bteilnehmer | \brufnummer | \brufen\s+(wir|sie|ich).{0,30}\bzur.ck | \bau.erhalb\b
        | \bdr.cken\s+sie""",
    "es": r"""\bbuz.n | \bcontestador | \bmensaje | \bdespu.s\s+de(l|\s+la)\s+(tono|se.al)
        | \bno\s+(est.|estoy|estamos|puedo|podemos|se\s+encuentra) | \bha\s+llamado\b | \bn.mero\s+marcado
        | \bdeje\b | \bpulse\b""",
    "fr": r"""\br.pondeur | \bmessagerie | \bmessage | \bapr.s\s+le\s+(bip|signal) | \blaissez
        | \b(absente?|indisponible)s?\b | \bjoindre\b | \bcorrespondant | \bbien\s+chez\b | \btapez\b""",
}
_PERSON = {
    "en": r"""\b(how|what)\s+(can|may|could)\s+(i|we)\b | \bspeaking\b
        | \bwho('s|\s+is)\s+(this|that|calling|there)
        | \bhelp\s+you\b | \bhello\?.{0,20}\bhello\?""",
    "de": r"""\bwas\s+kann\s+ich | \bwie\s+kann\s+ich | \bam\s+apparat | \bwer\s+(ist|spricht)
        | \bf.r\s+sie\s+tun""",
    "es": r"""\ben\s+qu.\s+(puedo|le) | \bqui.n\s+(es|habla) | \bd.game | \bayudarle""",
    "fr": r"""\bque\s+puis-je | \bqui\s+est | \b.\s+l'appareil | \bvous\s+aider | \bj'.coute""",
}
_GREETS = {
    "en": r"""^\W*(hello|yes|yeah|yep|good\s+(morning|afternoon|evening|day))\W*(hello|yes)?\W*$""",
    "de": r"""^\W*(ja|hallo|guten\s+(tag|morgen|abend)|bitte)\W*(hallo|bitte)?\W*$""",
    "es": r"""^\W*(s.|hola|bueno|diga|al.|buen[oa]s\s+(d.as|tardes|noches))\W*$""",
    "fr": r"""^\W*(all.|oui|bonjour|bonsoir)\W*(all.|oui|bonjour)?\W*$""",
}
_NAMES_ITSELF = {
    "en": r"""^\W*(hi|hey)\b
        | ^\W*(hello)?\W*(this\s+is|it's|it\s+is|i'm|thank(s|\s+you)\s+for|you|welcome)\b""",
    "de": r"""^\W*(hallo|guten\s+tag)?\W*(hier\s+ist|das\s+ist|sie\s+sind|willkommen)\b""",
    "es": r"""^\W*(hola)?\W*(habla|soy|este\s+es|ha\b|bienvenid)""",
    "fr": r"""^\W*(bonjour)?\W*(ici|c'est|vous\b|bienvenue)""",
}

_SIGNAL = {
    "en": r"""\b(after|at|hear|wait\s+for)\s+(the|a|that)\s+(tone|beep|signal)\b | \bwhen\s+it\s+beeps""",
    "de": r"""\bnach\s+dem\s+(ton|signal|signalton|pie?p\w*)""",
    "es": r"""\bdespu.s\s+de(l|\s+la)\s+(tono|se.al)""",
    "fr": r"""\bapr.s\s+(le|la)\s+(bip|signal|tonalit.)""",
}
"""What nobody says but a machine, in any sentence."""
_RECORDED = {
    "en": r"""\byou('ve|\s+have)?\s+reached\b(?!.{0,20}\bwrong)
        | \b(voice\s?-?mail|mail\s?box|answering\s+machine)\s+(of|for|service|system|is\s+(full|not))
        | ^\W*((please|just|so|or|and)\s+)*leave\s+(a|an|your|us|me)\b.{0,30}\b(message|name|number)
        | \bplease\s+leave\s+(a|your|us\s+a|me\s+a)\b | \b(please\s+|to\s+)record\s+(a|your)\b
        | \bpress\s+(\d|one|two|three|four|five|six|seven|eight|nine|zero|star|pound|hash)\b
        | \b(your|this)\s+(call|conversation)\s+
            (is\s+(important|being)|has\s+been|may\s+be|will\s+be|cannot|can't)
        | \b(missed|take|answer|(i|we)('ll|\s+will)\s+return)\s+your\s+call
        | \b(i|we)(('m|'re|\s+am|\s+are)\s+(not\s+able|unable)\s+to|\s+can(no|')t)\s+
            (come|get)\s+to\s+(the|my|our)\s+phone
        | \b(number|person|party|subscriber|customer|phone|mobile)\s+(that\s+)?you('ve|\s+have|\s+are|'re)\s+
            (dial|call|reach|try)
        | \bnot\s+in\s+service\b | \bhas\s+been\s+(disconnected|changed|forwarded)\b
        | \b(all|our)\s+(of\s+)?(our\s+)?(lines|circuits|agents|operators|advis[eo]rs)\s+are\b
        | \bour\s+(office|opening|business|normal)\s+hours\s+are\b | \bhang\s+up\s+and\s+(try|dial)
        | \bthis\s+is\s+a\s+record""",
    "de": r"""\bhinterlassen\s+sie\b
        | \b(mailbox|anrufbeantworter|sprachbox)\s+(von|der|des|ist)
        | \b(teilnehmer|gespr.chspartner|rufnummer|anschluss)\s+(ist|hat|kann)\b | \bdr.cken\s+sie\b
        | \bihr\s+(anruf|gespr.ch)\s+(ist|wird|kann)\b | \bpers.nlich\s+(erreichbar|entgegennehmen)
        | \balle\s+(unsere\s+)?(leitungen|mitarbeiter|pl.tze)\s+(sind|sprechen)""",
    "es": r"""\bdeje\s+(su|un|aqu.)\b | \bbuz.n\s+de\s+voz
        | \bn.mero\s+(que\s+)?(ha\s+)?marcado | \bpulse\b | \bsu\s+llamada\s+(es|ser.|ha)\b
        | \btodos\s+nuestros\b""",
    "fr": r"""\blaissez\s+(un|une|votre|vos|moi|nous)\b
        | \b(messagerie|bo.te)\s+vocale | \brépondeur\s+(de|du) | \bvotre\s+correspondant
        | \b(tapez|appuyez\s+sur)\b | \bvotre\s+appel\s+(est|va|sera|a)\b
        | \bnuméro\s+que\s+vous\b | \btous\s+nos\b""",
}
"""What a machine goes on with whose first words were a person's.  Narrower: people say in a conversation that
somebody is out, that they call back, and that they take a message."""
_TELLS = {
    "en": r"""\?\W*$ | \b(can|could|may|shall|should|would|will|do|did)\s+(i|you|we|they|he|she)\b
        | \b(want|like|need|have)\s+(\w+\s+)?to\b | \b(you|i|we|he|she)\s+(can|could|should|did)\b(?!')""",
    "de": r"""\?\W*$ | \b(m.chten|wollen|k.nnen|soll|darf|kann)\s+(sie|ich|wir)\b | \bsie\s+k.nnen\b""",
    "es": r"""\?\W*$ | \b(quiere|puede|puedo|desea)\b""",
    "fr": r"""\?\W*$ | \b(voulez|pouvez|puis|souhaitez)\b""",
}
"""How people say who talk of such things with us, and offer or ask."""


def _compiled(table: dict[str, str]) -> dict[str, re.Pattern[str]]:
    return {language: re.compile(text, re.VERBOSE | re.IGNORECASE) for language, text in table.items()}


_machine, _person = _compiled(_MACHINE), _compiled(_PERSON)
_greets, _itself = _compiled(_GREETS), _compiled(_NAMES_ITSELF)
_recorded, _tells, _signal = _compiled(_RECORDED), _compiled(_TELLS), _compiled(_SIGNAL)


def _found(patterns: dict[str, re.Pattern[str]], text: str, language: str) -> bool:
    pattern = patterns.get(language.split("-")[0].split("_")[0].lower())
    return (
        pattern is not None
        and pattern.search(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")) is not None
    )


def of_machine(text: str, language: str) -> bool:
    """Whether a machine says this, and no person who has just answered."""
    return _found(_machine, text, language)


def of_recording(text: str, language: str) -> bool:
    """Whether it is what a machine goes on with, to be told from what people say who talk with us."""
    if _found(_signal, text, language):
        return True
    return _found(_recorded, text, language) and not _found(_tells, text, language)


def of_person(text: str, language: str) -> bool:
    """Whether a person says this, and no machine."""
    return _found(_person, text, language)


def greets(text: str, language: str) -> bool:
    """Whether it is what people say who answer, and nothing else."""
    return _found(_greets, text, language)


def names_itself(text: str, language: str) -> bool:
    """Whether it begins as machines like to, and people in offices: more will come, or not."""
    return _found(_itself, text, language)
