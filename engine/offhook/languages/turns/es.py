"""Spanish."""

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

_DETERMINER = r"(?:el|la|los|las|un|una|mi|mis|tu|tus|su|sus|este|esta|ese|esa|nuestr[oa]s?)"
_ADJECTIVE = (
    r"(?:próxim[oa]|últim[oa]|nuev[oa]|mism[oa]|primer[oa]?|segund[oa]|tercer[oa]?|gran|buen[oa]?|mal[oa]?"
    r"|antigu[oa]"
    r"|viej[oa]|pequeñ[oa]|ci(?:er)?t[oa]|únic[oa]|propi[oa]|much[oa]|algun[oa])s?"
)
_ENDINGS = Endings(
    open=word_set(
        "respecto acerca alrededor frente dentro debajo encima aparte varios varias algunos"
        " algunas muchos muchas pocos pocas demasiados ambos ambas aquella aquellos aquellas "
        " cuyos cuyas será serán sea sean haya hayan hubiera hubieran fueron ser estar haber sido"
        " siendo tuve tuvo tuvimos tenemos podemos podéis deben debemos deberían suelen quiere quieren hubo"
        " teníamos seguimos sigue "
        # articles, determiners, possessives
        "el la los las un unos unas mi mis tu tus su sus nuestro nuestra nuestros nuestras cada del al lo"
        " este estos estas esos esas aquel cualquier algún ningún gran primer tercer buen"
        # conjunctions
        " y e o u pero porque si que aunque sino ni como cuando mientras donde pues "
        # prepositions
        " a ante con contra de desde en entre hacia hasta para por según sin sobre tras excepto salvo menos"
        " durante mediante vía"
        # clitics before their verb, subjects, question words
        " me te se nos le les yo ustedes nosotros quiero quisiera quería querría necesito necesitaba tengo"
        " he ha han hemos había habían es son era eran está están estoy estaba soy fue puedo puede pueden"
        " podría"
        " podrían podíamos debo debe debería tendría tendrían tenía teníamos estaba estaban estábamos"
        " estaría sería serían habría iba íbamos suelo suele acabo busco buscaba quería queríamos llamo"
        " llamaba llamábamos fuera gustaría voy va van vamos qué cuál cuáles quién quiénes cuyo cuya"
        # fillers
        " este eh em mmm muy tan bastante demasiado o sea digamos bueno pues"
    ),
    often_open=word_set(
        "más entonces una él ella ellos usted tú cómo dónde cuánto cuándo ya también solo"
        " sólo casi poco otra otro otros otras unos antes después cerca lejos además tiene tienen"
        " hay "
    ),
    open_end=re.compile(
        r"(?<!creo )(?<!claro )(?<!parece )\b(?:que|pero|si|porque|y|como) no$|(?<!lo )(?<!eso )(?<!que"
        r" )\b(?:dijo|dijeron|(?:ha|han|había|habían) dicho|creo|pienso|supongo|parece"
        r"|prefiero"
        r"|preferiría|pensaba|me pregunto|estoy buscando|estamos buscando|necesitaría|necesitamos|queremos"
        r"|buscamos)$|"
        # Adjectives that stand before their noun, and begin a longer phrase: "mi nuevo", "en el próximo".
        rf"\b(?:mi|tu|su|un|una|del|al|en el|en la|de la|por la|nuestr[oa]) {_ADJECTIVE}$"
        r"|\b(?:por ejemplo|es decir|sobre todo|mejor dicho|más bien|así que|a ver si|resulta que|a nombre"
        r" de)$"
        r"|\b(?:quería|quisiera|querría|necesito|gustaría|puedo|para|quiero|podría) (?:saber|preguntar\w*"
        r"|decir\w*"
        r"|consultar\w*|comentar\w*|comprobar|ver)$"
        r"|\b(?:el|la|del|al|soy|calle|con|de) (?:señor|señora|señorita|doctor|doctora|don|doña|calle"
        r"|avenida|número)$"
        r"|\b(?:si|cuando|que|porque|donde|como) (?:yo|usted|ustedes|ellos|nosotros|él|ella|no|ya|todavía"
        r"|aún|también"
        r"|siempre|ayer|hoy|mañana)$"
        r"|^(?:(?:pues|y|bueno|hola|oiga|mire) )*(?:ayer|hoy|anoche|entonces|el otro día) (?:mi|el|la|un"
        r"|una|su) \w+$|"
        # A clause that has its subject, and no verb yet: "pero mi marido".
        rf"\b(?:que|pero|porque|aunque|cuando|donde|si|como|mientras|y en) {_DETERMINER} \w+$|\btengo"
        rf" entendido {_DETERMINER} \w+$"
        r"|\blo que pasa$|\bo sea$|\bes decir$|\ben caso$|\b(?:se|me) llamaba$|\bes un poco$|\bes que$"
        r"|\b(?:los|el) (?:lunes|martes|miércoles|jueves|viernes|sábados?|domingos?) \w*(?:ustedes|yo)$"
    ),
    often_open_end=re.compile(r"\bcon (?:mi|mis|su|el|la) (?:propi[oa]|nuev[oa]|mism[oa])$"),
    closed_end=re.compile(
        r"\b(?:puede|podría|debe|va a|pueda|pudiera) ser$|\b(?:no|ya no|sí|si|como|cuando|lo que|que) (?:me"
        r" |le |se |nos )?"
        r"(?:quiere|quieren|podemos|puede|pueden|tenemos|sea)$|\blos? (?:muchos|pocos)$|\by medi[ao]$|\bde"
        r" (?:dentro|frente)$"
        r"|\blas? \w+ y media$|"
        r"\b(?:una?|algo|nada|dos|\w+it[oa]|cosa) (?:\w+ )?más$|\bo qué$|\blo es$|\bhasta otra$|\b(?:lunes"
        r"|martes"
        r"|miércoles|jueves|viernes|sábado|domingo|vale|adiós|gracias|mañana) entonces$|"
        r"\b(?:para|a|de|con|por|entre|sin) (?:él|ella|ellos|usted|ustedes|nosotros|eso|esto|qué|cuál|quién"
        r"|ya"
        r"|cuándo|dónde|cuánto)$"
        r"|\b(?:por favor|ya está|por qué|para qué|creo que (?:sí|no)|mejor no|claro que no|todavía no"
        r"|ahora no"
        r"|hoy no|así es|eso es|cómo está|cómo es|de una|nada más|algo más|una más|uno más|no más|un poco"
        r"|qué es|quién es|qué tal va|aquí estoy|no está|dónde está|no lo es|ya no|por ahora no|no puedo"
        r"|no se puede|si se puede|ya voy)$"
        r"|^(?:no|sí|ella|él|usted|yo|yo no|yo también|tampoco|una|bueno|cómo|dónde|cuándo|cuánto|qué|cuál"
        r"|quién|vale|pues no|pues sí|mañana no|eso|esto|antes|después|esta|esa)$"
        r"|\b(?:cuánto|dónde|qué|cuál|cómo|quién|cuándo) (?:\w+ )*(?:es|son|era|están?|fue|va|vamos|tiene"
        r"|tienen"
        r"|hay|puede|puedo|esto|eso)$"
        r"|\b(?:al|del|el) otro$|\b(?:dos|tres|cinco|diez) (?:menos|más)$"
    ),
    reply=word_set(
        "sí si no claro vale bueno bien ok okay correcto exacto exactamente perfecto cierto seguro gracias"
        " hola"
        " adiós perdón disculpe hoy mañana ayer pasado lunes martes miércoles jueves viernes sábado domingo"
        " tarde noche mediodía semana mes año por favor muchas nada nadie nunca ninguno ninguna todo todos"
        " los"
        " dos ambos tampoco también eso mismo así es que de acuerdo desde luego supuesto el la a en próximo"
        " próxima quizás efectivamente obvio dale ahora ahorita siempre"
    ),
)

