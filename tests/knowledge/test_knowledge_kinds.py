"""What owners write without its name gets the name by which callers ask for it."""

from __future__ import annotations

import pytest

from offhook.knowledge.kinds import kinds


@pytest.mark.parametrize(
    ("language", "text", "named"),
    [
        ("en", "310 Birch Lane, behind the mill", ["our address, where to find us"]),
        ("en", "desk@birch.example, 555-014-2233", ["e-mail address", "telephone number"]),
        ("en", "www.birch.example", ["website"]),
        ("en", "Drop off 9-10.30 or 4-5.30; blocked drain 1,850", []),
        ("de", "Di-Fr 10-18.30 Uhr, Sa bis 14", ["Öffnungszeiten, wann geöffnet"]),
        ("de-AT", "montags bis freitags von 8 bis 17 Uhr", ["Öffnungszeiten, wann geöffnet"]),
        ("de", "Bahnhofstraße 12, Tel. 0351 5550142", ["Adresse, wo finde ich Sie", "Telefonnummer"]),
        ("de", "Stellplatz 28 €, Hafenplatz 3 Min. zu Fuß", []),
        ("es", "De lunes a viernes de 9 a 14 h", ["horario, cuándo abren"]),
        ("es-MX", "Av. Insurgentes Sur 1420", ["dirección, dónde están"]),
        ("es", "Plaza de garaje 15 €/día, paseo a caballo 2 horas", []),
        (
            "fr",
            "12 bis rue des Lilas, mar-sam 9h-18h30",
            ["adresse, où êtes-vous", "horaires, quand ouvrez-vous"],
        ),
        ("nl", "info@bloem.example", ["e-mail address"]),
    ],
)
def test_named(language: str, text: str, named: list[str]) -> None:
    assert kinds(text, language) == named
