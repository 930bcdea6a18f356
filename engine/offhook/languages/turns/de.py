"""German."""

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
from offhook.languages.turns.numbers import spoken_numbers, words_of

_DETERMINER = (
    r"(?:ein(?:e[nmrs]?)?|kein(?:e[nmrs]?)?|mein(?:e[nmrs]?)?|dein(?:e[nmrs]?)?|sein(?:e[nmrs]?)?"
    r"|ihr(?:e[nmrs]?)?|unser(?:e[nmrs]?)?|d(?:er|ie|as|en|em|es))"
)
_AUXILIARY = (
    r"(?:hab|habe|haben|hat|hatte|hatten|hätte|hätten|bin|bist|ist|sind|war|waren|wäre|wären|kann|können"
    r"|könnte|könnten|will|wollen|wollte|wollten|muss|müssen|müsste|müssten|soll|sollen|sollte|sollten|darf"
    r"|dürfen|dürfte|möchte|möchten|würde|würden|werde|werden|wird|brauche|brauchen)"
)
_SUBJECT = r"(?:ich|du|er|sie|es|wir|ihr|man|das|der|die)"
_FILLING = (
    r"(?:gern|gerne|mal|noch|auch|nur|schon|dann|ja|denn|eigentlich|bitte|heute|morgen|jetzt|vielleicht"
    r"|nämlich"
    r"|mir|mich|uns|ihnen|sich|dringend|einfach|kurz|halt|eben|wohl|doch|gestern|immer|leider|gerade|grad"
    r"|erst"
    r"|sie|es|ihn|bei ihnen|da|hier|wieder|ganz|unbedingt|lieber|sehr|so|ungefähr|etwa|insgesamt|nochmal)"
)
_CONJUNCTION = (
    r"(?:dass|ob|weil|wenn|falls|damit|obwohl|bevor|nachdem|sobald|solange|wann|warum|wieso|wie lange|wie|wo)"
)
_ENDINGS = Endings(
    open=word_set(
        "außer innerhalb außerhalb oberhalb entlang statt anstatt bezüglich betreffs hinsichtlich samt"
        " indem sodass jedoch je irgendein irgendeine irgendeinen irgendeinem irgendwelche diese jenes"
        " manche solche sämtliche deren dessen denen besonders relativ fast knapp mindestens höchstens etwa"
        " rund zirka "
        # articles, determiners, possessives
        "der den dem des ein eine einen einem eines kein keine keinen keinem mein meine meinen meinem meiner"
        " dein deine deinen deinem deiner sein seine seinen seinem seiner ihre ihren ihrem ihrer unser unsere"
        " unseren unserem unserer euer eure euren eurem eurer jede jeden jedem welche welchen welchem welcher"
        " dieser diesen diesem"
        # conjunctions
        " und oder aber denn weil wenn ob dass damit obwohl sondern falls sobald solange bevor nachdem"
        " entweder"
        " weder sowie beziehungsweise"
        # prepositions that are no particles of verbs
        " von vom für in im am zum zur beim ins ans aufs bei ohne gegen zwischen bis seit wegen während trotz"
        " unter neben hinter pro per laut richtung"
        # subjects and question words
        " ich er wir man wer wessen wann warum wieso wo wohin woher wie wieviel"
        # fillers
        " äh ähm öh hm also eben halt quasi sozusagen eigentlich vielleicht sehr ziemlich zirka ca"
        " ist sind war heißt lautet"
    ),
    often_open=word_set(
        "wirklich total dieses beim unsre worden geworden "
        "wen wem was ungefähr mir mich sich uns mal ganz grad gerade gleich viele vielen wenige einige"
        " mehrere letzte"
        " letzten nächste nächsten erste ersten zweite zweiten andere anderen bräuchte bräuchten hatte"
        " hatten jetzt einfach nämlich trotzdem außerdem deshalb deswegen meinte sagte glaube die das sie"
        " es an auf aus mit nach über um vor zu durch noch schon dann so auch nur als ihr du einer"
        " bitte bin habe hab hat haben möchte kann will wollte würde hätte hätten wäre müsste könnte"
    ),
    open_end=re.compile(
        # A subject and its verb, and not what they say: "ich habe", "hätten sie".  A relative or question
        # clause has its verb last ("was ich habe") and is whole.
        rf"(?:^|\b(?:und|aber|so|also|denn|denken|glaube|ja|nein|äh) )(?:ich|wir|er|man|das|es) {_AUXILIARY}$"
        rf"|^(?:(?:und|ja|also|hallo|guten tag) )*{_AUXILIARY} (?:sie|ich|wir|ihr|du|man|da|hier)(?: \w+)?"
        r" (?:noch|schon|auch|vielleicht|bitte|mir|uns|mal|da|eigentlich|denn)$"
        r"|^(?:(?:und|ja|also) )*(?:haben|hätten|können|könnten|würden|sind|wären|wollen|möchten) sie$"
        # A clause that has its subject, and no verb yet: "aber mein mann".
        rf"|\b(?:dass|ob|weil|wenn|aber|falls|damit|obwohl|bevor|sobald) {_DETERMINER} \w+$"
        # ... or a subject, and what stands between it and the verb at the end: "weil ich gestern".
        rf"|\b{_CONJUNCTION} (?:{_SUBJECT}|{_DETERMINER} \w+)(?: {_FILLING})*$"
        # A verb that wants another one, or an object: "ich würde gern", "könnten sie mir mal", "ich suche".
        rf"|(?:^|\b(?:und|aber|also|ja|nein|hallo|tag|denn|guten morgen) )(?:ich|wir|er|man)"
        rf" {_AUXILIARY}(?: {_FILLING})*$"
        rf"|(?:^|\b(?:und|aber|also|ja|nein|hallo|tag) ){_AUXILIARY} (?:sie|ich|wir|ihr|du|man)"
        rf"(?: (?!da$|hier$|auch$){_FILLING})*$"
        r"|^(?:(?:ja|also|hallo|guten tag|und) )*ich (?!verstehe|komme|warte|glaube|denke|gehe|danke|höre"
        r"|überlege)\w+e$"
        r"|\b(?:zum beispiel|das heißt|sagen wir|genauer gesagt|das problem ist|um zu|ohne zu|hat gesagt"
        r"|haben gesagt|hieß es|ich glaube|ich denke|ich dachte|ich meine|mehr als|so"
        r" um die)$"
        r"|\b(?:herrn?|doktor|familie|hausnummer)$|(?<!meine )(?<!die )(?<!eine )\bfrau$"
        r"|\bund (?:zwar|dann|da|so)$|\b(?:das|es|die \w+|der \w+) (?:ist|wäre|war|müsste sein)"
        r"(?: glaube ich)?$|\bin der nähe$"
    ),
    often_open_end=re.compile(
        r"\b(?:fragen|wissen|sagen|gucken|schauen|nachsehen) (?:wer|wo|was|wie|wann|warum|ob) \w+$"
        r"|^(?:soweit|sofern|falls|wenn|seit|weil|sobald) .* (?:schon|noch|auch|dann|unser|unsere)$"
    ),
    # Nouns have capital letters: an article with an inflected small word behind it still waits for one.
    noun_missing=re.compile(
        r"^(?=.*[A-ZÄÖÜ])(?:.*\b)?(?:"  # of a recogniser that writes capital letters
        r"\w \w+ .*\b(?:der|die|das) (?!hätte|würde|wäre|möchte|könnte|habe|gerne|heute|bitte|alle"
        r"|beide)[a-zäöüß]{3,}e$|"
        r"\b(?:[Ee]ine?[nmrs]?|[Kk]eine?[nmrs]?|[Mm]eine?[nmrs]?|[Uu]nsere?[nmrs]?|[Dd]e[nm]|[Ii][mn]"
        r"|[AaVv][mo]m?"
        r"|[Zz]u[mr]|[Bb]eim)(?: (?:sehr|ganz|ziemlich|recht|so|besonders|etwas))? [a-zäöüß]+e[nmrs]?$"
        r")"
    ),
    closed_end=re.compile(
        r"\b(?:kann|könnte|müsste|muss|soll|sollte|dürfte|darf|wird|würde|zu|da|fertig) sein$|"
        r"\b(?:abend|tag|wochenende|nacht|fehlt|steht) noch$|\b(?:stell|komm|geb|führ|les|lies|schau"
        r"|lass)\w* (?:.* )?durch$"
        r"|\bschreib\w* (?:.* )?mit$|\bstimmt das$|"
        # A preposition's pronoun, a request's, a verb's that has no other object.
        r"\b(?:bei|mit|zu|von|für|nach|an|auf|ohne|um|über|gegen|zwischen|danke|glaube|passt|hilft|reicht"
        r"|geht|gefällt"
        r"|gehört|fehlt|\w+en sie|\w+ bitte) (?:mir|mich|ihnen|uns|sich|es|sie|ihm|das|die)$"
        r"|\b(?:bis|von|ab|erst) (?:jetzt|gleich|dann|nächsten|gestern)$|\bnoch mal$|\bnicht (?:ganz|mal|so"
        r"|jetzt)$"
        r"|\b(?:der|die|das|den|dem) (?:erste|ersten|zweite|zweiten|nächste|nächsten|letzte|letzten|andere"
        r"|anderen)$"
        r"|"
        r"\b(?:ruf|fang|komm|biet|seh|hör|schau|nehm|nimm|meld|probier|zahl|geb|gib|kling|gäng|geht|ging)\w*"
        r" (?:.* )?an$"
        r"|\b(?:mach|pass|leg|hör|steh|geb|schreib|hab|hat|geh|fäll|wach|räum|nehm|nimm)\w* (?:.* )?auf$"
        r"|\b(?:mach|stell|such|seh|sieh|fäll|schalt|fall|reich|geh|kenn|füll|probier|pack|is|sprech)\w*"
        r" (?:.* )?aus$"
        r"|\b(?:mach|hab|hat|sag|hör|stimm|nehm|nimm|schick|lass|steh|treff|trifft|schließ|sperr|geb|gib)\w*"
        r" (?:.* )?zu$"
        r"|\b(?:komm|nehm|nimm|bring|geh|fahr|teil|mach|hör|lauf|red)\w* (?:.* )?mit$"
        r"|\b(?:zieh|stell|steig|kehr|tausch|fall|kipp|buch|schau|dreh)\w* (?:.* )?um$"
        r"|\b(?:komm|hab|hat|stell|schlag|schläg|zieh|leg|merk|geh|les|lies)\w* (?:.* )?vor$"
        r"|\b(?:frag|schau|seh|sieh|reich|denk|les|lies|liefer|zahl|guck|prüf)\w* (?:.* )?nach$"
        r"|\b(?:nach|zu|von|im|ab) (?:haus|hause|mittag|oben|unten|ihnen)$"
        r"|^(?:bis dann|sowohl als auch|ich auch|wir auch|immer noch|weder noch|noch nicht|das ist es|das"
        r" war es"
        r"|das wars|ja schon|wie bitte|was|wie|wer|wo|wann|warum|wieso|ja bitte|nein bitte)$"
        r"|\b(?:was|wie viel|wieviel|wie|wo|wer|warum|wann|seit wann|wozu) \w+ (?:\w+ )?(?:das|es|sie|die)$"
        r"|\bum was$|\bseit wann$|\bvon wem$|\bmit wem$|\bfür wen$|\b(?:gern|danke|ohne alles|den \w+|die"
        r" \w+|das"
        r" \w+|ja|\w+ \w+ \w+) bitte$|\b(?:weiß|nehme|mache|möchte|will|brauche|kenne|hätte|verstehe|glaube"
        r"|geht|ist|war|mag|kann) (?:ich )?(?:das|es|die|sie)(?: gern| so)?$"
        r"|\b(?:was|die|der|das|den|dass|weil|wenn|wie|wo|ob) (?:\w+ )+(?:habe|hab|hat|haben|ist|sind|war"
        r"|kann"
        r"|möchte|will|wollte|würde|hätte|wäre|bin|könnte|heißt)$"
    ),
    reply=word_set(
        "ja jo jawohl jep nein nö nee doch okay ok klar genau richtig stimmt gern gerne natürlich sicher"
        " vielleicht passt gut prima super danke hallo tschüss servus grüezi moin entschuldigung heute morgen"
        " übermorgen gestern montag dienstag mittwoch donnerstag freitag samstag sonntag vormittag mittag"
        " nachmittag abend nacht mittags abends woche monat jahr bitte vielen schön dank nicht niemand nichts"
        " nie alle alles beide keins weder noch eher am im um in der nächste nächsten bar wiederhören auf"
    ),
)

