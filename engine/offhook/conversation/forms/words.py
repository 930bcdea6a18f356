"""What forms say and hear in a language, as data.  Patterns are over words as :func:`.wording.words` gives
them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.languages.codes import base_language
from offhook.languages.turns.base import word_set


@dataclass(frozen=True, slots=True)
class FormWords:
    """One language's."""

    confirm: str
    """``{values}``."""
    confirm_guess: str
    """``{what}``: a tool's description, or whom the caller would be put through to."""
    done: str
    failed: str
    unsure: str
    left: str
    """The caller has changed their mind."""
    change: str
    """They said no to what was read back, and nothing else."""
    give_up: str
    """A value could not be understood, again and again."""
    ask: str
    """``{name}``: where the owner wrote no question."""
    options: str
    """``{options}``: the only values."""
    number: str
    """``{value}``, as a telephone number or its like is read back among other values."""
    handing_over: str
    """``{name}``."""
    working: str
    yes: re.Pattern[str]
    no: re.Pattern[str]
    refuses: re.Pattern[str]
    """All of a turn that only says that something is wrong, and not what."""
    never_mind: re.Pattern[str]
    corrects: re.Pattern[str]
    """A new value comes instead of the one before: what stands in front of it does not count."""
    lead: re.Pattern[str]
    """What stands before a value and is no part of it; over the text as it is."""
    trail: re.Pattern[str]
    until: re.Pattern[str]
    """The day behind it is the last of a stretch."""
    about: re.Pattern[str]
    """What a caller's own words begin with who say what it is about."""
    ordinals: tuple[str, ...]
    """First, second, third, and last of all "last"."""
    nothing: re.Pattern[str]
    """The caller has no such value."""
    small: frozenset[str]
    """Words of a name that callers leave out or exchange: "the bath and brush"."""


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")(?!['\w])", re.IGNORECASE)


def _only(*alternatives: str) -> re.Pattern[str]:
    """One of them and nothing else, or several, also after each other."""
    return re.compile(r"(?:(?:" + "|".join(alternatives) + r")(?: |$))+", re.IGNORECASE)


