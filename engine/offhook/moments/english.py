"""English days and times, British and American."""

from __future__ import annotations

from offhook.moments.words import Rule, Words, named, numbers, ordinals, part, rule

_FILLERS = """
uh um well please yes yeah ok okay maybe perhaps say let's then just would will be is it's that's good fine
great best i i'd like prefer for me how about what thanks thank you can do could we so
"""
_WEEKDAYS = (
    "mondays?",
    "tues(?:days?)?",
    "wednesdays?",
    "thurs?(?:days?)?",
    "fridays?",
    "saturdays?",
    "sundays?",
)
_MONTHS = (
    *("january|jan", "february|feb", "march", "april", "may", "june", "july", "august|aug"),
    *("september|sept", "october|oct", "november|nov", "december|dec"),
)
_MORNING, _AFTERNOON, _EVENING = part("0600", "1200"), part("1200", "1800"), part("1700", "2200")
_NIGHT, _LUNCH = part("1800", "0000"), part("1130", "1400")
_PARTS: tuple[Rule, ...] = (
    rule("first thing(?: in the morning)?", part("0600", "1000")),
    rule("(?:in the )?early(?: in the)? morning", part("0600", "0900")),
    rule("(?:in the )?late(?: in the)? morning", part("1000", "1200")),
    rule("(?:in the )?early(?: in the)? afternoon", part("1200", "1500")),
    rule("(?:in the )?late(?: in the)? afternoon", part("1500", "1800")),
    rule("(?:in the |sometime in the |of the )?mornings?", _MORNING),
    rule("(?:in the |sometime in the |of the )?afternoons?", _AFTERNOON),
    rule("(?:in the |of the )?evenings?", _EVENING),
    rule("(?:at |over |around )?(?:lunch ?time|lunch)", _LUNCH),
    rule("(?:at )?night", _NIGHT),
)
_BEFORE: tuple[Rule, ...] = (
    rule("good (?:morning|afternoon|evening|day|night)", ""),
    rule("(?:the )?day after tomorrow", "DAY+2"),
    rule("to ?morrow", "DAY+1"),
    rule("(?:to ?night|this evening)", f"DAY+0 {_EVENING}"),
    rule("this morning", f"DAY+0 {_MORNING}"),
    rule("this afternoon", f"DAY+0 {_AFTERNOON}"),
    rule("(?:to ?day|later today|same day)", "DAY+0"),
    rule("yesterday", "DAY-1"),
    rule("(?:an|one) hour and a half", "90 Uminute"),
    rule("(?:a )?half (?:an )?hour", "30 Uminute"),
    rule("(?:a |one )?quarter of an hour", "15 Uminute"),
    rule("(?:a )?fortnight'?s?", "2 Uweek"),
    rule("(?:a )?couple of", "2"),
    rule("(?:a|one)(?= (?:week|month|day))", "1"),
    rule("an(?= hour)", "1"),
    rule("o'? ?clock", "OCLOCK"),
    rule("(?:the |twelve )?(?:noon|midday)", "NOON"),
    rule("(?:twelve )?midnight", "MIDNIGHT"),
    rule("half past", "HALFPAST"),
    rule(
        r"half(?= (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|1?\d)(?!\w))", "HALFPAST"
    ),
    rule("(?:a )?quarter (?:past|after)", "QPAST"),
    rule("(?:a )?quarter (?:to|of|till|before)", "QTO"),
    rule(r"(?<=[a-z] )oh(?= (?:one|two|three|four|five|six|seven|eight|nine)(?!\w))", "zero"),
    rule("(?:no|not) (?:earlier|sooner) than|not before", "AFTER"),
    rule("(?:no|not) later than", "BEFORE"),
    rule(
        "make (?:it|that)|scratch that|i mean|i meant|or rather|hang on|hold on|wait|actually|sorry|rather",
        "FIX",
    ),
    rule("(?:no|nope|correction|instead)", "FIX"),
    rule(
        "as soon as (?:possible|you can)|first available|asap|right away|(?:the )?(?:soonest|earliest)"
        "|(?:the )?(?:soonest|earliest|next(?: one)?) (?:free|available|open|possible)"
        "(?: one| slot| time| appointment)?",
        "SOON",
    ),
    rule(
        "(?:i )?(?:can't|cannot|can not|couldn't)(?: (?:do|make|come))?|won't (?:work|do)|is no good"
        "|(?:does|do|is|are|would|will)(?:n't| not) (?:work|suit|good|possible|fit)\\w*",
        "CANNOT",
    ),
    rule("(?:not|except|but not|anything but|any day but)(?: on)?", "NOT"),
    rule("(?:second|2nd|O2)(?= (?:one|slot|option|choice|time))", "other"),
    rule("(?:first|1st|O1)(?= (?:one|slot|option|choice|appointment|time))", "other"),
)
_AFTER: tuple[Rule, ...] = (
    *named(_WEEKDAYS, "WD", 0),
    rule(r"(?<=O\d )may|(?<=O\d\d )may|(?<=of )may|(?<=in )may|may(?= (?:the )?[ON]\d)", "MONTH5"),
    *(one for one in named(_MONTHS, "MONTH", 1) if one[1] != "MONTH5"),
    rule(r"(?<=N\d )am|(?<=N\d\d )am|(?<=N\d\d\d )am|(?<=:\d\d )am|(?<=OCLOCK )am", "AM"),
    rule("pm", "PM"),
    *_PARTS,
    rule("week ?ends?", "WEEKEND"),
    rule("days?", "Uday"),
    rule(r"(?<=WD\d )week", "WEEKLATER"),
    rule("weeks?", "Uweek"),
    rule("months?", "Umonth"),
    rule("hours?", "Uhour"),
    rule("minutes?|mins?", "Uminute"),
    rule("(?:from now|from today|hence)", "NOW"),
    rule("next", "NEXT"),
    rule("(?:coming|upcoming)", "COMING"),
    rule("this(?: coming)?", "THIS"),
    rule("past", "PAST"),
    rule("from", "FROM"),
    rule("after", "AFTER"),
    rule("before", "BEFORE"),
    rule("(?:around|about|roughly|approximately|or so)", "AROUND"),
    rule("at", "AT"),
    rule("by", "BEFORE"),
    rule("between", "BETWEEN"),
    rule("(?:until|till|through|thru)", "UNTIL"),
    rule("to", "TO"),
    rule("and", "AND"),
    rule("or", "OR"),
    rule("in", "IN"),
    rule("on", "ON"),
    rule("the", "THE"),
    rule("of", "OF"),
)

ENGLISH = Words(
    code="en",
    before_numbers=_BEFORE,
    after_numbers=_AFTER,
    numbers=numbers("en", {}),
    ordinals=ordinals("en"),
    month_first=frozenset({"US", "PH"}),
    fillers=frozenset(_FILLERS.split()),
)