_TABLE = spoken_numbers(
    "de",
    hundreds=(
        *("hundert|einhundert", "zweihundert", "dreihundert", "vierhundert", "fünfhundert", "sechshundert"),
        *("siebenhundert", "achthundert", "neunhundert"),
    ),
    joint="",
    more={"zwo": "2", "dreissig": "30", "fuffzig": "50"},
)
_NUMBERS = Numbers(
    counting={
        word: value
        for value, word in enumerate(
            "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split()  # noqa: SIM905
        )
    }
    | {"zwo": 2, "sechzehn": 16},
    phrases=_TABLE,
    times={"doppel": 2, "doppelt": 2, "zweimal": 2, "dreimal": 3},
    all=words_of(_TABLE) | {"tausend", "doppel"},
    as_in=(("wie",), ("für",)),
    between=word_set(
        "äh ähm öh hm und dann strich bindestrich minus plus schrägstrich punkt leerzeichen also"
    ),
    openers=word_set("""
        ja jo gern gerne okay ok klar natürlich also so gut äh ähm öh hm oh hallo das ist wäre die der mein
        meine
        nummer telefonnummer handynummer rufnummer kundennummer kartennummer kontonummer rechnungsnummer
        postleitzahl vorwahl pin code email e mail adresse name lautet moment einen sekunde mal sehen hier
        kommt ich habe hab eine bitte sie können mich auf unter und ihnen
    """),
    named=re.compile(
        r"nummer\b|\b(?:handy|telefon|mobil|vorwahl|postleitzahl|pin|durchwahl|konto|karte|code|iban"
        r"|erreich\w* (?:sie )?mich|kennzeichen)\b"
    ),
    refuses=word_set(
        "nein nicht kein keine keinen nie warum wieso wer wann wo wie entschuldigung was welche"
    ),
    heard_as={"ein": "eins", "eine": "eins", "sex": "sechs"},
    with_zero=(10, 12),
    without_zero=(6, 12),
    at=word_set("at ät et klammeraffe"),
    dot=word_set("punkt dot"),
    dash=word_set("strich bindestrich minus"),
    underscore=word_set("unterstrich"),
    mail_is=word_set("ist lautet wäre"),
)

