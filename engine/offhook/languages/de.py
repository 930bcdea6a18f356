"""German, as it is spoken between Flensburg, Vienna and Bern."""

from __future__ import annotations

import re

from offhook.languages.base import Defaults, Language, Phrases, Telling, any_of
from offhook.languages.figures import below_hundred, one_of

_FILLERS = """
äh ähm hm mhm also na naja tja so ja nein nee nö jo doch aber und oder dann da noch mal auch schon halt eben
eigentlich jetzt nun denn ich wir sie ihnen dir du euch es das der die den dem ein eine einen in im am an auf
für mit von zu zum zur bitte hallo hi hey
"""
_DAY_NAME = r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)"
_PART = r"(?:morgen|früh|vormittag|mittag|nachmittag|abend|nacht)"
_BYE = (
    r"tsch(?:ü|ue|a|ö)\w*|(?:auf |uf )?wieder(?:hören|hörn|sehen|sehn|schaun?|schauen|luege\w*)|ciao"
    r"|bye(?: bye)?"
)
_LAST = rf"{_BYE}|pf(?:i|ü)\w*(?: (?:di|gott|ihnen|euch|eana))?|baba|ade|adieu|gute nacht"
_LEAVE = (
    _LAST,
    # "Servus", "adieu" and "salut" greet as well: at the beginning they are a greeting.
    r"(?<=\w )(?:servus|salut|moin|grüß gott|habe die ehre|schönen (?:guten )?(?:tag|abend))",
    rf"bis (?:(?:dann|bald|später|gleich|morgen|übermorgen|nachher|heut\w*|die tage|demnächst|dahin"
    rf"|zum nächsten mal"
    rf"|zum \w+|nächste \w+|{_DAY_NAME}|{_PART}|neulich)\b ?)+",
    r"(?:wir )?(?:sehen|hören|sprechen)(?: wir)? uns|wir hören voneinander|man sieht sich|man hört sich",
    r"(?:ich )?(?:wünsche?|wünsch)?(?: ihnen| dir| euch)?(?: noch)?(?: eine?n?)? ?(?:schön|gut|angenehm"
    r"|ruhig)e[ns]?"
    r" (?:rest\w*|tag|abend|feierabend|nachmittag|mittag|vormittag|sonntag|woche|wochenende|zeit|urlaub"
    r"|start)"
    r"(?: (?:wünsche ich|wünsch ich))?(?: ihnen| dir| euch)? (?:noch|auch)",
    r"schöne[sn]? (?:rest\w*|feierabend|wochenende|restwoche|zeit|urlaub|woche)",
    r"(?:ich )?wünsche? (?:ihnen|dir|euch)(?: noch)? (?:eine?n? )?(?:schön|gut|angenehm)\w* \w+",
    r"(?:alles|machen sie es|machen sie's|mach's|machts|macht's|mach es) (?:gut\w*)",
    r"(?:man )?(?:leg|lege) (?:ich )?(?:jetzt |dann |mal )*auf|ich leg(?:e)? (?:jetzt |dann |mal )*auf",
    r"ich verabschiede mich|hau(?:en sie)? rein|(?:ich muss|muss ich) (?:jetzt |dann |mal |leider )*los",
)
_COURTESY = (
    r"(?:ok|okay|oke|gut|sehr gut|alles klar|alles gut|alles|klar|genau|passt|perfekt|super|prima|toll"
    r"|wunderbar"
    r"|schön|fein|bestens|in ordnung|einverstanden|verstanden|verstehe|stimmt|gern\w*|top|cool|leiwand"
    r"|klasse|spitze"
    r"|großartig|ausgezeichnet|jawohl|gell|ne|oh|ah|ach|soweit|so weit)",
    r"(?:(?:ich |wir )?(?:be)?danke?n?|dankschön|dankeschön|merci|vergelt's gott|vielen|herzlichen|besten"
    r"|schönen|tausend"
    r"|recht|dank)(?: (?:ich|ihnen|dir|euch|auch|schön|sehr|vielmal\w*|recht|dank|nochmal\w*|herzlich|ganz"
    r"|noch mal))*"
    r"(?: für (?:alles|(?:ihren?|eure|deine|die|den|das) (?:schnelle |nette |gute |freundliche )?\w+))?",
    r"(?:sehr |das ist |das war |wirklich |ganz |total |so )*(?:lieb|nett|freundlich|hilfreich"
    r"|toll)(?: von (?:ihnen|dir|euch))?",
    r"(?:sie haben|du hast) mir (?:sehr |wirklich )?(?:geholfen|weitergeholfen)",
    r"(?:(?:ebenfalls|gleichfalls|ihnen auch|dir auch|euch auch|ebenso))",
    r"(?:dann |jetzt )?(?:weiß|wüsste|hab|habe) (?:ich|wir) (?:ja )?(?:(?:jetzt|nun) )?(?:bescheid|alles)",
    r"(?:liebe|schöne|viele|beste) grüße?(?: (?:an|von)(?: \w+){1,3})?"
    r"|einen lieben gruß(?: an(?: \w+){1,3})?",
    r"(?:ich |wir )?(?:melde|melden|meld) (?:mich|uns|ich mich|wir uns)(?: (?:dann|wieder|nochmal|noch mal"
    r"|morgen))*",
    r"(?:herr|frau) \w+|gnädige frau",
)
_DONE = (
    # A sentence that breaks off ("nein, das ist ...") is none: what makes it "that's all" has to be there.
    r"(?:das|dies) (?:wäre?|wär|war|ist)(?: (?:dann|schon|eigentlich|auch|soweit|so weit))* (?:alles|es)\b"
    r"(?: (?:für heute|für jetzt|von mir|dann|schon|was ich (?:wissen )?(?:wollte|brauche?)))*",
    r"(?:das )?(?:war's|wär's|wars|wärs|reicht|genügt)"
    r"(?: (?:dann|schon|eigentlich|auch|mir|soweit|für heute|alles|von mir))*",
    r"(?:wäre?|wär|war) das(?: (?:dann|schon|eigentlich|auch))* (?:alles|es)\b",
    r"(?:mehr|weiter|sonst) (?:brauch\w*|wollte?|wollt|will|hab|habe|möchte?|ist)(?: (?:ich|wir|es))?"
    r"(?: (?:gar|auch|eigentlich|jetzt))* (?:nichts|nix|nicht|keine fragen?)(?: (?:mehr|wissen))*",
    r"(?:sonst )?(?:nichts|nix)(?: (?:mehr|weiter|sonst|anderes))?(?: für (?:heute|mich))?"
    r"|keine (?:weiteren |anderen )?fragen?(?: mehr)?",
    r"(?:ich |wir )?(?:brauche?|habe?|haben) (?:sonst )?(?:nichts|nix|keine fragen?|alles)(?: (?:mehr"
    r"|weiter))?",
    r"(?:das )?(?:hat sich|ist)(?: (?:das|es|damit))?(?: (?:dann|schon))* erledigt|passt so|(?:ich )?(?:hab"
    r"|habe) alles was ich (?:brauche?|wollte)",
    r"(?:dann )?(?:sind|bin) (?:wir|ich) (?:ja |dann |auch |so weit |soweit |schon )*(?:fertig|durch)"
    r"|(?:wir sind|ich bin) (?:ja |dann |auch |so weit |soweit |schon )*(?:fertig|durch)",
)
_ASK = (
    r"(?:was|wer|wem|wen|wo|wohin|woher|wann|warum|wieso|weshalb|welche[rsnm]?|wie ?viele?|womit|wofür|wozu)"
)
_VERB_FIRST = (
    r"(?:kann|könn\w*|hab\w*|hat|hätt\w*|gibt|gäb\w*|ist|sind|war|wär\w*|darf|dürf\w*|muss|müss\w*|soll\w*"
    r"|wird|werden"
    r"|würd\w*|macht|machen|nehm\w*|geht|ginge|braucht?|brauche|kost\w*|liefer\w*|biet\w*|wiss\w*|weiß"
    r"|mögen|passt)"
)
_SUBJECT = (
    r"(?:ich|sie|wir|ihr|du|man|es|'s|das|die|der|den|ein|eine|einen|mein\w*|ihre?|bei|in|auch|noch|jemand)"
)
_NUMBER_WORDS = below_hundred("de", {"zwo": "2", "ein": "1", "dreissig": "30"})
_HOUR_WORD = (
    r"(?:ein|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|(?:drei|vier|fünf|sech|sieb"
    r"|acht|neun)zehn|zwanzig)"
)
_HOUR = rf"(?:\d{{1,2}}(?:[:.]\d\d)?|{_HOUR_WORD})"
_MONTH = r"(?:januar|jänner|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember)"
_DAY_TEXT = (
    rf"(?:(?:nächsten?|kommenden?|diesen?|am) )?{_DAY_NAME}(?: ?{_PART})?(?:,? (?:den"
    rf"|der) \d+\.?(?: {_MONTH})?)?"
    rf"|heute(?: {_PART})?|übermorgen|morgen(?: {_PART})?|(?:den |am )?\d{{1,2}}\. ?{_MONTH}|(?:den "
    rf"|am )\w+(?:te|ten) {_MONTH}"
)

