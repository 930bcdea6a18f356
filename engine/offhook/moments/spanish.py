"""Spanish days and times."""

from __future__ import annotations

from offhook.moments.words import Rule, Words, named, numbers, part, rule

_FILLERS = "eh pues sí si bueno vale claro por favor gracias entonces me va bien sería la las hora"
_WEEKDAYS = ("lunes", "martes", "mi[eé]rcoles", "jueves", "viernes", "s[aá]bados?", "domingos?")
_MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "sep?tiembre", "octubre"),
    *("noviembre", "diciembre"),
)
_MORNING, _AFTERNOON, _NIGHT = part("0600", "1300"), part("1200", "2100"), part("2000", "0000")
_IN_THE = "(?:por|en|de|a) la"
_BEFORE: tuple[Rule, ...] = (
    rule("buen[ao]?s (?:días|dias|tardes|noches)", ""),
    rule("pasado mañana", "DAY+2"),
    rule("esta (?:misma )?tarde", f"DAY+0 {_AFTERNOON}"),
    rule("esta (?:misma )?noche", f"DAY+0 {_NIGHT}"),
    rule("esta (?:misma )?mañana", f"DAY+0 {_MORNING}"),
    rule(f"{_IN_THE} mañana|mañanas", _MORNING),
    rule(f"{_IN_THE} tarde|tardes", _AFTERNOON),
    rule(f"{_IN_THE} noche|noches", _NIGHT),
    rule(f"{_IN_THE} madrugada", part("0000", "0600")),
    rule("mañana", "DAY+1"),
    rule("hoy(?: mismo)?", "DAY+0"),
    rule("ayer", "DAY-1"),
    rule("(?:al?|del) mediod[ií]a", "NOON"),
    rule("(?:a )?medianoche", "MIDNIGHT"),
    rule("(?:una )?hora y media", "90 Uminute"),
    rule("media hora", "30 Uminute"),
    rule("(?:un )?cuarto de hora", "15 Uminute"),
    rule("quince días|15 días|quincena", "2 Uweek"),
    rule("ocho días|8 días", "1 Uweek"),
    rule("(?:un par de)", "2"),
    rule("una?(?= (?:semana|mes|día|dia|hora))", "1"),
    rule("(?<!a las )(?<!a la )(?:que viene|pr[oó]xim[oa]s?|siguiente|entrante)", "NEXT"),
    rule("(?:no|perd[oó]n|espere?|mejor|digo|quiero decir|mejor dicho|disculpe)", "FIX"),
    rule(
        "lo antes posible|cuanto antes|lo m[aá]s pronto posible"
        "|(?:el |la )?primer[oa]? (?:hueco|cita|hora) (?:libre|disponible)",
        "SOON",
    ),
    rule("(?:FIX|no) (?:me |nos )?(?:puedo|podemos|viene bien|va bien|es posible|sirve)", "CANNOT"),
    rule("(?:menos|excepto|salvo)(?= (?:el|los) )", "NOT"),
)
_AFTER: tuple[Rule, ...] = (
    *named(_WEEKDAYS, "WD", 0),
    *named(_MONTHS, "MONTH", 1),
    rule("fin(?:es)? de semana|finde", "WEEKEND"),
    rule("d[ií]as?", "Uday"),
    rule("semanas?", "Uweek"),
    rule("mes(?:es)?", "Umonth"),
    rule("horas?", "Uhour"),
    rule("minutos?", "Uminute"),
    rule("(?:este|esta)", "THIS"),
    rule("media", "HALF"),
    rule("cuarto", "QUARTER"),
    rule("menos", "MINUS"),
    rule("(?:despu[eé]s de|a partir de|desde)(?: las?)?", "AFTER"),
    rule("(?:antes de|como muy tarde a)(?: las?)?", "BEFORE"),
    rule("(?:sobre|hacia|alrededor de|m[aá]s o menos a|como a)(?: las?)", "AROUND"),
    rule("entre(?: las?)?", "BETWEEN"),
    rule("de las?(?= N)", "FROM"),
    rule("(?:a|para) las?(?= (?:N|C))", "AT"),
    rule("hasta(?: las?)?", "UNTIL"),
    rule("y(?: las)?(?= (?:N|C))", "AND"),
    rule("y", "AND"),
    rule("o", "OR"),
    rule("(?:en|dentro de)", "IN"),
    rule("(?:el|al|del)(?: Uday)?", "THE"),
    rule("de", "OF"),
)

SPANISH = Words(
    code="es",
    before_numbers=_BEFORE,
    after_numbers=_AFTER,
    numbers=numbers(
        "es",
        {
            "un": "1",
            "una": "1",
            "veintiuna": "21",
            "veintidos": "22",
            "veintitres": "23",
            "veintiseis": "26",
            "dieciseis": "16",
        },
    ),
    ordinals={"primero": "1"},
    month_first=frozenset(),
    day_by_number=True,
    fillers=frozenset(_FILLERS.split()),
)
