"""What is said about appointments, in writing; an agent's own phrases come before these."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from offhook.languages.codes import base_language
from offhook.moments.naming import join, name_day, name_moment, name_time, with_day

_EN = {
    "with_words": "with|by",
    "service": "What would you like to book?",
    "day": "On which day?",
    "time": "At what time?",
    "name": "In what name, please?",
    "phone": "Under which telephone number can we reach you?",
    "with": "With whom?",
    "appointment": "Which appointment do you mean?",
    "confirm": "{service} on {day} at {time}, for {name}. Is that right?",
    "confirm_move": "I move your appointment to {day} at {time}. Is that right?",
    "confirm_cancel": "I cancel {appointment}. Is that right?",
    "booked": "{service} is booked for {when}.",
    "booked_with": "{service} is booked for {when} with {resource}.",
    "moved": "Your appointment is now {when}.",
    "cancelled": "Your appointment for {when} is cancelled.",
    "taken": "{time} is not free on {day}. There is {offers}. Which one suits you?",
    "full": "On {day} nothing is free. There is {offers}. Does one of these suit you?",
    "nothing": "I'm sorry, nothing is free then. Which other day would suit you?",
    "free": "There is {offers}.",
    "none_of_yours": "I find no appointment under your number.",
    "one_of_yours": "{service}, {when}",
    "past": "That has gone by already. On which day shall it be?",
}
_DE = {
    "with_words": "bei|mit|zu",
    "service": "Was möchten Sie buchen?",
    "day": "An welchem Tag?",
    "time": "Um wie viel Uhr?",
    "name": "Auf welchen Namen, bitte?",
    "phone": "Unter welcher Telefonnummer erreichen wir Sie?",
    "with": "Bei wem?",
    "appointment": "Welchen Termin meinen Sie?",
    "confirm": "{service} am {day} um {time}, für {name}. Ist das richtig?",
    "confirm_move": "Ich verlege Ihren Termin auf {day} um {time}. Ist das richtig?",
    "confirm_cancel": "Ich sage {appointment} ab. Ist das richtig?",
    "booked": "{service} ist gebucht für {when}.",
    "booked_with": "{service} ist gebucht für {when}, bei {resource}.",
    "moved": "Ihr Termin ist jetzt {when}.",
    "cancelled": "Ihr Termin {when} ist abgesagt.",
    "taken": "{time} Uhr ist am {day} nicht frei. Frei ist {offers}. Was passt Ihnen?",
    "full": "Am {day} ist nichts frei. Frei ist {offers}. Passt Ihnen etwas davon?",
    "nothing": "Da ist leider nichts frei. Welcher andere Tag würde Ihnen passen?",
    "free": "Frei ist {offers}.",
    "none_of_yours": "Unter Ihrer Nummer finde ich keinen Termin.",
    "one_of_yours": "{service}, {when}",
    "past": "Das ist schon vorbei. An welchem Tag soll es sein?",
}
_ES = {
    "with_words": "con",
    "service": "¿Qué desea reservar?",
    "day": "¿Qué día?",
    "time": "¿A qué hora?",
    "name": "¿A qué nombre, por favor?",
    "phone": "¿En qué número de teléfono le localizamos?",
    "with": "¿Con quién?",
    "appointment": "¿Qué cita quiere decir?",
    "confirm": "{service} el {day} a las {time}, a nombre de {name}. ¿Es correcto?",
    "confirm_move": "Cambio su cita al {day} a las {time}. ¿Es correcto?",
    "confirm_cancel": "Anulo {appointment}. ¿Es correcto?",
    "booked": "{service}: reservado para {when}.",
    "booked_with": "{service}: reservado para {when} con {resource}.",
    "moved": "Su cita es ahora {when}.",
    "cancelled": "Su cita de {when} queda anulada.",
    "taken": "A las {time} no hay hueco {day}. Hay {offers}. ¿Cuál le viene bien?",
    "full": "{day} no hay nada libre. Hay {offers}. ¿Le viene bien alguno?",
    "nothing": "Lo siento, no hay nada libre. ¿Qué otro día le vendría bien?",
    "free": "Hay {offers}.",
    "none_of_yours": "No encuentro ninguna cita con su número.",
    "one_of_yours": "{service}, {when}",
    "past": "Eso ya ha pasado. ¿Qué día le vendría bien?",
}
_FR = {
    "with_words": "avec|chez",
    "service": "Que souhaitez-vous réserver ?",
    "day": "Quel jour ?",
    "time": "À quelle heure ?",
    "name": "À quel nom, s'il vous plaît ?",
    "phone": "À quel numéro de téléphone peut-on vous joindre ?",
    "with": "Avec qui ?",
    "appointment": "De quel rendez-vous s'agit-il ?",
    "confirm": "{service}, {day} à {time}, au nom de {name}. C'est bien ça ?",
    "confirm_move": "Je déplace votre rendez-vous à {day}, {time}. C'est bien ça ?",
    "confirm_cancel": "J'annule {appointment}. C'est bien ça ?",
    "booked": "{service} : c'est réservé pour {when}.",
    "booked_with": "{service} : c'est réservé pour {when} avec {resource}.",
    "moved": "Votre rendez-vous est maintenant {when}.",
    "cancelled": "Votre rendez-vous, {when}, est annulé.",
    "taken": "À {time}, {day}, ce n'est pas libre. Il y a {offers}. Qu'est-ce qui vous convient ?",
    "full": "{day}, rien n'est libre. Il y a {offers}. Est-ce que cela vous convient ?",
    "nothing": "Je suis désolé, rien n'est libre à ce moment-là. Quel autre jour vous conviendrait ?",
    "free": "Il y a {offers}.",
    "none_of_yours": "Je ne trouve aucun rendez-vous à votre numéro.",
    "one_of_yours": "{service}, {when}",
    "past": "C'est déjà passé. Quel jour vous conviendrait ?",
}
_ALL = {"en": _EN, "de": _DE, "es": _ES, "fr": _FR}


_WHEN_SERVICE = {
    "en": ("I'd like to book {service}", "I need {service}"),
    "de": ("Ich hätte gern einen Termin: {service}", "Ich brauche {service}"),
    "es": ("Quisiera cita para {service}", "Necesito {service}"),
    "fr": ("Je voudrais un rendez-vous pour {service}", "J'ai besoin de {service}"),
}
"""How they do where they name what they want."""
_SERVICES_ASKED_FOR = 12
"""So many services make sentences; each is compared with what callers say."""


def when_service(services: Sequence[str], language: str) -> tuple[str, ...]:
    """How callers ask for each of the services."""
    return tuple(
        sentence.format(service=service)
        for service in services[:_SERVICES_ASKED_FOR]
        for sentence in _WHEN_SERVICE.get(base_language(language), ())
    )


def text(key: str, language: str) -> str:
    """A phrase with its places open; English where offhook has none of the language."""
    return _ALL.get(base_language(language), _EN)[key]


def say(key: str, language: str, **values: str) -> str:
    """A phrase with its places filled, beginning with a capital."""
    said = with_day(text(key, language).format(**values), language)
    return said[:1].upper() + said[1:]


def name_offers(starts: Sequence[datetime], now: datetime, language: str) -> str:
    """ "tomorrow at 3 PM, 4 PM or Friday, December 4 at 9 AM": a day only where it changes."""
    named, before = [], None
    for start in starts:
        day = start.date()
        named.append(name_time(start, language) if day == before else name_moment(start, now, language))
        before = day
    return join(named, language)


def name_only_times(starts: Sequence[datetime], language: str) -> str:
    return join([name_time(start, language) for start in starts], language)


def day(value: date, now: datetime, language: str) -> str:
    return name_day(value, now.date(), language)