_LETTERS = {
    "jota": "j",
    "equis": "x",
    "erre": "r",
    "hache": "h",
    "eñe": "ñ",
    "uve": "v",
    "zeta": "z",
    "ceta": "z",
    "efe": "f",
    "ele": "l",
    "eme": "m",
    "ene": "n",
    "cu": "q",
    "ka": "k",
    "be": "b",
    "uve doble": "w",
    "doble ve": "w",
    "doble uve": "w",
    "i griega": "y",
    "i latina": "i",
    "ge": "g",
}
_TABLE = spoken_numbers(
    "es",
    hundreds=(
        *("cien|ciento", "doscientos|doscientas", "trescientos|trescientas", "cuatrocientos|cuatrocientas"),
        *("quinientos|quinientas", "seiscientos|seiscientas", "setecientos|setecientas"),
        *("ochocientos|ochocientas", "novecientos|novecientas"),
    ),
    joint=" ",
    more={"veintidos": "22", "veintitres": "23", "veintiseis": "26", "dieciseis": "16"} | _LETTERS,
)
_COUNT = "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce".split()  # noqa: SIM905
_NUMBERS = Numbers(
    counting={word: value for value, word in enumerate(_COUNT)} | {"dieciséis": 16, "un": 1},
    phrases=_TABLE,
    times={"doble": 2, "triple": 3},
    all=words_of({said: digits for said, digits in _TABLE.items() if digits.isdigit()}) - {"y"}
    | {"mil", "doble", "triple"},
    as_in=(("de",), ("como",), ("como", "en")),
    between=word_set("eh em mmm y luego después guión raya más espacio punto barra entonces"),
    openers=word_set("""
        sí si claro vale bueno ok pues eh em oh hola es el la mi su número teléfono móvil celular cuenta
        tarjeta
        código clave pin correo electrónico email dirección nombre un momento segundo a ver aquí va sería
        tengo
        apunte anote tome nota por favor puede llamarme al en y le doy de cliente referencia
    """),
    named=re.compile(
        r"\b(?:número|teléfono|móvil|celular|pin|clave|extensión|referencia|localizador|cuenta|tarjeta|código"
        r"|matrícula|(?:llám\w+|llamarme) al)\b"
    ),
    refuses=word_set("no nunca ninguno ninguna tampoco por qué cómo quién cuándo dónde perdón cuál nada"),
    heard_as={"un": "uno", "una": "uno"},
    with_zero=(9, 11),
    without_zero=(9, 10),
    at=word_set("arroba"),
    dot=word_set("punto"),
    dash=word_set("guión guion"),
    underscore=word_set("bajo subrayado"),
    mail_is=word_set("es sería"),
)

