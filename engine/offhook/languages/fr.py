"""French, as it is spoken in France, Belgium, Switzerland and Quebec."""

from __future__ import annotations

import re

from offhook.languages.base import Defaults, Language, Phrases, Telling, any_of
from offhook.languages.figures import below_hundred, one_of

_FILLERS = """
euh heu hum mhm ben bah bon alors donc voilà là et ou mais oui ouais non si ok okay je j'ai vous tu on nous
me moi toi le la les un une des de du d' à au aux en dans pour par avec ça c'est que qu' ce très bien aussi
allô bonjour
"""
_DAY_NAME = r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)"
_LAST = (
    r"au revoir|aurevoir|ciao|tchao|tchaw|bye(?: bye)?|adieu|à (?:bientôt|la prochaine|la revoyure|plus)"
    r"|au plaisir|tch[oô]"
    r"|bisous?"
)
_LEAVE = (
    _LAST,
    rf"(?:à|a) (?:bientôt|demain|toute|plus(?: tard)?|tout à l'heure|tantôt|tout de suite|un de ces jours"
    rf"|une prochaine(?: fois)?|ce soir"
    rf"|la semaine prochaine|la prochaine(?: fois)?|{_DAY_NAME}(?: prochain)?)",
    r"(?:je vous souhaite |je te souhaite |passez |passe |et )*(?:une? )?(?:très )?(?:bonne|belle"
    r"|excellente|bon|agréable)"
    r" (?:fin de (?:journée|semaine|soirée)|journée|soirée|continuation|après midi|week end|nuit|semaine"
    r"|dimanche|vacances|route|appétit|courage|fin (?:d'après midi|de \w+))",
    # "Salut" and "bonsoir" greet as well: at the beginning they are a greeting.
    r"(?<=\w )(?:salut|bonsoir|bonjour à \w+)",
    r"(?:prenez|prends) (?:bien )?soin de (?:vous|toi)|portez vous bien|porte toi bien|on se (?:rappelle"
    r"|voit|tient au courant)"
    r"(?: (?:bientôt|demain|plus tard|" + _DAY_NAME + r"))*",
    r"je vous (?:laisse|dis au revoir)|je te laisse|je (?:vous|t') ?embrasse|je vais raccrocher"
    r"|je raccroche|(?:faut|il faut) que (?:je|j'y) (?:file|aille)",
)
_COURTESY = (
    r"(?:d'accord|dac|entendu|parfait|super|génial|excellent|formidable|impeccable|nickel|très bien"
    r"|c'est (?:bon|noté|parfait|gentil|super"
    r"|très gentil|bien aimable|fin|beau)|ça marche|ça roule|pas de (?:problème|souci|soucis)|c'est compris"
    r"|compris|je vois|ah|oh|eh"
    r"|tant mieux|allez|okay|voilà|madame|monsieur|mademoiselle|messieurs|mesdames|à vous(?: aussi"
    r"| de même)?|vous aussi|vous de même|pareillement|de même|également"
    r"|toi aussi|c'est correct|tiguidou|correct|noté|c'est noté|volontiers)",
    r"(?:un )?(?:grand |mille |milles )?(?:merci|mercis|remercie)(?: (?:beaucoup|bien|infiniment|mille fois"
    r"|encore|à vous|à toi|quand même|d'avance|(?:pour|de)"
    r" (?:tout|ça|l'\w+|(?:votre|vos|ton|ta|le|la|les|ces|cette|m'avoir|nous avoir) \w+)|madame|monsieur"
    r"|bonne))*",
    r"je vous remercie(?: (?:beaucoup|infiniment|bien|encore))?|(?:vous êtes|t'es|c'est) (?:bien |très "
    r"|trop |vraiment )*(?:aimable|gentil\w*|serviable)",
    r"le bonjour à(?: \w+){1,2}|mes amitiés(?: à(?: \w+){1,2})?",
    r"je (?:vous|te) (?:rappelle|rappellerai|recontacte|recontacterai)(?: (?:plus tard|demain|si besoin))*",
)
_DONE = (
    r"(?:ça|ce|c') ?(?:est|sera|serait|était|ira|suffit|suffira|va aller"
    r"|va être)(?: bien)?(?: tout)(?: pour (?:aujourd'hui|moi|l'instant|le moment|cette fois))?"
    r"(?: (?:ce que|ce qu'il) (?:\w+ ){1,4}(?:savoir|fallait|voulais|demander|demandais))?",
    r"c'(?:est|était|sera|est bon) tout(?: pour (?:aujourd'hui|moi|l'instant|le moment|cette fois))?"
    r"(?: (?:ce que|ce qu'il) (?:\w+ ){0,4}(?:savoir|fallait|voulais|demander|demandais|besoin))?",
    r"(?:ça|cela) (?:ira|va aller|suffit|suffira|me suffit|me va|sera tout|fera l'affaire)(?: (?:comme ça"
    r"|pour (?:aujourd'hui|moi|l'instant|le moment)))*",
    r"(?:non )?(?:rien (?:d'autre|de plus|d'autres)|plus rien|pas d'autres? questions?"
    r"|plus de questions?)(?: pour (?:aujourd'hui|moi|l'instant|le moment))?",
    r"(?:je n'ai|j'ai|je n'|j') ?(?:besoin de |ai )?(?:plus|pas)(?: besoin)? (?:de rien|rien"
    r"|d'autres? questions?|de questions?)(?: d'autre)?",
    r"j'ai (?:tout )?(?:tout )?ce qu'il (?:me )?(?:faut|fallait)|j'ai tout|c'était (?:juste "
    r"|seulement )?(?:ça|pour ça)|on (?:fait|dit) comme ça|on a fait le tour|c'est tout bon"
    r"|tout est (?:clair|bon)"
    r"|j'ai toutes (?:les|mes) \w+|je ne vois rien d'autre",
)
_ASK = (
    r"(?:quand|où|combien|comment|pourquoi|quel|quelle|quels|quelles|lequel|laquelle|lesquels|qui est"
    r"|qu'est|est-ce|est ce"
    r"|c'est quoi|c'est (?:à )?qui|à quelle|de quoi|y a t il|y a-t-il)"
)
_VERB_FIRST = (
    r"(?:avez|pouvez|pourriez|êtes|faites|prenez|acceptez|livrez|vendez|proposez|auriez|savez|peut|puis"
    r"|faut|dois|est|sont|a|avez)"
    r"[- ](?:vous|on|je|il|elle|ils|elles|t[- ]?(?:il|elle|on))"
)
_VOUS_ASK = (
    r"(?:vous (?:\w+ez|faites|êtes(?! (?:bien |très |trop |vraiment )*(?:aimable|gentil|adorable)))|il y a"
    r"|y a|on peut|est-ce)"
)
_UNITS = ("", "et un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf")
_REGIONAL = {
    f"{tens} {unit}".strip(): str(value * 10 + at)
    for tens, value in (("septante", 7), ("huitante", 8), ("octante", 8), ("nonante", 9))
    for at, unit in enumerate(_UNITS)
}
_NUMBER_WORDS = below_hundred("fr", {**_REGIONAL, "une": "1", "zero": "0", "quatre vingt": "80"})
_HOUR_WORD = one_of({word: value for word, value in _NUMBER_WORDS.items() if int(value) < 25})
_HOUR = rf"(?:\d{{1,2}}|{_HOUR_WORD})"
_MONTH = (
    r"(?:janvier|février|fevrier|mars|avril|mai|juin|juillet|août|aout|septembre|octobre|novembre|décembre"
    r"|decembre)"
)