_ASKING = Asking(
    spell=pattern(r"\bbuchstabier\w*|\bbuchstabe für buchstabe\b|kennzeichen\b"),
    so_many_digits=pattern(
        r"\b(?P<n>\d{1,2}|null|ein|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|sechzehn)"
        r"[- ]?(?:stellig\w*|ziffern|stellen|zahlen)\b"
    ),
    card=pattern(r"\b(?:kredit)?kartennummer\b"),
    number=pattern(
        r"(?<!haus)(?<!zimmer)nummer\b|\b(?:pin|ziffern|postleitzahl|plz|vorwahl|durchwahl|iban|handy)\b"
        r"|(?:bestätigungs|kunden|zugangs|buchungs|sicherheits)code\b"
        r"|\b(?:erreiche\w*|zurückrufen|anrufen)\b.*\?$"
    ),
    email=pattern(r"\be-?\s?mail|\bmailadresse\b"),
    birth=pattern(r"\bgeburts(?:datum|tag und)|\bsind sie geboren\b|\bgeboren\?$"),
    again=pattern(
        r"\b(?:das|es) (?:bitte )?(?:noch ?(?:ein)?mal|wiederholen)\b"
        r"|\b(?:noch ?(?:ein)?mal|bitte) wiederholen\b|^(?:bitte )?noch ?(?:ein)?mal\b"
        r"|\bnicht (?:ganz |richtig |recht )?(?:verstanden|mitbekommen|gehört)\b"
    ),
    request=pattern(
        r"^(?:bitte|jetzt|und)\b|\bbitte\.?$|\b(?:sagen|nennen|geben|tippen|lesen|diktieren|buchstabieren)"
        r" sie\b|\bich (?:brauche|bräuchte|benötige)\b"
    ),
    ours=pattern(
        r"\b(?:unsere?|meine?|seine?) (?:\w+ ){0,2}(?:\w*nummer|code|pin|e-?mail\w*|handy)\b"
        r"|\b(?:möchten|wollen|wünschen) sie\b|^(?!.*\bwelche[nrsm]?\b).*\b(?:soll|darf|kann) ich ihnen\b"
        r"|^(?:(?:und|also|gut|dann|okay)[,\s]+)*(?:ist|sind|war|waren|stimmt|hat|haben)\b"
    ),
    yes_no_question=pattern(
        r"(?:^|[.!?,;:]\s+|\b(?:und|also|oder|dann|okay|gut)\s+)(?:ist|sind|war|waren|hat|haben|hatten|kann"
        r"|können|könnten|darf|dürfen|soll|sollen|wollen|möchten|würden|wäre|wären|passt|stimmt|geht|gibt"
        r"|brauchen|nehmen|kommen|sprechen|haben|hätten|wissen|kennen|\w+(?:en|t) sie)\s(?:[^.!?]*)\?$"
    ),
    tag=pattern(
        r"[,;:\u2013\u2014-]\s*(?:(?:ist das )?(?:richtig|korrekt|stimmt(?: das)?|ja|ok|okay|oder|nicht wahr"
        r"|gell|ne|passt(?: das)?(?: so)?|in ordnung))\?$"
    ),
    open_inside=pattern(
        r"\b(?:was|welche\w*|wer|wen|wem|wann|wo|wohin|warum|wieso|wie|weshalb)\b|\boder\b|\bhelfen\b"
        r"|\bsonst noch\b|\berzählen\b"
    ),
    one_thing=pattern(
        r"\b(?:was|welche\w*|wer|wen|wem|wann|wo|wohin|wie (?:viele?|lange|alt|oft|weit|spät|ist ihr"
        r"|heißen|lautet))\b|\boder\b"
        r"|\bihr(?:e[nmr]?)? (?:\w+ ){0,2}(?:name|namen|nachname\w*|vorname\w*|geburtsdatum|adresse"
        r"|anschrift|wohnort)\b"
    ),
    a_story=pattern(
        r"\b(?:helfen|hilfe|passiert|problem\w*|geschehen|sonst|warum|wieso|weshalb|über|grund|frage|fragen"
        r"|beschreiben|erklären|erzählen|für sie tun|geht es|wünschen sie|möchten sie|brauchen sie)\b"
    ),
    gives_time=pattern(
        r"\b(?:lassen sie sich (?:ruhig )?zeit|nehmen sie sich (?:ruhig )?(?:die )?zeit|keine eile|in ruhe"
        r"|ich (?:warte|bleibe dran)|sobald sie (?:so weit|bereit) sind|wenn sie (?:so weit|bereit) sind)\b"
    ),
)

