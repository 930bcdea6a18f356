"""Nothing that leads to a person is left in a text, and what says something else stays.

The numbers are strangers': the examples of each country's numbering plan in phonenumbers' data, those of the
IBAN registry, and the test cards of payment networks.
"""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from offhook.privacy import redact
from offhook.privacy.identifiers import is_card

COUNTRIES = {
    "en": ("US", "GB", "IE", "AU", "CA"),
    "de": ("DE", "AT", "CH"),
    "es": ("ES", "MX", "AR"),
    "fr": ("FR", "BE", "CA"),
}
AROUND = {
    "en": ("Sure, it is {} and I am at home until six.", "Ring {}"),
    "de": ("Ja, das ist {} und ich bin bis sechs zu Hause.", "Also {}"),
    "es": ("Claro, es el {} y estoy en casa hasta las seis.", "Pues {}"),
    "fr": ("Oui, c'est le {} et je suis chez moi jusqu'à six heures.", "Alors {}"),
}
IBANS = (
    "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432",
    "FR14 2004 1010 0505 0001 3M02 606",
    "ES91 2100 0418 4502 0005 1332",
    "NO93 8601 1117 947",
)
CARDS = ("4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005", "6011000990139424")
NUMBERS = [
    (language, country, kind)
    for language, countries in COUNTRIES.items()
    for country in countries
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
]


def example(country: str, kind: int) -> phonenumbers.PhoneNumber:
    found = phonenumbers.example_number_for_type(country, kind) or phonenumbers.example_number(country)
    assert found is not None
    return found


@pytest.mark.parametrize(("language", "country", "kind"), NUMBERS)
def test_telephone_numbers_are_found_however_they_are_written(language: str, country: str, kind: int) -> None:
    number = example(country, kind)
    for form in (
        phonenumbers.PhoneNumberFormat.E164,
        phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        phonenumbers.PhoneNumberFormat.NATIONAL,
    ):
        written = phonenumbers.format_number(number, form)
        for sentence in AROUND[language]:
            redacted = redact(sentence.format(written), f"{language}-{country}")
            assert not re.search(r"\d", redacted), (written, redacted)
            assert redacted.startswith(sentence.split("{}")[0].rstrip(" ("))
            assert redacted.endswith(sentence.split("{}")[1])


@pytest.mark.parametrize(("language", "country", "kind"), NUMBERS)
def test_telephone_numbers_are_found_as_they_are_said(language: str, country: str, kind: int) -> None:
    national = phonenumbers.format_number(example(country, kind), phonenumbers.PhoneNumberFormat.NATIONAL)
    digits = re.sub(r"\D", "", national)
    single = [num2words(int(digit), lang=language) for digit in digits]
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    as_pairs = [
        f"{num2words(0, lang=language)} {num2words(int(pair), lang=language)}"
        if pair[0] == "0" and pair != "0"
        else num2words(int(pair), lang=language)
        for pair in pairs
    ]
    for said in (
        " ".join(single),
        ", ".join(single),
        " ".join(as_pairs),
        f"{digits[:4]} {' '.join(single[4:])}",
    ):
        for sentence in AROUND[language]:
            before, after = sentence.split("{}")
            found = redact(sentence.format(said), language)
            assert found in {f"{before}[{kind}]{after}" for kind in ("number", "phone", "card")}, said


@pytest.mark.parametrize("account", IBANS)
@pytest.mark.parametrize("sentence", ["The account is {} and thanks", "{}", "iban: {}."])
def test_accounts(account: str, sentence: str) -> None:
    assert redact(sentence.format(account)) == sentence.format("[iban]")


@pytest.mark.parametrize("card", CARDS)
def test_cards(card: str) -> None:
    assert redact(f"It's {card}, valid until May.") == "It's [card], valid until May."
    said = " ".join(num2words(int(digit)) for digit in re.sub(r"\D", "", card))
    assert redact(f"It's {said}, valid until May.") == "It's [card], valid until May."
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert not is_card(re.sub(r"\D", "", wrong))
    assert not re.search(
        r"\d{2}", redact(f"It's {wrong}")
    )  # misheard by one digit, it is a number all the same


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Write to j.o'neil+box@mail.example.co.uk, please.", "Write to [e-mail], please."),
        ("en", "it's anna dot berger at example dot com", "it's [e-mail]"),
        ("en", "reach me at anna dot berger at post dot example dot co dot uk please", "[e-mail] please"),
        ("en", "My e-mail address is anna maria berger at g mail dot com.", "My e-mail address is [e-mail]."),
        ("en", "b e r g e r underscore seven at post dot example dot org okay", "[e-mail] okay"),
        (
            "de",
            "Sie ist anna punkt berger ät beispiel punkt de bitte",
            "Sie ist [e-mail] bitte",
        ),
        ("es", "mi correo es ana guion bajo ruiz arroba correo punto es", "mi correo es [e-mail]"),
        ("fr", "c'est anne point dupont arobase exemple point fr", "c'est [e-mail]"),
    ],
)
def test_email_addresses_written_and_said(language: str, text: str, expected: str) -> None:
    assert redact(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "My PIN is 4711.", "My PIN is [number]."),
        ("en", "it's four seven double one", "it's [number]"),
        ("en", "it's one to five five five zero one for seven", "it's [number]"),
        ("de", "Die Kundennummer lautet 48 15 16", "Die Kundennummer lautet [number]"),
        ("en", "twenty two, thirty four, fifty six", "[number]"),
        ("it", "è tre tre tre uno due tre quattro", "è [number]"),
        ("zh", "我的电话是13812345678。", "我的电话是[number]。"),
    ],
)
def test_codes_that_are_dictated(language: str, text: str, expected: str) -> None:
    assert redact(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "You open at 9:30 on 28.11.2026 or on 2026-11-28, and it costs $1,250.50?"),
        ("en", "It seats two thousand three hundred and forty five people, 1250 on the grass."),
        ("en", "In nineteen eighty four we were twenty one, at seven thirty."),
        ("en", "I'm at home, at work I dot the i, from nine to five, 365 days a year since 1998."),
        ("en", "You open nine to five and eight to four on Fridays, for two."),
        ("de", "Am 3. Mai um halb acht, für zwei Personen, das macht 45,50 Euro."),
        ("es", "El tres de mayo a las ocho y media, para dos personas, cuarenta y cinco euros."),
        ("fr", "Le trois mai à vingt heures trente, pour deux personnes, quarante-cinq euros."),
        ("en", ""),
    ],
)
def test_what_leads_to_nobody_stays(language: str, text: str) -> None:
    assert redact(text, language) == text


@given(
    st.text("abcdefgh \u00e9.,'!?-", max_size=60),
    st.text("0123456789", min_size=9, max_size=15),
    st.text(max_size=60),
    st.sampled_from(["en", "de-AT", "es", "fr", "it", "zh", "xx"]),
)
def test_no_text_around_it_hides_a_number(before: str, number: str, after: str, language: str) -> None:
    assert number not in redact(f"{before} {number} {after}", language)