FRENCH = Language(
    code="fr",
    phrases=Phrases(
        welcome="Je vous en prie. Puis-je faire autre chose pour vous ?",
        greeted="Bonjour, oui, je suis là. Comment puis-je vous aider ?",
        disclosure="Ici l'assistant automatique de {name}.",
        machine="Je suis l'assistant automatique de {name}. Comment puis-je vous aider ?",
        no_transfer="Je suis désolé, je ne peux pas vous passer quelqu'un d'ici.",
        offer_person="Je suis désolé de tout cela. Voulez-vous que je vous passe {name} ?",
        offer_message="Je suis désolé de tout cela. Voulez-vous que je le note,"
        " pour que quelqu'un s'en occupe personnellement ?",
        briefing="{name} a un appel pour vous. {about}"
        " Pour le prendre, appuyez sur un. Pour le rendre, appuyez sur deux.",
        briefing_about="La personne a dit : {words}.",
        no_action="Je suis désolé, je peux répondre aux questions, mais je ne peux pas m'en occuper moi-mêm"
        "e.",
        you_said="J'ai noté : {detail}.",
        not_given="Je suis désolé, je ne l'ai pas encore. Pouvez-vous me le dire ?",
    ),
    defaults=Defaults(
        goodbye="Au revoir.",
        apology="Je suis désolé, un problème est survenu. Veuillez réessayer plus tard.",
        unclear="Pardon, pouvez-vous répéter ?",
        excuse="Je suis désolé, cela n'a pas fonctionné. Pouvez-vous le redire ?",
        still_there="Vous êtes toujours là ?",
        holding="Un instant, s'il vous plaît.",
        take_your_time="Bien sûr, prenez votre temps.",
        unknown="Je suis désolé, je ne sais pas.",
        unsure="Je ne sais pas exactement, mais ceci peut vous aider.",
        otherwise="D'accord. Que puis-je faire d'autre pour vous ?",
        returned="Je suis désolé, personne ne répond pour le moment. Puis-je faire autre chose pour vous ?",
        resumed="Excusez-moi, nous avons été coupés. Où en étions-nous ?",
    ),
    closers=any_of(*_LEAVE),
    last_words=re.compile(
        rf"\b(?:{_LAST})(?: (?:et|merci|là|alors|madame|monsieur|mademoiselle|messieurs|mesdames|à tous"
        rf"|tout le monde))*$"
    ),
    quoted_closers=any_of(
        rf"(?:dit|dire|dites|dis|disait|répète|sans|pas|un|mon|son|le|l'|appelle"
        rf"|s'appelle) (?:un )?(?:{_LAST})",
        rf"(?:{_LAST}) (?:c'est ce|ou|veut|se dit|disait|les)",
        r"(?:bonne|belle|bon) \w+ ou",
        r"(?:ne )?(?:raccrochez|raccroche|quittez) pas",
        rf"à (?:{_DAY_NAME}|demain) (?:on|vous|il|c'est|je)",
        r"^(?:oui |allô |bonjour |ah )+(?:salut|bonsoir)",
    ),
    courtesies=any_of(*_COURTESY),
    all_done=any_of(*_DONE),
    declines=any_of(
        r"non|nan|merci|remercie|pour (?:aujourd'hui|moi|l'instant|le moment|cette fois)"
        r"|ce que je (?:voulais|souhaitais)"
    ),
    confirms=re.compile(
        r"^(?:(?:euh|ah|ben|bah) )*(?:oui|ouais|exact|exactement|tout à fait|c'est ça|voilà|si)\b"
    ),
    offers=any_of(
        r"(?:quelque chose|autre chose|quoi|que puis je faire) d'autre|autre chose|d'autres questions"
        r"|(?:puis je|est ce que je peux)"
        r" (?:\w+ ){0,3}(?:aider|faire)"
    ),
    asks=re.compile(
        rf"\?|\b{_ASK}\b|\b{_VERB_FIRST}\b|(?:^|[.,;!:]\s*|\b(?:et|mais|ou|alors|merci|bonjour"
        rf"|que)\s+){_VOUS_ASK}\b"
        r"|\b(?:dites[- ]moi|je voudrais savoir|j'aimerais savoir|je voulais savoir si|je me demand\w+"
        r"|une (?:autre )?question|et (?:pour|le|la|les) \w+(?:$|\?))",
        re.IGNORECASE,
    ),
    wants=re.compile(
        r"\b(?:je (?:voudrais|veux|souhaite\w*|cherche|prendrais?)|j'aimerais|j'ai besoin|il (?:me faut"
        r"|me faudrait))\b",
        re.IGNORECASE,
    ),
    request=any_of(
        r"(?:réserver|commander|annuler|déplacer|décaler|reporter|prendre (?:un )?rendez vous|m'inscrire"
        r"|inscrire|renouveler|échanger"
        r"|rendre|retourner|rappelez moi|me rappeler|laisser un message|transmettre|dites lui|envoyez\w*"
        r"|envoyer|livrer|faire venir|venir)",
        r"(?:je (?:voudrais|veux|souhaite\w*|prends|prendrais?)|j'aimerais|il me faut|il me faudrait"
        r"|j'ai besoin)"
        r" (?:d'|d'une?|une?|deux|trois|quatre|cinq|six|le|la|les|du|des|de)",
    ),
    next_question=re.compile(
        rf"\?\s+(?=\S)|,?\s+(?:et|ou|plus|mais)\s+(?:aussi\s+)?(?=(?:à |de |en )?(?:{_ASK}|{_VERB_FIRST}"
        rf"|{_VOUS_ASK})\b)",
        re.IGNORECASE,
    ),
    alternatives=re.compile(r",?\s+(?:ou|que)\s+", re.IGNORECASE),
    compares=re.compile(
        r"\b(?:plus|moins|meilleure?s?|mieux|pire|différence entre|avant|après)\b.*\b(?:ou|et|que)\b",
        re.IGNORECASE | re.DOTALL,
    ),
    denies=re.compile(r"\b(?:n['\u2019]\w+|ne|pas|jamais|aucune?)\b", re.IGNORECASE),
    details=(
        ("email", any_of(r"(?:adresse )?(?:e ?mail|mail|courriel|mél)|adresse électronique")),
        ("number", any_of(r"num[ée]ros?|téléphone|portable|mobile|cellulaire|chiffres")),
        ("name", any_of(r"(?:pré)?nom(?: de famille)?|épel\w*")),
        ("time", any_of(r"heure|jour|date|quand|rendez vous|matin|après midi")),
        ("address", any_of(r"adresse|rue|code postal|avenue")),
    ),
    names=re.compile(
        r"(?:\b[Mm]on (?:pré)?nom(?: de famille)?,? (?:c'est|est)|\b[Jj]e m'appelle|\b[Nn]om(?: est| c'est"
        r"| :|:)|\b[Aa]u nom d[e'\u2019]|\b[Ii]ci,?"
        r"|\b[Cc]'est|\b[Jj]e suis)"
        r" ?(?P<name>(?:(?:[Mm]onsieur|[Mm]adame|M\.|Mme) )?[A-ZÀÂÇÉÈÊËÎÏÔÙÛÜ][\w'\u2019-]+(?: (?:de |du "
        r"|le |la )?[A-ZÀÂÇÉÈÊËÎÏÔÙÛÜ][\w'\u2019-]+){0,2})"
    ),
    telling=Telling(
        figures=_NUMBER_WORDS,
        tens=frozenset(),
        times={"double": 2, "triple": 3},
        group_size=2,
        email=re.compile(
            r"\b[\w-]+(?: (?:point|tiret bas|tiret|underscore|trait d'union) [\w-]+)*"
            r" (?:arobase|arrobase|at) [\w-]+(?: (?:point|tiret) [\w-]+)+",
            re.IGNORECASE,
        ),
        day=re.compile(
            rf"\b(?:(?:le |ce )?{_DAY_NAME}(?: prochain)?(?: (?:\d{{1,2}}"
            rf"|{one_of(_NUMBER_WORDS)})(?: {_MONTH})?)?(?: (?:matin|midi|après-midi|soir))?"
            rf"|(?:après[- ]demain|demain|aujourd'hui)(?: (?:matin|midi|après-midi|soir))?|ce (?:matin"
            rf"|soir)|cet après-midi"
            rf"|(?:le )?(?:\d{{1,2}}|premier|1er|{one_of(_NUMBER_WORDS)}) {_MONTH})(?!\w)",
            re.IGNORECASE,
        ),
        clock=re.compile(
            rf"\b(?:(?:à|vers|pour|dès) )?(?:{_HOUR} (?:heures?|h)(?: (?:et (?:demie|quart)"
            rf"|moins (?:le quart|dix|cinq|vingt)|\d\d"
            rf"|{one_of(_NUMBER_WORDS)}))?(?: du (?:matin|soir)| de l'après-midi)?|\d{{1,2}} ?[h:] ?\d\d"
            rf"|midi(?: et demi)?|minuit)(?!\w)",
            re.IGNORECASE,
        ),
        lead=re.compile(r"^(?:vers|pour|dès|le|à) ", re.IGNORECASE),
        day_and_clock="{day} à {clock}",
        address=re.compile(
            rf"\b(?P<house>\d{{1,4}}(?: ?(?:bis|ter|[a-d]))?|{one_of(_NUMBER_WORDS)}),? "
            r"(?P<street>(?:rue|avenue|boulevard|place|chemin|route|impasse|allée|quai|cours|passage|square"
            r"|rang)"
            r" (?:(?:de|du|des|la|le|les) |de l'|d'|l')*(?-i:[A-ZÀÂÇÉÈÊËÎÏÔÙÛÜ\d])[\w'-]*(?:[ -](?:de |du "
            r"|la )*(?-i:[A-ZÀÂÇÉÈÊËÎÏÔÙÛÜ])[\w'-]*){0,3})"
            r"(?P<place>,? (?:à |\d{5} )?(?-i:[A-ZÀÂÇÉÈÊËÎÏÔÙÛÜ][\w-]+))?",
            re.IGNORECASE,
        ),
        address_order="{house} {street}{place}",
        named=re.compile(r"nom|appelle"),
        dates=re.compile(rf"\b(?:{_DAY_NAME}s?|{_MONTH})\b", re.IGNORECASE),
    ),
    fillers=frozenset(_FILLERS.split()),
)