_YES_NO = (
    r"ja|jo|jawohl|jep|nein|nö|nee|doch|klar|genau|richtig|stimmt|okay|ok|gern|gerne|natürlich|sicher|bitte"
    r"|das stimmt|das ist richtig|auf keinen fall|auf jeden fall|nein danke|ja bitte|eher nicht|passt|mhm"
    r"|aber sicher|selbstverständlich|einverstanden|lieber nicht|leider nicht|leider nein|warum nicht|noch"
    r" nicht"
)
_GREETING = (
    r"hallo|hi|hey|servus|moin|grüß gott|grüezi|guten (?:tag|morgen|abend)|entschuldigung|entschuldigen sie"
)
_SENTENCES = Sentences(
    yes_no=re.compile(rf"(?:(?:{_YES_NO})(?: |$)){{1,3}}"),
    preface=re.compile(
        rf"(?:(?:{_GREETING}|okay|ok|so|also|gut|äh|ähm|ja|nein|bitte|und) )*"
        rf"(?:{_GREETING}|also|so|äh|ähm|(?:ich )?(?:hab|habe|hätte) (?:da )?(?:mal |noch )?(?:eine|ein"
        rf" paar|noch eine)"
        r" (?:\w+ )?fragen?|ich (?:wollte|möchte|würde gern|würde gerne) (?:sie )?(?:gern |gerne )?(?:mal"
        r" )?(?:was|etwas)"
        r" fragen|(?:kann|darf|dürfte|könnte) ich (?:sie )?(?:mal |kurz )?(?:was|etwas) fragen"
        r"|(?:einen )?(?:moment|augenblick|sekunde)(?: bitte)?|warten sie(?: mal)?|(?:mal )?(?:schauen"
        r"|sehen|überlegen)"
        r"|(?P<name>(?:ich heiße|mein name ist) \w+(?: \w+)?|hier (?:ist|spricht) \w+(?: \w+)?))"
    ),
    before_a_clause=word_set(
        "hallo hi hey guten tag morgen abend ja nein nö okay ok gut also so und aber oder denn bitte äh ähm"
        " hm"
        " eigentlich jetzt dann danke entschuldigung"
    ),
    statement_words=3,
    asking_first=word_set(
        "was wer wen wem wessen wann wo wohin woher warum wieso weshalb wie wieviel welche welcher welches"
        " welchen welchem womit wofür wozu worum"
    ),
    asking=re.compile(
        # The verb stands before its subject, first in the sentence or behind a question word ...
        r"^(?:(?:und|aber|oder|also|ja|nein|bitte|hallo|guten tag|okay|dann|entschuldigung)[, ]+)*"
        r"(?:(?:bis|seit|ab|um|für|mit|von|zu|an|in|unter|auf) (?:wann|wen|wem|was|welche\w*|wie viele?)\b"
        r"|(?:was|wer|wann|wo|wohin|warum|wieso|wie|welche\w*)\b"
        rf"|(?:{_AUXILIARY[3:-1]}|geht|gibt|gilt|passt|steht|kommt|macht|nehmen|kommen|machen|liefern|\w+en"
        rf" sie"
        rf"|\w+e ich|\w+t (?:ihr|man|das|es)) ?(?:{_SUBJECT[3:-1]}|ihre?|mein|meine|da|denn|der|die|den)?\b)"
        # ... or the question is part of a sentence that says that it is one.
        r"|\b(?:fragen|wissen)[, ]+(?:ob|was|wer|wann|wo|warum|wie|welche\w*|bis wann)\b"
    ),
    leaning=re.compile(
        r"(?:(?:okay|ok|ja|nein|gut|super|danke|ach so|ah|aha|so|also|und|aber|oder) )*"
        r"(?:und|oder|(?:was|wie) (?:ist(?: es)?|wäre(?: es)?|sieht es|sieht's|schaut's|steht's)"
        r"(?: denn| dann)? mit) (?P<rest>.+)"
    ),
    clausal=word_set("""
        ich du er es wir man bin bist ist sind seid war waren wäre hab habe haben habt hat hatte hatten
        hätte hätten kann können könnte könnten will wollen wollte wollten muss müssen müsste soll sollen
        darf dürfen möchte möchten würde würden werde werden wird wurde gibt gab geht ging kommt kam macht
        machen brauche braucht brauchen nehme nehmen steht liegt heißt zwar dann wer was wie wo wann warum
        welche welcher welches wieso
    """),
    time=word_set(
        "heute morgen übermorgen gestern vormittag mittag nachmittag abend nacht mittags abends morgens uhr"
        " tag"
        " tagen woche wochen wochenende monat monaten jahr jahren montag dienstag mittwoch donnerstag freitag"
        " samstag sonntag januar februar märz april mai juni juli august september oktober november dezember"
    ),
)

