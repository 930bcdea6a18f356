"""German days and times, with what is said in the south and in Austria."""

from __future__ import annotations

from offhook.moments.words import Rule, Words, named, numbers, ordinals, part, rule

_FILLERS = "äh ähm ja gut gern gerne bitte dann passt wäre geht ginge so mir ich am besten mal ok also"
_WEEKDAYS = (
    "montags?",
    "dienstags?",
    "mittwochs?",
    "donnerstags?",
    "freitags?",
    "samstags?|sonnabends?",
    "sonntags?",
)
_MONTHS = (
    *("januar|jänner", "februar|feber", "märz", "april", "mai", "juni|juno", "juli", "august", "september"),
    *("oktober", "november", "dezember"),
)
_DAY = "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag"
_MORNING, _AFTERNOON, _EVENING = part("0600", "1200"), part("1200", "1800"), part("1700", "2200")
_NIGHT, _NOON = part("2000", "0000"), part("1130", "1400")
_BEFORE: tuple[Rule, ...] = (
    rule("gute[nrs]? (?:morgen|tag|abend|nacht)", ""),
    rule(f"({_DAY})(morgen|früh|vormittag|mittag|nachmittag|abend|nacht)s?", r"\1 \2"),
    rule("übermorgen", "DAY+2"),
    rule("(?:in der |am )?(?:früh|vormittags?|morgens|frühmorgens)", _MORNING),
    rule("(?<=heute )morgen|(?:am )morgen|(?<=tag )morgen|(?<=mittwoch )morgen", _MORNING),
    rule("morgen", "DAY+1"),
    rule("heute", "DAY+0"),
    rule("gestern", "DAY-1"),
    rule("(?:am |des )?(?:nachmittags?)", _AFTERNOON),
    rule("(?:am |des )?abends?", _EVENING),
    rule("(?:in der |nachts|heute )?nachts?", _NIGHT),
    rule("zwölf uhr mittags?|12 uhr mittags?", "NOON"),
    rule("mitternacht", "MIDNIGHT"),
    rule("(?:zu |am |über )?mittags?", _NOON),
    rule("(?:eineinhalb|anderthalb) stunden?", "90 Uminute"),
    rule("(?:einer )?halben? stunde", "30 Uminute"),
    rule("(?:einer )?viertelstunde", "15 Uminute"),
    rule("vierzehn tagen?|14 tagen?", "2 Uweek"),
    rule("acht tagen?|8 tagen?", "1 Uweek"),
    rule("paar(?= (?:tag|woche))", "3"),
    rule("ein(?:er|e|em|en)?(?= (?:woche|monat|tag|stunde))", "1"),
    rule("dreiviertel", "Q3TO"),
    rule("viertel nach", "QPAST"),
    rule("viertel vor", "QTO"),
    rule("halb", "HALFTO"),
    rule("uhr", "OCLOCK"),
    rule(
        "nein|nee|nö|quatsch|moment|warten sie|entschuldigung|verzeihung|besser gesagt|doch lieber|lieber"
        "|ich meine",
        "FIX",
    ),
    rule(
        "(?:so bald wie möglich|so schnell wie möglich|baldmöglichst|möglichst bald|schnellstmöglich)", "SOON"
    ),
    rule("(?:de[nrm] )?(?:nächste[nr]?|früheste[nr]?) (?:freie[nr]?|mögliche[nr]?)(?: termin)?", "SOON"),
    rule("(?:(?:geht|passt|ginge|klappt|kann|können|ist)(?: \\w+){0,2} (?:nicht|schlecht))", "CANNOT"),
    rule("(?:nicht|außer|bloß nicht|nur nicht)(?: am)?", "NOT"),
)
_AFTER: tuple[Rule, ...] = (
    *named(_WEEKDAYS, "WD", 0),
    *named(_MONTHS, "MONTH", 1),
    rule("wochenendes?", "WEEKEND"),
    rule("tag(?:en?)?", "Uday"),
    rule("wochen?", "Uweek"),
    rule("monat(?:en?)?", "Umonth"),
    rule("stunden?", "Uhour"),
    rule("minuten?", "Uminute"),
    rule("nächste[nrsm]?", "NEXT"),
    rule("(?:kommende[nrsm]?)", "COMING"),
    rule("(?:diese[nrsm]?)", "THIS"),
    rule("(?:NOT vor|frühestens(?: um)?|ab)", "AFTER"),
    rule("(?:spätestens(?: um)?)", "BEFORE"),
    rule("nach", "AFTER"),
    rule("vor", "BEFORE"),
    rule("(?:gegen|ungefähr|circa|etwa|so um|rum)", "AROUND"),
    rule("um", "AT"),
    rule("zwischen", "BETWEEN"),
    rule("von", "FROM"),
    rule("bis", "UNTIL"),
    rule("und", "AND"),
    rule("oder", "OR"),
    rule("in", "IN"),
    rule("(?:am|den|der|dem|zum)", "THE"),
)

GERMAN = Words(
    code="de",
    before_numbers=_BEFORE,
    after_numbers=_AFTER,
    numbers=numbers("de", {"zwo": "2", "ein": "1", "dreissig": "30", "fuenf": "5", "zwoelf": "12"}),
    ordinals=ordinals("de", ("", "n", "r", "m")),
    month_first=frozenset(),
    full_stop_ordinals=True,
    fillers=frozenset(_FILLERS.split()),
)