_EN = FormWords(
    confirm="I have: {values}. Is that right?",
    confirm_guess="Would you like that: {what}?",
    done="All right, that's done. Is there anything else?",
    failed="I'm sorry, that didn't work, and nothing was changed.",
    unsure="I'm sorry, I can't tell whether that has gone through. Somebody will look into it.",
    left="All right, I've left that. What else can I do for you?",
    change="What shall I change?",
    give_up="I'm sorry, I can't take that down. Let's leave it for now.",
    ask="What is the {name}?",
    options="There is {options}.",
    number="number {value}",
    handing_over="One moment, I'll put you through to {name}.",
    working="One moment, please.",
    yes=_words(
        r"yes|yeah|yep|yup|ya|correct|right|exactly|sure|perfect|please do|go ahead|absolutely|definitely",
        r"that's (?:it|right|correct|fine|good|perfect|great)|sounds (?:good|right|great)|uh huh|mhm|okay|ok",
        r"fine|do it|that works|of course|indeed",
    ),
    no=_words(r"no|nope|nah|not (?:quite|right|correct|really)|wrong|that's not"),
    refuses=_only(
        r"(?:oh |um+ |uh+ |hey )?(?:no|nope|nah|wrong|incorrect|not (?:that|this|right|correct|true))",
        r"(?:that|this|it)(?:'s| is)(?: (?:just|all|completely|totally|still))? "
        r"(?:wrong|incorrect|not (?:it|right|correct|true|what i (?:said|meant?|want(?:ed)?|asked for)))",
        r"(?:that|this|it) (?:isn't|wasn't) (?:it|right|correct|true|what i (?:said|meant|want|wanted))",
        r"you(?:'ve| have)? got (?:it|that|this|me) (?:all )?wrong",
        r"i (?:didn't|did not|never) say (?:that|so)",
    ),
    never_mind=_words(
        r"never ?mind|forget (?:it|about it|that)|leave it|cancel that|i(?:'ve| have) changed my mind",
        r"don't (?:bother|worry about (?:it|that))|i don't want (?:to|that|it) (?:any ?more|after all)",
        r"not any ?more|stop that|scratch (?:all )?that|drop it",
    ),
    corrects=_words(
        r"no(?:,)? wait|no(?:,)? sorry|no(?:,)? hang on|no(?:,)? hold on|hang on|hold on|wait|sorry|actually",
        r"i mean|i meant|rather|make (?:it|that)|scratch that|or no|no",
    ),
    lead=re.compile(
        r"^(?:(?:um+|uh+|er+m?|well|so|yes|yeah|ok(?:ay)?|sure|oh|and|just|please|hi|hello|of "
        r"course)\b[\s,.]*)*"
        r"(?:(?:it's|it is|that's|that is|that would be|that'd be|this is|i'm|i am|we're|they're"
        r"|(?:he|she)(?:'s| is)(?: called)?|it's called|the name(?:'s| is)|(?:my|his|her|their|our|the)"
        r" (?:\w+ ){0,3}?(?:is|are|would be)|make it|make that|say|under|for|i'd like|i would like|i'll take"
        r"|i want|let's say|call (?:me|it))\b[\s,:]*)?(?:(?:a|an|the)\b\s+)?",
        re.IGNORECASE,
    ),
    trail=re.compile(
        r"[\s,]*(?:please|thanks|thank you|i (?:think|guess)|if possible|if you can)?[\s.,!?]*$",
        re.IGNORECASE,
    ),
    until=_words(r"until|till|til|through|up to|to"),
    about=_words(r"about|that|because|regarding|concerning|to say|to ask"),
    ordinals=("first", "second", "third", "last"),
    nothing=_words(
        r"i (?:don't|do not) (?:know|have (?:one|it|that|any))|no idea|not sure|i(?:'ve| have) "
        r"no|none|nothing"
    ),
    small=word_set("a an the of for to and or in on"),
)
_DE = FormWords(
    confirm="Ich habe notiert: {values}. Stimmt das so?",
    confirm_guess="Möchten Sie das: {what}?",
    done="Gut, das ist erledigt. Kann ich noch etwas für Sie tun?",
    failed="Es tut mir leid, das hat nicht geklappt. Es wurde nichts geändert.",
    unsure="Es tut mir leid, ich weiß nicht, ob das angekommen ist. Es wird sich jemand darum kümmern.",
    left="In Ordnung, dann lassen wir das. Was kann ich sonst für Sie tun?",
    change="Was soll ich ändern?",
    give_up="Es tut mir leid, das kann ich nicht aufnehmen. Lassen wir das vorerst.",
    ask="Wie lautet: {name}?",
    options="Es gibt {options}.",
    number="Nummer {value}",
    handing_over="Einen Moment, ich verbinde Sie mit {name}.",
    working="Einen Moment, bitte.",
    yes=_words(
        r"ja|jawohl|jo|genau|richtig|stimmt(?: so)?|passt(?: "
        r"so)?|korrekt|gern(?:e)?|einverstanden|gut|okay|ok",
        r"natürlich|klar|selbstverständlich|bitte(?: ja)?|machen sie das",
    ),
    no=_words(r"nein|nee|nö|falsch|stimmt nicht|nicht ganz|das ist nicht"),
    refuses=_only(
        r"(?:äh+m? |ach |oh )?(?:nein|nee|nö|falsch|nicht (?:so|richtig))",
        r"(?:das|es) (?:ist|war)(?: (?:ganz|völlig|doch|alles))? (?:falsch|nicht (?:richtig|wahr|korrekt))",
        r"(?:das )?stimmt (?:doch )?(?:so )?nicht|das (?:habe ich|hab ich|meine ich|wollte ich) (?:so )?nicht"
        r"(?: gesagt| gemeint)?|sie haben (?:mich|das) falsch verstanden",
    ),
    never_mind=_words(
        r"lassen (?:sie|wir) (?:es|das)|vergessen sie (?:es|das)|doch nicht|hat sich erledigt|egal",
        r"ich (?:will|möchte) (?:es |das )?(?:doch )?nicht mehr|ich hab(?:e)? es mir anders überlegt",
    ),
    corrects=_words(
        r"nein warten sie|moment|halt|warten sie|entschuldigung|ich meine|vielmehr|eher|doch "
        r"lieber|nee|nein|äh"
    ),
    lead=re.compile(
        r"^(?:(?:äh+m?|hm+|also|ja|gut|okay|ok|und|bitte|naja|na ja)\b[\s,.]*)*"
        r"(?:(?:das (?:ist|wäre|sind)|es (?:ist|geht um)|ich (?:bin|heiße|hätte gern|möchte|nehme)|hier ist"
        r"|(?:mein|meine|sein|seine|ihr|ihre|der|die|unser|unsere) (?:\w+ ){0,2}?(?:ist|lautet|wäre|heißt)"
        r"|(?:er|sie) heißt|auf|für|unter|sagen wir)\b[\s,:]*)?"
        r"(?:(?:ein|eine|einen|der|die|das|den|dem|zum|zur)\b\s+)?",
        re.IGNORECASE,
    ),
    trail=re.compile(r"[\s,]*(?:bitte|danke|glaube ich|wenn(?:'s| es) geht)?[\s.,!?]*$", re.IGNORECASE),
    until=_words("bis"),
    about=_words("dass|wegen|weil|über|damit|es geht um"),
    ordinals=("erste", "zweite", "dritte", "letzte"),
    nothing=_words(r"weiß (?:ich|es) nicht|weiß nicht|keine ahnung|hab(?:e)? ich nicht|kein(?:e|en)?|nichts"),
    small=word_set("der die das dem den ein eine und oder in"),
)
_ES = FormWords(
    confirm="Tengo: {values}. ¿Es correcto?",
    confirm_guess="¿Es eso lo que quiere: {what}?",
    done="Muy bien, ya está. ¿Algo más?",
    failed="Lo siento, no ha funcionado, y no se ha cambiado nada.",
    unsure="Lo siento, no sé si se ha hecho. Alguien lo comprobará.",
    left="De acuerdo, lo dejamos. ¿En qué más puedo ayudarle?",
    change="¿Qué quiere cambiar?",
    give_up="Lo siento, no puedo anotar eso. Dejémoslo por ahora.",
    ask="¿Cuál es: {name}?",
    options="Hay {options}.",
    number="número {value}",
    handing_over="Un momento, le paso con {name}.",
    working="Un momento, por favor.",
    yes=_words(
        r"sí|si|claro|correcto|exacto|exactamente|eso es|vale|de acuerdo|perfecto|por supuesto|así es|bien|ok"
    ),
    no=_words(r"no|qué va|incorrecto|mal|no es (?:eso|así)"),
    refuses=_only(
        r"(?:ay |eh+ )?(?:no|qué va|incorrecto|mal)",
        r"(?:eso )?(?:no es (?:eso|así|correcto|cierto|verdad|lo que (?:he dicho|dije|quiero|quería))"
        r"|está (?:muy )?mal|es (?:falso|incorrecto))|(?:yo )?no (?:he dicho|dije) eso|me ha entendido mal",
    ),
    never_mind=_words(
        r"déjelo|olvídelo|da igual|ya no(?: quiero)?|no importa|he cambiado de (?:idea|opinión)"
    ),
    corrects=_words(r"no espere|espere|perdón|perdone|digo|mejor|quiero decir|no"),
    lead=re.compile(
        r"^(?:(?:eh+|em+|pues|bueno|sí|vale|y|mire|a ver)\b[\s,.]*)*"
        r"(?:(?:es|son|sería|soy|me llamo|se llama|a nombre de|quiero|quería|(?:mi|su|el|la) (?:\w+ ){0,2}?es"
        r"|para|por)\b[\s,:]*)?(?:(?:un|una|el|la)\b\s+)?",
        re.IGNORECASE,
    ),
    trail=re.compile(r"[\s,]*(?:por favor|gracias|creo|si puede ser)?[\s.,!?]*$", re.IGNORECASE),
    until=_words("hasta|al?"),
    about=_words("que|sobre|porque|por"),
    ordinals=("primer[oa]?", "segund[oa]", "tercer[oa]?", "últim[oa]"),
    nothing=_words(r"no (?:lo )?(?:sé|tengo)|ni idea|ningun[oa]|nada"),
    small=word_set("el la los las un una de y o en"),
)
_FR = FormWords(
    confirm="J'ai noté : {values}. C'est bien ça ?",
    confirm_guess="C'est ce que vous voulez : {what} ?",
    done="Très bien, c'est fait. Puis-je faire autre chose pour vous ?",
    failed="Je suis désolé, cela n'a pas fonctionné, et rien n'a été changé.",
    unsure="Je suis désolé, je ne sais pas si cela a été fait. Quelqu'un va vérifier.",
    left="D'accord, laissons cela. Que puis-je faire d'autre pour vous ?",
    change="Que dois-je changer ?",
    give_up="Je suis désolé, je n'arrive pas à le noter. Laissons cela pour l'instant.",
    ask="Quel est : {name} ?",
    options="Il y a {options}.",
    number="numéro {value}",
    handing_over="Un instant, je vous passe {name}.",
    working="Un instant, s'il vous plaît.",
    yes=_words(
        r"oui|ouais|exactement|c'est (?:ça|bon|exact|juste|parfait)|d'accord|parfait|tout à fait|bien "
        r"sûr|ok|voilà"
    ),
    no=_words(r"non|pas (?:tout à fait|vraiment)|c'est faux|ce n'est pas"),
    refuses=_only(
        r"(?:ah |oh |mais |euh+ )?(?:non|faux|pas (?:ça|du tout))",
        r"c'est (?:complètement |tout à fait )?(?:faux|pas (?:ça|vrai|bon|juste|exact|ce que j'ai dit))",
        r"ce n'est pas (?:ça|vrai|bon|juste|exact|ce que j'ai dit|ce que je veux)|je n'ai pas dit ça",
        r"vous m'avez mal compris",
    ),
    never_mind=_words(
        r"laissez(?: tomber)?|oubliez(?: ça)?|peu importe|tant pis|j'ai changé d'avis|je ne veux plus"
    ),
    corrects=_words(r"non attendez|attendez|pardon|je veux dire|plutôt|enfin|non"),
    lead=re.compile(
        r"^(?:(?:euh+|alors|bon|oui|eh bien|et|ben)\b[\s,.]*)*"
        r"(?:(?:c'est|ce sont|ce serait|je suis|je m'appelle|il s'appelle|elle s'appelle|au nom de|je "
        r"voudrais"
        r"|(?:mon|ma|mes|son|sa|le|la) (?:\w+ ){0,2}?est|disons|pour)\b[\s,:]*)?(?:(?:un|une|le|la)\b\s+)?",
        re.IGNORECASE,
    ),
    trail=re.compile(r"[\s,]*(?:s'il vous plaît|merci|je crois|si possible)?[\s.,!?]*$", re.IGNORECASE),
    until=_words("jusqu'(?:à|au)|au"),
    about=_words("que|pour|concernant|parce que|au sujet"),
    ordinals=("premi(?:er|ère)", "deuxième|second[e]?", "troisième", "derni(?:er|ère)"),
    nothing=_words(r"je ne sais pas|aucune idée|je n'en ai pas|aucun(?:e)?|rien"),
    small=word_set("le la les un une de et ou en"),
)
_ALL = {"en": _EN, "de": _DE, "es": _ES, "fr": _FR}


def form_words(language: str) -> FormWords:
    """Those of ``language``; English for one that is not known."""
    return _ALL.get(base_language(language), _EN)