_CLAUSES = Clauses(
    never_last=word_set("""
        dr hr fr prof nr tel st bzw ca evtl ggf inkl exkl zzgl vgl z.b z d.h d u.a u d.i i.d.r sog max min
        mind
        abs art bd geb hrsg jan feb apr jun jul aug sept sep okt nov dez mo di mi fr sa so abt zimmernr zi
    """),
    sometimes_last=word_set("etc usw usf str o.ä u.s.w v.chr n.chr std uhr co bspw"),
    joints=word_set("""
        und aber oder denn weil wenn dass ob obwohl während damit sodass falls bevor nachdem bis der die das
        mit
        für von bei in im am an auf um zu zum zur nach über ohne gegen zwischen durch
    """),
    bound=word_set("""
        ein eine einen einem einer der die das den dem des zu unser unsere ihr ihre mein meine kein keine
        nicht
        sehr ist sind war am im zum zur vom beim und
    """),
    ordinal_stop=True,
)

GERMAN = TurnLanguage(
    "de",
    _ENDINGS,
    _NUMBERS,
    _ASKING,
    _SENTENCES,
    Backchannels(
        words=word_set(
            "mm mmm mhm mmhm mm-hm hm hmm hmmm aha ah oh ja jaja jo okay ok gut genau klar schön äh"
            " stimmt richtig super prima ach so"
        ),
        phrases=(
            ("ach", "so"),
            ("alles", "klar"),
            ("ja", "ja"),
            ("in", "ordnung"),
            ("verstehe",),
            ("ich", "verstehe"),
        ),
    ),
    _CLAUSES,
)