_ASKING = Asking(
    spell=pattern(r"\bdeletr\w*|\bletra (?:por|a) letra\b|\b(?:iban|localizador)\b|\bmatrícula del?\b"),
    so_many_digits=pattern(rf"\b(?P<n>\d{{1,2}}|{'|'.join(_COUNT)}|dieciséis) (?:dígitos|cifras|números)\b"),
    card=pattern(r"\bnúmero de (?:su |la |tu )?tarjeta(?! de (?:socio|regalo|fidelidad))\b"),
    number=pattern(
        r"\bnúmeros?\b(?! de personas\b)|\b(?:pin|dígitos|clave|móvil|celular|teléfono|código)\b"
        r"|\b(?:llamar(?:le|te|lo|la)?|localizar(?:le|lo|la)?|contactar(?:le|lo|la)?)\b.*\?$"
    ),
    email=pattern(r"\be-?\s?mail\b|\bcorreo(?: electrónico)?\b"),
    birth=pattern(r"\bfecha de nacimiento\b|\b(?:nació|naciste|nacido)\b"),
    again=pattern(
        r"\b(?:repet|repít)\w*(?:lo|melo)\b|\brepetir(?: eso)?(?:,? por favor)?\?$|\botra vez\b"
        r"|\bno (?:le|lo|te|la) (?:he )?(?:entend|oíd?|escuch)\w*"
    ),
    request=pattern(
        r"^(?:por favor|ahora|y)\b|\bpor favor\.?$|\b(?:díg|indíqu|dé|facilít|dígit|introduzc|márqu|confírm"
        r"|deletré)\w*"
        r"|\bdime\b|\bnecesit(?:o|amos|aría) (?:su|tu|el|la|un)\b"
    ),
    ours=pattern(
        r"\b(?:nuestro|mi) (?:\w+ ){0,2}(?:número|código|teléfono|correo|móvil)\b"
        r"|\b(?:quiere|desea|prefiere|quieres|le gustaría)\b"
        r"|^(?!.*\b(?:qué|cuál)\b).*\b(?:le|te) (?:doy|digo|mando|envío|puedo dar)\b"
        r"|^¿?(?:y |entonces |pues )?(?:es|era|está|tiene|fue)\b"
    ),
    yes_no_question=pattern(
        r"(?:^|[.!?,;:]\s+)¿?(?:(?:y|o|entonces|bueno|pues)\s+)?(?!(?:qué|cuál|quién|cuándo|dónde|cómo"
        r"|cuánt\w+|por qué"
        r"|a qué|en qué|para qué|de qué)\b)[^.!?]*\?$"
    ),
    tag=pattern(
        r",\s*¿?(?:verdad|no|correcto|cierto|sí|vale|ok|de acuerdo|no es (?:cierto|así)|está bien|le parece"
        r"(?: bien)?|es (?:correcto|así))\?$"
    ),
    open_inside=pattern(
        r"\b(?:qué|cuál|cuáles|quién|quiénes|cuándo|dónde|por qué|cómo|cuánt\w+)\b|\bo\b|\bayudar\w*|\balgo"
        r" más\b"
    ),
    one_thing=pattern(
        r"\b(?:qué|cuál|cuáles|quién|quiénes|cuándo|dónde|cuánt\w+|cómo se llama)\b|\bo\b"
        r"|\bsu (?:\w+ ){0,2}(?:nombre|apellidos?|dirección|fecha de nacimiento|ciudad)\b"
    ),
    a_story=pattern(
        r"\b(?:ayud\w+|pas[aó]|pasado|problema|ocurr\w+|más|por qué|sobre|motivo|pregunta|describ\w+|expli\w+"
        r"|cuént\w+|puedo hacer|desea|necesita|quiere)\b"
    ),
    gives_time=pattern(
        r"\b(?:tómese (?:su|el) tiempo|tómate tu tiempo|sin prisa|no hay prisa|con calma|(?:yo )?(?:espero"
        r"|le espero)"
        r"|cuando (?:esté|estés|quiera) list[oa]|avíseme cuando)\b"
    ),
)

