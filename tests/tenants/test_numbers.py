"""One number, however a trunk delivers it, and nobody's when it is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ConfigError
from offhook.tenants.numbers import Home, canonical, forms, readings

NOWHERE, UK, GERMANY, US, SPAIN, ITALY, HUNGARY = map(Home.of, ("", "44", "49", "1", "34", "39", "36"))


@pytest.mark.parametrize(
    ("home", "dialled", "kept"),
    [
        (NOWHERE, "+441134960000", "+441134960000"),
        (NOWHERE, "441134960000", "+441134960000"),
        (NOWHERE, "00441134960000", "+441134960000"),
        (NOWHERE, "+44 (0)113 496-0000", "+441134960000"),
        (NOWHERE, "+44/113.496.0000", "+441134960000"),
        (NOWHERE, "700", "700"),
        (UK, "01134960000", "+441134960000"),
        (UK, "0113 496 0000", "+441134960000"),
        (GERMANY, "030 555123", "+4930555123"),
        (US, "2125550123", "+12125550123"),
        (US, "12125550123", "+12125550123"),
        (US, "011441134960000", "+441134960000"),
        (SPAIN, "912345678", "+34912345678"),
        (ITALY, "0612345678", "+390612345678"),
        (HUNGARY, "0612345678", "+3612345678"),
    ],
)
def test_a_dialled_number_means_the_one_that_is_kept(home: Home, dialled: str, kept: str) -> None:
    assert kept in readings(dialled, home)


@pytest.mark.parametrize(
    "dialled",
    [
        "",
        " ",
        "+",
        "alice",
        "alice700",
        "700;ext=1",
        "7*0",
        "44+113",
        "++44113",
        "\u0664\u0664",
        "1" * 33,
        "7\n",
    ],
)
def test_what_is_no_number_means_nobody(dialled: str) -> None:
    assert [one for one in readings(dialled, UK) if dialled.strip() != "7"] == []


def test_national_numbers_are_not_guessed_without_a_country() -> None:
    assert "+441134960000" not in readings("01134960000", NOWHERE)
    assert readings("+441134960000", UK) == ("+441134960000",)


@pytest.mark.parametrize(
    ("home", "written", "kept"),
    [
        (NOWHERE, "+44 113 496 0000", "+441134960000"),
        (NOWHERE, "0044 113 496 0000", "+441134960000"),
        (UK, "0113 496 0000", "+441134960000"),
        (US, "(212) 555-0123", "+12125550123"),
        (US, "1-212-555-0123", "+12125550123"),
        (HUNGARY, "06 1 234 5678", "+3612345678"),
        (NOWHERE, "700", "700"),
    ],
)
def test_what_a_person_writes_is_kept_in_one_form(home: Home, written: str, kept: str) -> None:
    assert canonical(written, home) == kept


@pytest.mark.parametrize(
    ("home", "written", "says"),
    [
        (NOWHERE, "0113 496 0000", "offhook numbers country"),
        (NOWHERE, "441134960000", r"with \+ and the country code"),
        (SPAIN, "912345678", r"\+34912345678\?"),
        (UK, "+44", "no telephone number"),
        (UK, "+0441134960000", "no telephone number"),
        (UK, "+4411349600001234567", "no telephone number"),
        (UK, "Leeds", "only digits"),
        (UK, "", "only digits"),
        (UK, "7", "may be of any country"),
    ],
)
def test_a_number_that_is_not_clear_is_refused_with_a_remedy(home: Home, written: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        canonical(written, home)


@pytest.mark.parametrize("code", ["0", "1234", "uk", "4 4"])
def test_a_country_that_cannot_be_is_refused(code: str) -> None:
    with pytest.raises(ConfigError, match="country code"):
        Home.of(code)


@given(
    st.sampled_from([NOWHERE, UK, GERMANY, US, SPAIN, ITALY, HUNGARY]),
    st.from_regex(r"\+(44|49|1|34|39|36|351)[1-9][0-9]{5,10}", fullmatch=True),
)
def test_every_form_of_a_number_reads_as_it(home: Home, did: str) -> None:
    assert all(did in readings(form, home) for form in forms(did, home))
    assert canonical(did, home) == did
