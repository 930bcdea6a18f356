"""Spanish, as it is spoken in Spain and in the Americas."""

from __future__ import annotations

import re

from offhook.languages.base import Defaults, Language, Phrases, Telling, any_of
from offhook.languages.figures import below_hundred, one_of

_FILLERS = """
eh em este mm mhm pues bueno entonces así ya sí si no y o a al de del en con por para que lo la el los las un
una yo me te le se nos muy más mi su tu ahora también ok okay hola oiga oye mire mira
"""
_DAY_NAME = r"(?:lunes|martes|miércoles|miercoles|jueves|viernes|sábado|sabado|domingo)"
_LAST = (
    r"adi[oó]s|ad[eé]u|agur|chao|chau|ch[aá]u|ciao|chaíto|chaito|abur|ta ?luego|bye(?: bye)?|hasta (?:luego"
    r"|pronto|siempre|la vista)"
)
_LEAVE = (
    _LAST,
    rf"hasta (?:mañana|otra|la pr[oó]xima|la otra|más ver|entonces|ahora|ahorita|después|más tarde"
    rf"|el {_DAY_NAME}|la semana"
    r"(?: que viene| pr[oó]xima)?)(?: vez)?",
    rf"(?:ahí |ahi |luego |ya )?nos (?:vemos|hablamos|estamos viendo)(?: (?:el {_DAY_NAME}|mañana|luego"
    rf"|pronto|entonces|allí|ahí|all[aá]))*",
    r"(?:que )?(?:tengas?|tengan|pas[ae]s?|pasen|pasad|tened|tenga usted|le deseo"
    r"|te deseo)(?: usted(?:es)?)?(?: un| una)?"
    r"(?: muy)? (?:buen|buena|buenas|feliz|lindo|linda|bonito|excelente|bonita|bello|bien)(?: (?:día|dia"
    r"|tarde|tardes|noche"
    r"|noches|fin de semana|finde|semana|jornada))?",
    # "Buenas noches" greets as well: at the beginning it is a greeting.
    r"(?<=\w )(?:buen|buenas|buenos|feliz|lindo|linda) (?:día|dia|días|tarde|tardes|noche|noches"
    r"|fin de semana|finde|semana)",
    r"feliz (?:tarde|noche|fin de semana|finde|semana)|buen (?:fin de semana|finde)",
    r"que (?:le|les|te|os) vaya(?: \w+)? (?:bien|bonito|lindo)|vaya con dios|que descans\w+|bendiciones"
    r"|dios (?:lo|la|le|te|los|las) bendiga|no (?:le|te|lo|la|os) (?:molesto|quito"
    r"|entretengo) más(?: tiempo)?|que esté(?:s|n)? (?:muy )?bien",
    r"(?:cuíd[ae]\w*|cuid[aáe]\w*|cuidaos)(?: mucho)?|(?:ya )?(?:con eso )?(?:ya )?me despido|(?:ya )?(?:le"
    r"|te) dejo(?: ya)?|(?:un )?(?:abrazo|saludo|saludos|besos?)"
    r"(?: a (?:\w+ ){0,2}\w+)?",
)
_COURTESY = (
    r"(?:vale|venga|dale|listo|lista|órale|orale|ándale|andale|sale|ale|hala|bien|muy bien|perfecto|genial"
    r"|estupendo|excelente"
    r"|fantástico|claro|clarísimo|de acuerdo|conforme|entendido|entiendo|comprendo|ah|ay|oh|ajá|eso"
    r"|fenomenal|bárbaro"
    r"|buenísimo|joya|chévere|qué bien|está bien|de una|sip|okey|señor(?:a|ita)?|joven|caballero|don \w+"
    r"|doña \w+|usted|igualmente"
    r"|amigo|amiga|mija|mijo|hija|hijo|guapa|guapo|cariño|corazón)",
    r"(?:muchas|muchísimas|mil|muchisimas|un millón de)? ?(?:gracias|agradecid[oa]|se (?:lo|le) agradezco"
    r"|te (?:lo )?agradezco|le agradezco)"
    r"(?: (?:por (?:todo|la|el|su|tu|las|los|\w+rme|\w+r)(?: (?:ayuda|información|info|atención|tiempo"
    r"|llamada|paciencia|amabilidad))?"
    r"|mucho|muchísimo|de nuevo|otra vez|igualmente|a usted(?:es)?|a ti|a vos|de verdad))*",
    r"(?:(?:qué|que|muy|tan|es usted|ha sido|fue|sos|eres) )*(?:amable|gentil|atent[oa]|majo|maja)",
    r"(?:quedamos|quedo|así quedamos|en eso quedamos)(?: (?:así|en eso))?|tomo nota"
    r"|me ha(?:s)? ayudado mucho|a la orden|a usted|a ti",
    r"(?:ya )?(?:le|les|te|os) (?:llamo|llamaré|aviso|avisaré|marco)(?: (?:luego|después|mañana"
    r"|cuando \w+))*",
)
_DONE = (
    r"(?:y )?(?:ya )?(?:eso|esto|con eso|con esto)(?: ya)? (?:es|era|fue|sería|seria|está"
    r"|estaría) todo(?: (?:por (?:hoy|ahora|el momento|mi parte)|lo que"
    r" (?:necesitaba|quería|queria|quería saber|necesito)))*",
    r"(?:ya )?(?:est[aá]|es|era|sería|seria|tengo) todo(?: (?:listo|claro))?(?: por (?:hoy|ahora|el momento"
    r"|mi parte))?",
    r"(?:por (?:hoy|ahora|el momento|mi parte) )?(?:nada|nadita|ninguna) (?:más|otra|mas)(?: (?:cosa"
    r"|pregunta|por (?:hoy|ahora|el momento|mi parte)|que eso))*",
    r"no (?:necesito|quiero|quería|tengo|hace falta|había)(?: (?:nada|ninguna|otras?|cosa))*"
    r" (?:más|mas|preguntas?|dudas?)",
    r"(?:con eso|con esto|eso|así)(?: ya)? (?:me )?(?:basta|alcanza|es suficiente|está bien|me sirve)"
    r"|ya está(?: todo)?|ya estamos|ya estaría"
    r"|(?:eso|solo eso|sólo eso|solamente eso)(?: nom[aá]s| nada más)?|sin más|era (?:solo )?eso",
)
_ASK = r"(?:qué|quién|quiénes|cuál|cuáles|cuándo|cuánto|cuánta|cuántos|cuántas|dónde|adónde|cómo)"
# Recognisers leave accents out; without one these are also "that", "when", "as".
_PLAIN_ASK = (
    r"(?:a )?(?:que (?:hora|horas|precio|día|dia|tan)|cuanto|cuanta|cuantos|cuantas|cual|cuales"
    r"|donde (?:esta|está|queda|puedo)"
    r"|como (?:puedo|hago|funciona|se \w+|llego))"
)
_VERB_FIRST = (
    r"(?:tienen?|tenéis|tenés|hay|puedo|puedes?|pueden|podría\w*|podés|se puede|abren|abrís|cierran|venden"
    r"|hacen|aceptan|ofrecen|está[ns]?"
    r"|es|son|sería|me (?:puede|podría|da|dice|manda|recomienda)\w*|hace falta|necesito|tengo que|debo"
    r"|cuesta|vale la pena|queda)"
)
_NUMBER_WORDS = below_hundred(
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
)
_HOUR_WORD = r"(?:una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce)"
_HOUR = rf"(?:\d{{1,2}}(?:[:.]\d\d)?|{_HOUR_WORD})"
_MONTH = r"(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre)"