_YES_NO = (
    r"sí|si|no|claro|vale|correcto|exacto|exactamente|cierto|seguro|perfecto|ok|okay|bueno|por favor|gracias"
    r"|claro que (?:sí|no)|de acuerdo|por supuesto|desde luego|eso es|así es|eso mismo|para nada|no gracias"
    r"|sí señora?"
    r"|tampoco|creo que (?:sí|no)|efectivamente|dale|ajá|cómo no|en absoluto|todavía no|ya"
)
_GREETING = r"hola|buenas|buenos días|buenas (?:tardes|noches)|oiga|oye|mire|mira|perdón|disculpe|perdone"
_VERB_ASKS = (
    r"(?:tienen?|hay|puedo|puede|pueden|podrían?|podría|me (?:puede|podría|pueden|cobran|lo)|es|está|están"
    r"|hacen?"
    r"|aceptan?|queda|quedan|abren|cierran|sirve|venden|sabe|se puede|hacen|les queda|le queda|tendrían?|dan)"
)
_SENTENCES = Sentences(
    yes_no=re.compile(rf"(?:(?:{_YES_NO})(?: |$)){{1,3}}"),
    preface=re.compile(
        rf"(?:(?:{_GREETING}|ok|vale|bueno|pues|eh|sí|no|por favor|y) )*"
        rf"(?:{_GREETING}|bueno|pues|eh|(?:yo )?(?:tengo|tenía) (?:una|otra|un par de|unas|dos)"
        rf" (?:preguntas?|dudas?"
        r"|consultas?)|(?:le |te )?(?:puedo|podría) (?:hacerle |hacer |preguntarle )?(?:una pregunta|algo"
        r"|una consulta"
        r"|preguntarle algo)|quería (?:preguntarle|consultarle|hacerle) (?:una cosa|algo|una pregunta|una"
        r" consulta)"
        r"|a ver|déjeme (?:ver|pensar|mirar)|(?:un|deme un) (?:momento|momentito|segundo)|espere(?: un"
        r" momento)?"
        r"|(?P<name>(?:me llamo|mi nombre es|soy|le habla|habla) \w+(?: \w+)?))"
    ),
    before_a_clause=word_set(
        "hola buenas buenos días tardes noches sí no ok vale bueno pues y pero o porque perdón disculpe por"
        " favor eh"
        " entonces ahora también oiga mire verá gracias"
    ),
    statement_words=3,
    asking_first=word_set("qué cuál cuáles quién quiénes cuándo dónde cómo cuánto cuánta cuántos cuántas"),
    asking=re.compile(
        r"\u00bf|\b(?:a|de|en|por|para|con|hasta|desde|y|sobre) (?:qué|cuál|quién|cuándo|dónde|cuánt\w+)\b"
        r"|^(?:(?:y|o|pero|hola|buenas|oiga|perdone|disculpe|entonces)[, ]+)*"
        rf"(?:qué|cuál|quién|cuándo|dónde|cómo|cuánt\w+|{_VERB_ASKS})\b"
        r"|\b(?:saber|preguntar\w*|decirme|dígame|consultar\w*) (?:si|qué|cuál|quién|cuándo|dónde|cómo"
        r"|cuánt\w+|a qué)\b"
    ),
    leaning=re.compile(
        r"(?:(?:ok|okay|vale|bueno|bien|sí|no|gracias|ah|ajá|pues|perfecto|y|pero|o) )*"
        r"(?:y|o|qué (?:hay|pasa) (?:con|de)|qué tal) (?P<rest>.+)"
    ),
    clausal=word_set("""
        yo tú él ella nosotros ellos ellas usted ustedes se me te le les nos es son era eran fue soy somos
        está están estoy estaba hay había ha han he hemos tengo tiene tienen tenía tenemos puedo puede pueden
        podría quiero quiere queremos quería quisiera voy va vamos van necesito necesita hace hago dice
        digo llamo llama no que qué cuál cuándo dónde cómo cuánto cuánta cuántos cuántas quién
        además entonces luego
    """),
    time=word_set(
        "hoy mañana ayer anteayer tarde noche mediodía medianoche madrugada día días semana semanas mes"
        " meses año años"
        " lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio"
        " agosto"
        " septiembre octubre noviembre diciembre"
    ),
)

