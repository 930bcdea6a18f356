"""French days and times."""

from __future__ import annotations

from offhook.moments.words import Rule, Words, named, numbers, ordinals, part, rule

_FILLERS = "euh ben oui bon alors d'accord merci disons plutôt ça va m'irait serait heures"
_WEEKDAYS = ("lundis?", "mardis?", "mercredis?", "jeudis?", "vendredis?", "samedis?", "dimanches?")
_MONTHS = (
    *("janvier", "f[ée]vrier", "mars", "avril", "mai", "juin", "juillet", "ao[uû]t", "septembre", "octobre"),
    *("novembre", "d[ée]cembre"),
)
_MORNING, _AFTERNOON = part("0600", "1200"), part("1200", "1800")
_EVENING = part("1700", "0000")
_BEFORE: tuple[Rule, ...] = (
    rule("bon(?:jour|soir)|bonne (?:journée|soirée|nuit|après midi)", ""),
    rule("s'il (?:vous|te) pla[iî]t", ""),
    rule("après demain|surlendemain", "DAY+2"),
    rule("avant hier", "DAY-2"),
    rule("ce matin", f"DAY+0 {_MORNING}"),
    rule("cet(?:te)? (?:après midi|aprèm)", f"DAY+0 {_AFTERNOON}"),
    rule("ce soir|cette nuit", f"DAY+0 {_EVENING}"),
    rule("(?:en |dans |dès )?(?:le |la |du )?matin(?:ée)?", _MORNING),
    rule("(?:en |dans )?(?:début d'|fin d'|milieu d')?(?:l'|de l'|d')?(?:après midi|aprèm)", _AFTERNOON),
    rule("(?:en |dans )?(?:fin de journée|la soirée|soirée|(?:le |du |au )?soir)", _EVENING),
    rule("demain", "DAY+1"),
    rule("aujourd'hui", "DAY+0"),
    rule("hier", "DAY-1"),
    rule("(?:à )?midi et demie?", "C12:30 PM"),
    rule("(?:à )?midi et quart", "C12:15 PM"),
    rule("(?:à )?midi moins le quart", "C11:45 AM"),
    rule("(?:à )?midi", "NOON"),
    rule("(?:à )?minuit", "MIDNIGHT"),
    rule("(?:dans )une heure et demie", "IN 90 Uminute"),
    rule("(?:une )?demi heure", "30 Uminute"),
    rule("(?:un )?quart d'heure", "15 Uminute"),
    rule("quinze jours|15 jours|quinzaine", "2 Uweek"),
    rule("huit jours|8 jours|huitaine", "1 Uweek"),
    rule("(?:d'ici |dans )une heure", "IN 1 Uhour"),
    # A length of time, behind "dans": all other "heures" are o'clock.
    rule(r"(?:dans|d'ici) (?P<n>\w+(?: \w+)?) heures", r"IN \g<n> Uhour"),
    rule("une?(?= (?:semaine|mois|jour))", "1"),
    rule("prochaine?s?|qui (?:vient|arrive)|suivante?|d'après", "NEXT"),
    rule("en huit", "WEEKLATER"),
    rule(
        "non|pardon|attendez|enfin|plut[oô]t|excusez moi|je veux dire|je voulais dire|désolée?",
        "FIX",
    ),
    rule(
        "(?:le plus t[oô]t|au plus vite|dès que|aussi vite que) possible|au plus t[oô]t"
        "|(?:le |la )?premi(?:er|ère) (?:créneau|place|rendez vous|date) (?:libre|disponible)",
        "SOON",
    ),
    rule(
        "(?:je (?:ne )?peux|on (?:ne )?peut|(?:ça |ce )?(?:ne )?(?:me |nous )?(?:va|convient|marche)"
        "|n'est|ce n'est) pas(?: possible)?|c'est pas possible|je (?:ne )?suis pas (?:libre|là|disponible)",
        "CANNOT",
    ),
    rule("(?:sauf|mais pas|pas)(?= (?:le |la |au )?(?:" + "|".join(_WEEKDAYS) + ")\\b)", "NOT"),
)
_AFTER: tuple[Rule, ...] = (
    *named(_WEEKDAYS, "WD", 0),
    *named(_MONTHS, "MONTH", 1),
    rule("week ?end|fin de semaine", "WEEKEND"),
    rule("jours?", "Uday"),
    rule("semaines?", "Uweek"),
    rule("mois", "Umonth"),
    rule("minutes?", "Uminute"),
    rule("(?:heures?|h) et demie?", "PLUS HALF"),
    rule("(?:heures?|h) et quart", "PLUS QUARTER"),
    rule("(?:heures?|h) moins le quart", "MINUS QUARTER"),
    rule("(?:heures?|h) moins(?= N)", "MINUS"),
    rule("heures?|h", "OCLOCK"),
    rule("et demie?", "PLUS HALF"),
    rule("et quart", "PLUS QUARTER"),
    rule("moins le quart", "MINUS QUARTER"),
    rule("ce|cette", "THIS"),
    rule("(?:à partir de|après|dès)(?: la| le)?", "AFTER"),
    rule("(?:avant|au plus tard(?: à)?)(?: la| le)?", "BEFORE"),
    rule("(?:vers|autour de|aux alentours de|environ)", "AROUND"),
    rule("entre", "BETWEEN"),
    rule("jusqu'(?:à|au)", "UNTIL"),
    rule(
        r"de (?P<first>(?:N\d+(?: OCLOCK)?(?: N\d+)?|C\d+:\d+|NOON)) à(?= (?:N|C|NOON))",
        r"FROM \g<first> TO",
    ),
    rule("de(?= (?:N|C|NOON))", "FROM"),
    rule("à(?= (?:N|C|NOON))", "AT"),
    rule("(?:à|au)(?= (?:le )?WD)", "TO"),
    rule("et", "AND"),
    rule("ou(?: bien)?", "OR"),
    rule("dans|d'ici", "IN"),
    rule("(?:le|au|du)(?: Uday)?", "THE"),
    rule("en(?= MONTH)", "IN"),
    rule("la(?= (?:Uweek|NEXT))", "THE"),
    rule("de", "OF"),
)

FRENCH = Words(
    code="fr",
    before_numbers=_BEFORE,
    after_numbers=_AFTER,
    numbers=numbers("fr", {"une": "1", "zero": "0", "vingt et une": "21", "trente et une": "31"}),
    ordinals={word: day for word, day in ordinals("fr").items() if day == "1"} | {"1er": "1"},
    month_first=frozenset(),
    day_by_number=True,
    fillers=frozenset(_FILLERS.split()),
)