SPANISH = Language(
    code="es",
    phrases=Phrases(
        welcome="De nada. ¿Puedo ayudarle en algo más?",
        greeted="Hola, sí, aquí estoy. ¿En qué puedo ayudarle?",
        disclosure="Le atiende el asistente automático de {name}.",
        machine="Soy el asistente automático de {name}. ¿En qué puedo ayudarle?",
        no_transfer="Lo siento, desde aquí no puedo pasarle la llamada.",
        offer_person="Lamento mucho lo ocurrido. ¿Le paso con {name}?",
        offer_message="Lamento mucho lo ocurrido. ¿Tomo nota para que alguien se ocupe personalmente?",
        briefing="{name} tiene una llamada para usted. {about}"
        " Para aceptarla, pulse uno. Para devolverla, pulse dos.",
        briefing_about="Ha dicho: {words}.",
        no_action="Lo siento, puedo responder preguntas, pero eso no puedo gestionarlo yo.",
        you_said="Tengo anotado: {detail}.",
        not_given="Lo siento, todavía no tengo ese dato. ¿Me lo puede decir?",
    ),
    defaults=Defaults(
        goodbye="Hasta luego.",
        apology="Lo siento, algo ha fallado. Por favor, inténtelo más tarde.",
        unclear="Perdone, ¿puede repetirlo?",
        excuse="Lo siento, eso no ha funcionado. ¿Puede decirlo otra vez?",
        still_there="¿Sigue ahí?",
        holding="Un momento, por favor.",
        take_your_time="Claro, tómese su tiempo.",
        unknown="Lo siento, eso no lo sé.",
        unsure="No lo sé con seguridad, pero quizá le sirva esto.",
        otherwise="De acuerdo. ¿En qué más puedo ayudarle?",
        returned="Lo siento, ahora mismo no contesta nadie. ¿Puedo ayudarle en algo más?",
        resumed="Disculpe, se ha cortado. ¿Dónde nos habíamos quedado?",
    ),
    closers=any_of(*_LEAVE),
    last_words=re.compile(
        rf"\b(?:{_LAST})(?: (?:pues|entonces|y|muchas|gracias|señor\w*|joven|don \w+|doña \w+|a todos"
        rf"|todos))*$"
    ),
    quoted_closers=any_of(
        rf"(?:dije|dijo|dijeron|decir|diga|dice|dicen|digo|llama|llamad[oa]|sin|el|un"
        rf"|ni) (?:un )?(?:{_LAST})",
        rf"(?:{_LAST}) (?:de las?|el|la|los|las|se|o|significa|dice)",
        r"hasta (?:el|la|las|mañana|ahora|después|entonces) (?:\w+ ){0,3}(?:no|lo|abren|tengo|puedo|puede"
        r"|hay|está\w*|queda\w*|me|se)",
        r"no (?:me )?(?:cuelgue|cuelgues|corte)|(?:tienen?|hay|está[ns]?|es) (?:buen|buena|buenas|muy buen)",
        r"(?:cuida|cuidan|cuidar|cuidado)(?! mucho)",
        r"^(?:(?:hola|bueno|aló|alo|sí|si|ah|oiga|muy) )+buen[ao]?s? \w+$",
    ),
    courtesies=any_of(*_COURTESY),
    all_done=any_of(*_DONE),
    declines=any_of(
        r"no|gracias|agradezco|amable|por (?:hoy|ahora|el momento|mi parte)|nada m[aá]s",
        r"lo que (?:necesitaba|quería|queria)",
    ),
    confirms=re.compile(
        r"^(?:(?:eh|ah|bueno|pues) )*(?:sí|si|exacto|correcto|claro|así es|eso es(?! todo))\b"
    ),
    offers=any_of(
        r"(?:algo|alguna cosa|qué|en qué|otra cosa) más|algo (?:otro|adicional)|(?:puedo"
        r"|podemos) (?:\w+ ){0,2}ayudar\w*"
    ),
    asks=re.compile(
        rf"[?¿]|\b{_ASK}\b(?! (?:amable|bien|gentil|bueno|lindo|pena|va))|\b{_PLAIN_ASK}\b"
        rf"|\bpor ?qu[eé] (?:no|me|se|es|est\w+)\b"
        rf"|(?:^|[.,;!:]\s*|\b(?:y|pero|o|entonces|gracias|bueno|amable|ok"
        rf"|también)\s+){_VERB_FIRST}\b(?! (?:todo|suficiente)\b)"
        r"|\b(?:d[ií]game|dime|decime|quisiera saber|quería (?:saber|preguntar)|queria (?:saber|preguntar)"
        r"|me gustaría saber|una pregunta"
        r"|otra pregunta|otra cosa(?! (?:más|mas))|también abren|y (?:los|el|las|la|para|con"
        r"|por) \w+ (?:también|tambien))\b",
        re.IGNORECASE,
    ),
    wants=re.compile(r"\b(?:quiero|quisiera|querría|necesito|me gustaría|busco|ocupo)\b", re.IGNORECASE),
    request=any_of(
        r"(?:reservar\w*|apartar|pedir|encargar|cancelar\w*|anular|cambiar\w*|mover|agendar|pedir cita"
        r"|hacer una (?:reserva|cita)"
        r"|apuntar\w*|inscribir\w*|devolver|renovar|ll[aá]m[ae]\w*me|llamarme|dejar(?:le)? un (?:recado"
        r"|mensaje)|dígale|dile|mand[ae]\w*"
        r"|enví\w+|traer|entregar|pas(?:ar|e) a recoger)",
        r"(?:quiero|quisiera|querría|necesito|ocupo|me gustaría|póngame|ponme|deme|dame) (?:un|una|unos"
        r"|unas|dos|tres|cuatro|cinco|seis|el|la|los|las)",
    ),
    next_question=re.compile(
        rf"\?\s+(?=\S)|,?\s+(?:y|o|además|pero)\s+(?:también\s+)?(?=¿|(?:a |de |en |con |por )?(?:{_ASK}"
        rf"|{_PLAIN_ASK}|{_VERB_FIRST})\b)",
        re.IGNORECASE,
    ),
    alternatives=re.compile(r",?\s+(?:o|u|que)\s+", re.IGNORECASE),
    compares=re.compile(
        r"\b(?:más|menos|mejor|peor|mayor|menor|diferencia entre|antes|después|cuesta más"
        r"|cuesta menos)\b.*\b(?:o|u|y|que)\b",
        re.IGNORECASE | re.DOTALL,
    ),
    denies=re.compile(r"\b(?:no|nunca|tampoco|ning\u00fan|ninguna)\b", re.IGNORECASE),
    details=(
        ("email", any_of(r"correo(?: electrónico)?|e ?mail|mail|dirección de correo")),
        ("number", any_of(r"tel[eé]fono|n[uú]meros?|m[oó]vil|celular|cel|dígitos")),
        ("name", any_of(r"nombre|apellidos?|me llamo|deletre\w*")),
        ("time", any_of(r"hora|día|dia|fecha|cita|cuándo|cuando|mañana|tarde")),
        ("address", any_of(r"dirección|direccion|domicilio|calle|código postal")),
    ),
    names=re.compile(
        r"(?:\b[Mm]e llamo|\b[Mm]i nombre es|\b[Mm]e apellido|\b[Mm]i apellido es|\b[Nn]ombre(?: es|:)"
        r"|\b[Ss]oy|\b[Hh]abla|\b[Dd]e parte de"
        r"|\b[Aa] nombre de)"
        r" (?P<name>(?:(?:don|doña|el señor|la señora|Sr\.|Sra\.) )?[A-ZÁÉÍÓÚÑ][\w'\u2019-]+(?: (?:de |del "
        r"|de la )?[A-ZÁÉÍÓÚÑ][\w'\u2019-]+){0,3})"
    ),
    telling=Telling(
        figures=_NUMBER_WORDS,
        tens=frozenset(),
        times={"doble": 2, "triple": 3},
        group_size=3,
        email=re.compile(
            r"\b[\w-]+(?: (?:punto|guion bajo|guión bajo|guion|guión) [\w-]+)*"
            r" (?:arroba|at) [\w-]+(?: (?:punto|guion|guión) [\w-]+)+",
            re.IGNORECASE,
        ),
        day=re.compile(
            rf"\b(?:(?:el |este )?(?:pr[oó]ximo )?{_DAY_NAME}(?: que viene)?(?: (?:\d{{1,2}}"
            rf"|{one_of(_NUMBER_WORDS)})(?: de {_MONTH})?)?"
            rf"(?: (?:por|en|a) la (?:mañana|tarde|noche))?|pasado mañana|(?<!la )mañana(?: (?:por|en"
            rf"|a) la (?:mañana|tarde|noche))?"
            rf"|hoy|esta (?:tarde|noche)|(?:el )?(?:\d{{1,2}}|primero"
            rf"|{one_of(_NUMBER_WORDS)}) de {_MONTH})(?!\w)",
            re.IGNORECASE,
        ),
        clock=re.compile(
            rf"\b(?:(?:a|sobre|hacia|para) las? {_HOUR}(?: (?:y (?:media|cuarto|pico"
            rf"|{one_of(_NUMBER_WORDS)})|menos (?:cuarto|{one_of(_NUMBER_WORDS)})))?"
            rf"(?: (?:de|por) la (?:mañana|tarde|noche))?|{_HOUR} (?:horas|de la (?:mañana|tarde|noche))"
            rf"|al? mediodía|a medianoche)(?!\w)",
            re.IGNORECASE,
        ),
        lead=re.compile(r"^(?:sobre|hacia|para|el) (?=\w)", re.IGNORECASE),
        day_and_clock="{day} {clock}",
        address=re.compile(
            r"\b(?P<street>(?:calle|c/|avenida|avda\.|av\.|paseo|plaza|camino|carretera|carrera|ronda"
            r"|travesía|pasaje|bulevar)"
            r" (?:(?:de|del|la|las|los|el) )*(?-i:[A-ZÁÉÍÓÚÑ\d])[\w'-]*(?: (?:de |del "
            r"|la )*(?-i:[A-ZÁÉÍÓÚÑ])[\w'-]*){0,3})"
            rf",? (?:n[uú]mero )?(?P<house>\d{{1,5}}[a-z]?\b|(?:{one_of(_NUMBER_WORDS)})\b)"
            r"(?P<place>,? (?:en |de )?(?-i:[A-ZÁÉÍÓÚÑ][\w-]+))?",
            re.IGNORECASE,
        ),
        address_order="{street} {house}{place}",
        named=re.compile(r"nombre|llamo|apellido"),
        dates=re.compile(rf"\b(?:{_DAY_NAME}s?|{_MONTH})\b", re.IGNORECASE),
    ),
    fillers=frozenset(_FILLERS.split()),
)