_CLAUSES = Clauses(
    never_last=word_set("""
        sr sra srta sres dr dra d dña da ud uds vd prof ing lic arq gral cnel av avda c pza pl n.º núm no nº
        tel
        telf ext pág p.ej ej aprox máx mín art cap fig st sta sto ene feb abr jun jul ago sept oct nov dic vs
        dpto
    """),
    sometimes_last=word_set("etc s.a s.l ee.uu a.m p.m a.c d.c cía hno hnos s.a.s s.r.l"),
    joints=word_set("""
        y pero o porque si que aunque cuando mientras donde para con sin por en de desde hasta entre sobre
        como
        pues antes después durante
    """),
    bound=word_set(
        "el la los las un una unos unas de del al a en mi su tu nuestro nuestra este esta es son está no muy"
        " se me le les lo y"
    ),
)

SPANISH = TurnLanguage(
    "es",
    _ENDINGS,
    _NUMBERS,
    _ASKING,
    _SENTENCES,
    Backchannels(
        words=word_set(
            "mm mmm mhm mm-hm hm ajá aja ah oh eh sí si ya vale ok okay claro bueno bien exacto correcto"
            " perfecto entiendo cierto dale"
        ),
        phrases=(("de", "acuerdo"), ("ya", "veo"), ("muy", "bien"), ("claro", "que", "sí"), ("ah", "ya")),
    ),
    _CLAUSES,
)
