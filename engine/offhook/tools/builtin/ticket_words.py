"""What is asked and said about tickets, messages and calls back."""

from __future__ import annotations

from offhook.languages.codes import base_language

_EN = {
    "problem": "What is the problem?",
    "message": "What shall I pass on?",
    "about": "What is it about?",
    "to": "Whom is it for?",
    "name": "What is your name, please?",
    "phone": "Under which telephone number can we reach you?",
    "email": "What is your e-mail address?",
    "ticket_confirm": "I open a ticket: {problem}. For {name}, {phone}. Is that right?",
    "message_confirm": "I pass on: {message}. From {name}, {phone}. Is that right?",
    "callback_confirm": "Somebody will call {name} back at {phone}, about {about}. Is that right?",
    "ticket_done": "Your ticket has the number {number}.",
    "ticket_made": "Your ticket is open.",
    "message_done": "I have passed that on.",
    "callback_done": "Somebody will call you back.",
    "article": "What would you like to order?",
    "quantity": "How many?",
    "order_line": "{article}, quantity {quantity}",
    "order_total": "{total} in all",
    "order_confirm": "I have: {values}. Is that right?",
    "order_done": "Thank you, your order has the number {number}. Is there anything else?",
}
_DE = {
    "problem": "Worum geht es?",
    "message": "Was soll ich ausrichten?",
    "about": "Worum geht es?",
    "to": "Für wen ist das?",
    "name": "Wie ist Ihr Name, bitte?",
    "phone": "Unter welcher Telefonnummer erreichen wir Sie?",
    "email": "Wie ist Ihre E-Mail-Adresse?",
    "ticket_confirm": "Ich nehme auf: {problem}. Für {name}, {phone}. Ist das richtig?",
    "message_confirm": "Ich richte aus: {message}. Von {name}, {phone}. Ist das richtig?",
    "callback_confirm": "Wir rufen {name} unter {phone} zurück, es geht um {about}. Ist das richtig?",
    "ticket_done": "Ihr Anliegen hat die Nummer {number}.",
    "ticket_made": "Ihr Anliegen ist aufgenommen.",
    "message_done": "Das richte ich aus.",
    "callback_done": "Wir rufen Sie zurück.",
    "article": "Was möchten Sie bestellen?",
    "quantity": "Wie viele?",
    "order_line": "{article}, Anzahl {quantity}",
    "order_total": "zusammen {total}",
    "order_confirm": "Ich habe notiert: {values}. Ist das richtig?",
    "order_done": "Danke, Ihre Bestellung hat die Nummer {number}. Kann ich noch etwas für Sie tun?",
}
_ES = {
    "problem": "¿Cuál es el problema?",
    "message": "¿Qué recado quiere dejar?",
    "about": "¿De qué se trata?",
    "to": "¿Para quién es?",
    "name": "¿Cómo se llama, por favor?",
    "phone": "¿En qué número de teléfono le localizamos?",
    "email": "¿Cuál es su correo electrónico?",
    "ticket_confirm": "Anoto: {problem}. De {name}, {phone}. ¿Es correcto?",
    "message_confirm": "Le digo: {message}. De {name}, {phone}. ¿Es correcto?",
    "callback_confirm": "Llamaremos a {name} al {phone}, sobre {about}. ¿Es correcto?",
    "ticket_done": "Su solicitud tiene el número {number}.",
    "ticket_made": "Su solicitud está abierta.",
    "message_done": "Se lo digo.",
    "callback_done": "Le devolveremos la llamada.",
    "article": "¿Qué desea pedir?",
    "quantity": "¿Cuántos?",
    "order_line": "{article}, cantidad {quantity}",
    "order_total": "{total} en total",
    "order_confirm": "Tengo: {values}. ¿Es correcto?",
    "order_done": "Gracias, su pedido tiene el número {number}. ¿Algo más?",
}
_FR = {
    "problem": "Quel est le problème ?",
    "message": "Quel message dois-je transmettre ?",
    "about": "De quoi s'agit-il ?",
    "to": "C'est pour qui ?",
    "name": "Quel est votre nom, s'il vous plaît ?",
    "phone": "À quel numéro de téléphone peut-on vous joindre ?",
    "email": "Quelle est votre adresse électronique ?",
    "ticket_confirm": "Je note : {problem}. Pour {name}, {phone}. C'est bien ça ?",
    "message_confirm": "Je transmets : {message}. De la part de {name}, {phone}. C'est bien ça ?",
    "callback_confirm": "On rappellera {name} au {phone}, au sujet de {about}. C'est bien ça ?",
    "ticket_done": "Votre demande porte le numéro {number}.",
    "ticket_made": "Votre demande est enregistrée.",
    "message_done": "C'est transmis.",
    "callback_done": "On vous rappellera.",
    "article": "Que souhaitez-vous commander ?",
    "quantity": "Combien ?",
    "order_line": "{article}, quantité {quantity}",
    "order_total": "{total} en tout",
    "order_confirm": "J'ai noté : {values}. C'est bien ça ?",
    "order_done": "Merci, votre commande porte le numéro {number}. Autre chose ?",
}
_ALL = {"en": _EN, "de": _DE, "es": _ES, "fr": _FR}


def text(key: str, language: str) -> str:
    """A phrase with its places open; English where offhook has none of the language."""
    return _ALL.get(base_language(language), _EN)[key]


def say(key: str, language: str, **values: str) -> str:
    """A phrase with its places filled."""
    return text(key, language).format(**values)