GERMAN = Language(
    code="de",
    phrases=Phrases(
        welcome="Gern geschehen. Kann ich sonst noch etwas für Sie tun?",
        greeted="Hallo, ja, ich bin da. Wie kann ich Ihnen helfen?",
        disclosure="Hier ist der automatische Assistent von {name}.",
        machine="Ich bin der automatische Assistent von {name}. Wie kann ich Ihnen helfen?",
        no_transfer="Es tut mir leid, ich kann Sie von hier aus nicht verbinden.",
        offer_person="Es tut mir leid, dass Sie Ärger haben. Soll ich Sie mit {name} verbinden?",
        offer_message="Es tut mir leid, dass Sie Ärger haben. Soll ich es aufnehmen,"
        " damit sich jemand persönlich darum kümmert?",
        briefing="{name} hat einen Anruf für Sie. {about}"
        " Zum Annehmen drücken Sie die Eins, zum Zurückgeben die Zwei.",
        briefing_about="Gesagt wurde: {words}.",
        no_action="Es tut mir leid, ich kann Fragen beantworten, das aber nicht selbst veranlassen.",
        you_said="Ich habe {detail} notiert.",
        not_given="Es tut mir leid, das habe ich noch nicht. Können Sie es mir sagen?",
    ),
    defaults=Defaults(
        goodbye="Auf Wiederhören.",
        apology="Es tut mir leid, etwas ist schiefgegangen. Bitte versuchen Sie es später noch einmal.",
        unclear="Entschuldigung, können Sie das noch einmal sagen?",
        excuse="Es tut mir leid, das hat gerade nicht geklappt. Können Sie es noch einmal sagen?",
        still_there="Sind Sie noch da?",
        holding="Einen Moment, bitte.",
        take_your_time="Natürlich, lassen Sie sich Zeit.",
        unknown="Es tut mir leid, das weiß ich nicht.",
        unsure="Da bin ich nicht sicher, aber vielleicht hilft Ihnen das.",
        otherwise="In Ordnung. Was kann ich sonst noch für Sie tun?",
        returned="Es tut mir leid, dort meldet sich gerade niemand. Kann ich sonst etwas für Sie tun?",
        resumed="Entschuldigung, wir wurden unterbrochen. Wo waren wir stehen geblieben?",
    ),
    closers=any_of(*_LEAVE),
    last_words=re.compile(
        rf"\b(?:{_LAST})(?: (?:dann|auch|noch|zusammen|alle|allerseits|ihnen|(?:herr|frau) \w+))*$"
    ),
    quoted_closers=any_of(
        rf"(?:sagt?|sagen|gesagt|sage|heißt|hieß|nennt|wegen|namens|statt|ohne|nicht|ein|das|vom|zum"
        rf"|im) (?:\w+ )?(?:{_LAST}|servus)",
        rf"(?:{_LAST}|servus|moin) (?:heißt|heißen|oder|sagt?|sagen|gesagt)",
        rf"(?:leg\w*|auflegen) (?:\w+ )?nicht|nicht auflegen|bis {_DAY_NAME} (?:um|brauch\w*|muss|soll|kann"
        rf"|will|ist|sind|hab\w*)",
        r"^(?:ja |hallo |hi |hey |guten \w+ |grüß \w+ )+servus",
    ),
    courtesies=any_of(*_COURTESY),
    all_done=any_of(*_DONE),
    declines=any_of(
        r"nein|nee|nö|na|danke?\w*|dank|merci|bedank\w*|vergelt's gott",
        r"für (?:heute|jetzt|den moment)",
        r"(?:mehr|weiter) (?:wollte?|wollt|brauch\w*) (?:ich|wir)",
        r"(?:dann )?(?:sind wir|wir sind) (?:\w+ )?(?:fertig|durch)",
    ),
    confirms=re.compile(r"^(?:(?:äh|ähm|oh|na|also) )*(?:ja|jo|genau|richtig|stimmt|korrekt|doch)\b"),
    offers=any_of(
        r"(?:sonst|noch) (?:et)?was|(?:et)?was anderes|weitere fragen?|(?:kann"
        r"|darf) ich (?:\w+ ){0,4}(?:helfen|tun)"
    ),
    asks=re.compile(
        rf"\?|\b{_ASK} (?!auch|gesagt|ich (?:wissen )?(?:wollte|brauch))\w+|\bwie (?!gesagt|immer|auch"
        rf"|besprochen|vereinbart)\w+"
        rf"|(?:^|[.,;!:]\s*|\b(?:und|aber|oder|also|ja|danke|bitte|gut|okay)\s+)(?!machen sie(?:'s"
        rf"| es) gut){_VERB_FIRST} {_SUBJECT}\b"
        r"|\bgibt'?s\b|\b(?:sagen sie mir|sag mir|wüsste gern|wissen (?:ob|wann|wie|was|wo)|frage mich"
        r"|noch eine frage"
        r"|eine (?:andere |weitere )?frage hab\w*|und (?:am |um |für |mit |der |die |das )?\w+tags?\b)",
        re.IGNORECASE,
    ),
    wants=re.compile(
        r"\bich (?:hätte|möchte|will|wollte|brauche?|bräuchte?|suche?|würde?)\b|\b(?:möchte|hätte"
        r"|bräuchte) ich\b",
        re.IGNORECASE,
    ),
    request=any_of(
        r"(?:buchen|reservier\w*|bestell(?:en|e)|stornier\w*|absagen|verschieben|verleg\w*|umbuchen"
        r"|vereinbaren|ausmachen"
        r"|anmelden|abmelden|kündigen|eintragen|melden|zurückgeben|umtauschen|verlänger\w*|schicken|liefern"
        r"|abholen"
        r"|vorbeikommen|ausrichten|rufen sie mich|ruf mich|zurückruf\w*|richten sie|schicken sie"
        r"|sagen sie (?:ihm|ihr|dem|der))",
        r"(?:ich|wir) (?:hätten?|möchten?|bräuchten?|brauchen?|will|wollen|nehmen?)(?: gerne?)?"
        r" (?:einen?|eine|zwei|drei|vier|fünf|sechs|den|die|das|jemanden)",
    ),
    next_question=re.compile(
        rf"\?\s+(?=\S)|,?\s+(?:und|oder|plus|aber)\s+(?:auch\s+)?(?=(?:{_ASK}|wie"
        rf"|{_VERB_FIRST} {_SUBJECT})\b)",
        re.IGNORECASE,
    ),
    alternatives=re.compile(r",?\s+(?:oder|als)\s+", re.IGNORECASE),
    compares=re.compile(
        r"\b(?:mehr|weniger|billiger|teurer|günstiger|unterschied zwischen|länger|kürzer|größer|kleiner"
        r"|früher|später"
        r"|besser|näher|schneller|lieber)\b.*\b(?:oder|und|als)\b",
        re.IGNORECASE | re.DOTALL,
    ),
    denies=re.compile(r"\b(?:nicht|nie|niemals|kein\w*|weder)\b", re.IGNORECASE),
    details=(
        ("email", any_of(r"e ?mail(?:s|adresse)?|mail ?adresse|mail")),
        ("number", any_of(r"\w*nummern?|telefon|handy|mobil|rufnummer|ziffern")),
        ("name", any_of(r"(?:nach|vor|familien)?namen?|buchstabier\w*|geschrieben")),
        ("time", any_of(r"uhr(?:zeit)?|zeit|tag|datum|wann|termin")),
        ("address", any_of(r"adresse|anschrift|straße|strasse|postleitzahl|plz|hausnummer")),
    ),
    names=re.compile(
        r"(?:\b[Mm]ein (?:Nach|Vor|Familien)?[Nn]ame (?:ist|wäre)|\b[Ii]ch hei(?:ß|ss)e|\b[Nn]ame(?: ist|:)"
        r"|\b[Hh]ier (?:ist|spricht)"
        r"|\b[Ii]ch bin (?:der|die)|\b[Aa]uf (?:den )?[Nn]amen?|\b[Aa]uf(?= (?:Herr|Frau)))"
        r" (?P<name>(?:(?:Herrn?|Frau|Dr\.?|Familie) )?(?:(?:von|van|zu|de) )?[A-ZÄÖÜ][\w'\u2019-]+"
        r"(?: (?:von |van |de )?[A-ZÄÖÜ][\w'\u2019-]+){0,2})"
    ),
    telling=Telling(
        figures=_NUMBER_WORDS,
        tens=frozenset(),
        times={"doppel": 2, "zweimal": 2, "dreimal": 3},
        email=re.compile(
            r"\b[\w-]+(?: (?:punkt|unterstrich|bindestrich|minus) [\w-]+)*"
            r" (?:at|ät|klammeraffe) [\w-]+(?: (?:punkt|bindestrich|minus) [\w-]+)+",
            re.IGNORECASE,
        ),
        day=re.compile(rf"\b(?:{_DAY_TEXT})(?!\w)", re.IGNORECASE),
        clock=re.compile(
            rf"\b(?:(?:(?:so )?(?:um|gegen|ab) )?(?:halb {_HOUR_WORD}|(?:drei)?viertel (?:vor "
            rf"|nach )?{_HOUR_WORD}"
            rf"|{_HOUR} uhr(?: (?:\d{{1,2}}|{one_of(_NUMBER_WORDS)}))?)|(?:um|gegen|ab) {_HOUR}|mittags"
            rf"|mitternacht)"
            r"(?: (?:morgens|früh|vormittags|nachmittags|abends))?(?!\w)",
            re.IGNORECASE,
        ),
        lead=re.compile(r"^(?:so )?(?:um|gegen|ab) ", re.IGNORECASE),
        day_and_clock="{day}, {clock}",
        address=re.compile(
            r"\b(?P<street>(?:(?-i:[A-ZÄÖÜ])[\w\u2019'-]*(?:straße|strasse|str\.|gasse|weg|platz|allee|ring"
            r"|damm|ufer|steig|markt|hof)"
            r"|(?:(?:am|an der|im|in der|zum|zur|auf der|unter den) )?(?-i:[A-ZÄÖÜ])[\w-]+ (?:straße"
            r"|strasse|str\.|gasse|weg|platz|allee|ring)))"
            rf" (?P<house>\d{{1,4}} ?[a-z]?\b|(?:{one_of(_NUMBER_WORDS)})\b)"
            r"(?P<place>,? (?:in )?(?:\d{5} )?(?-i:[A-ZÄÖÜ][\w-]+))?",
            re.IGNORECASE,
        ),
        address_order="{street} {house}{place}",
        named=re.compile(r"name|hei(?:ß|ss)e"),
        dates=re.compile(
            rf"\b(?:{_DAY_NAME}s?|januar|jänner|februar|märz|april|juni|juli|august|september|oktober"
            rf"|november|dezember)\b",
            re.IGNORECASE,
        ),
        nouns_are_capital=True,
    ),
    fillers=frozenset(_FILLERS.split()),
)
