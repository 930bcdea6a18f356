"""Written German, Spanish and French in spoken words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from offhook.speech import spoken
from tests.speech.test_speech_normaliser import texts

CASES = {
    "de": [
        ("Der Filter kostet 49,95 €.", "Der Filter kostet neunundvierzig Euro fünfundneunzig."),
        ("1 € oder 0,50 €, 1.250 EUR", "ein Euro oder fünfzig Cent, eintausendzweihundertfünfzig Euro"),
        ("10-15 € am Tag, 5 €/kg", "zehn bis fünfzehn Euro am Tag, fünf Euro pro Kilogramm"),
        ("Mo.\u2013Fr. 9-17 Uhr", "Montag bis Freitag neun bis siebzehn Uhr"),
        ("um 9.30 Uhr, um 1 Uhr, 14:05", "um neun Uhr dreißig, um ein Uhr, vierzehn Uhr fünf"),
        ("am 3.4.2027", "am dritten April zweitausendsiebenundzwanzig"),
        ("am 24. Dezember geschlossen", "am vierundzwanzigsten Dezember geschlossen"),
        ("seit 1994, im 3. Stock", "seit neunzehnhundertvierundneunzig, im dritten Stock"),
        (
            "Rufen Sie 0171 2345678 an.",
            "Rufen Sie null eins sieben eins, zwei drei vier, fünf sechs sieben acht an.",
        ),
        ("+49 30 1234567", "plus vier neun, drei null, eins zwei drei, vier fünf sechs sieben"),
        ("info@beispiel-shop.de.", "info at beispiel Bindestrich shop Punkt de."),
        ("z. B. Dr. Meier, Hauptstr. 12", "zum Beispiel Doktor Meier, Hauptstraße zwölf"),
        ("20 % Rabatt, -5 °C, 2,5 kg", "zwanzig Prozent Rabatt, minus fünf Grad, zwei Komma fünf Kilogramm"),
        ("Wir sind 3. Danach ihr.", "Wir sind drei. Danach ihr."),
        ("3,- € oder CHF 12.-, -,50 €", "drei Euro oder zwölf Franken, fünfzig Cent"),
        ("Fr. 3.50, Fr. 8.30-12 Uhr", "drei Franken fünfzig, Freitag acht Uhr dreißig bis zwölf Uhr"),
        ("5 € - 8 € oder 12 Euro 50", "fünf bis acht Euro oder zwölf Euro fünfzig"),
        (
            "9.00-17.00 Uhr, 14.30, um 18 h",
            "neun Uhr bis siebzehn Uhr, vierzehn Uhr dreißig, um achtzehn Uhr",
        ),
        ("Sa u. So 10-12 u. 14-18 Uhr", "Samstag und Sonntag zehn bis zwölf und vierzehn bis achtzehn Uhr"),
        (
            "24.-26. Dezember, 3. Okt.",
            "vierundzwanzigster bis sechsundzwanzigsten Dezember, dritter Oktober.",
        ),
        ("2. OG, 3. Klasse, Haus 12a", "zweites Obergeschoss, dritte Klasse, Haus zwölf a"),
        ("20 m² zu 5 €/m², +10 %", "zwanzig Quadratmeter zu fünf Euro pro Quadratmeter, plus zehn Prozent"),
        ("3x pro Std., 10er-Karte", "dreimal pro Stunde, zehner-Karte"),
        ("1 1/2 Stunden, <12 J., mind. 2", "eineinhalb Stunden, unter zwölf Jahre, mindestens zwei"),
        (
            "Linie 43/44 in 80331 München",
            "Linie dreiundvierzig, vierundvierzig in acht null drei drei eins München",
        ),
    ],
    "es": [
        ("Cuesta 49,95 €.", "Cuesta cuarenta y nueve euros con noventa y cinco."),
        ("1 € o 0,50 €, 21 euros", "un euro o cincuenta céntimos, veintiún euros"),
        ("10-15 € al día", "diez a quince euros al día"),
        ("L-V 9:00-14:00", "lunes a viernes nueve a catorce"),
        ("a las 9:30 o a la 1:00", "a las nueve y media o a la una"),
        ("el 03/04/2027", "el tres de abril de dos mil veintisiete"),
        ("el 1 de mayo", "el uno de mayo"),
        ("Llame al 612 345 678.", "Llame al seis uno dos, tres cuatro cinco, seis siete ocho."),
        ("info@ejemplo.es", "info arroba ejemplo punto es"),
        ("el Sr. Gómez, p. ej. 3 km", "el señor Gómez, por ejemplo tres kilómetros"),
        ("20 %, 21 personas", "veinte por ciento, veintiuna personas"),
        (
            "las 14.30 h, a la 1, 9 am - 6 pm",
            "las catorce treinta, a la una, nueve de la mañana a seis de la tarde.",
        ),
        ("L a V, X y J; tallas S, M y L", "lunes a viernes, miércoles y jueves; tallas S, M y L"),
        ("sáb. y dom. cerrado", "sábado y domingo cerrado"),
        (
            "C/ Mayor 12, 3º izda. o Pza. Sol s/n",
            "calle Mayor doce, tercero izquierda o plaza Sol sin número",
        ),
        ("US$ 20, $1,250.00, S/ 25", "veinte dólares, mil doscientos cincuenta dólares, veinticinco soles"),
        ("100 €/noche, 5 €/ud., 2 € c/u", "cien euros por noche, cinco euros por unidad, dos euros cada uno"),
        ("el 1/5 y el 24-12", "el uno de mayo y el veinticuatro de diciembre"),
        ("24 y 25 de dic., 2a planta", "veinticuatro y veinticinco de diciembre, segunda planta"),
        ("2x1, 3x, 20 m², 37 ºC", "dos por uno, tres veces, veinte metros cuadrados, treinta y siete grados"),
        (
            "28013 Madrid, tel. 55 1234 5678",
            "dos ocho cero uno tres Madrid, teléfono cinco cinco, uno dos tres cuatro, cinco seis siete ocho",
        ),
    ],
    "fr": [
        ("Il coûte 49,95 €.", "Il coûte quarante-neuf euros quatre-vingt-quinze."),
        ("1 € ou 0,50 €, 1 250 €", "un euro ou cinquante centimes, mille deux cent cinquante euros"),
        ("10-15 € par jour", "dix à quinze euros par jour"),
        ("Lun-Ven 9h-18h", "lundi à vendredi neuf heures à dix-huit heures"),
        ("à 14 h 30 ou 12h", "à quatorze heures trente ou midi"),
        ("le 03/04/2027", "le trois avril deux mille vingt-sept"),
        ("le 1er mai, le 2e étage", "le premier mai, le deuxième étage"),
        ("le 06 12 34 56 78.", "le zéro six, un deux, trois quatre, cinq six, sept huit."),
        ("contact@exemple.fr", "contact arobase exemple point fr"),
        ("M. Dubois, env. 3 km", "monsieur Dubois, environ trois kilomètres"),
        ("20 %, 21 heures", "vingt pour cent, vingt et une heures"),
        ("lun. au ven., sam. et dim.", "lundi au vendredi, samedi et dimanche."),
        ("du 1/5 au 24 déc.", "du premier mai au vingt-quatre décembre."),
        ("20 m², 100 €/nuit, <12 ans", "vingt mètres carrés, cent euros par nuit, moins de douze ans"),
    ],
}


@pytest.mark.parametrize(
    ("code", "written", "said"), [(code, *case) for code, cases in CASES.items() for case in cases]
)
def test_written_text_is_said(code: str, written: str, said: str) -> None:
    assert spoken(written, code) == said
    assert spoken(said, code) == said, "words stay as they are"
    assert spoken(written, f"{code}-XX") == said


@pytest.mark.parametrize(
    ("code", "written", "said"),
    [
        ("es-MX", "$1,250 o $45.50", "mil doscientos cincuenta pesos o cuarenta y cinco pesos con cincuenta"),
        ("es-AR", "$1.250", "mil doscientos cincuenta pesos"),
        ("es-PE", "1,250 metros", "mil doscientos cincuenta metros"),
    ],
)
def test_a_region_has_its_own_money_and_points(code: str, written: str, said: str) -> None:
    assert spoken(written, code) == said


@settings(deadline=None)
@given(texts)
def test_no_digit_is_left_in_any_language(text: str) -> None:
    for code in CASES:
        assert not any(char.isdigit() for char in spoken(text, code))
