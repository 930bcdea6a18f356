"""Written text in spoken words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.engines.tts.voice import Voice
from offhook.speech import numbers, speakable, spoken
from tests.support.engines.engines import ScriptedVoice

CASES = [
    # Prices and amounts of money.
    ("The filter is $49.95.", "The filter is forty-nine dollars and ninety-five cents."),
    ("A loaf is £5 or €12.50.", "A loaf is five pounds or twelve euros and fifty cents."),
    ("1,250.50 EUR", "one thousand two hundred fifty euros and fifty cents"),
    (
        "12,50 € or 1.234,50 €",
        "twelve euros and fifty cents or one thousand two hundred thirty-four euros and fifty cents",
    ),
    ("$1, 50p, 1p and 99¢", "one dollar, fifty pence, one penny and ninety-nine cents"),
    ("$0.75 a cup", "seventy-five cents a cup"),
    ("It sold for $2.5 million.", "It sold for two point five million dollars."),
    ("$3.5M, $50K", "three point five million dollars, fifty thousand dollars"),
    ("It is 3.25 dollars.", "It is three dollars and twenty-five cents."),
    ("-$5", "minus five dollars"),
    ("Mulch is $10-15 a bag.", "Mulch is ten to fifteen dollars a bag."),
    (
        "$20\u2013$25/hr plus £3.50pp",
        "twenty to twenty-five dollars per hour plus three pounds and fifty pence per person",
    ),
    ("Kennels are $15/day.", "Kennels are fifteen dollars per day."),
    ("Tomatoes: $5/lb. in season", "Tomatoes: five dollars per pound in season"),
    ("a $50 deposit", "a fifty dollar deposit"),
    ("USD 40", "forty dollars"),
    ("R 45.00 or R1,250 a night", "forty-five rand or one thousand two hundred fifty rand a night"),
    ("A$12, NZ$8, HK$40", "twelve Australian dollars, eight New Zealand dollars, forty Hong Kong dollars"),
    ("Rs. 500, ₹1,50,000", "five hundred rupees, one hundred fifty thousand rupees"),
    ("KES 1,200, 2/$5", "one thousand two hundred shillings, two for five dollars"),
    ("£25 p.p., £650 pcm", "twenty-five pounds per person, six hundred fifty pounds per calendar month"),
    # Numbers.
    ("12,000 tiles", "twelve thousand tiles"),
    ("2 000 000 tiles, 15\u202f000\u202f000 bricks", "two million tiles, fifteen million bricks"),
    ("The hall holds 1,204.", "The hall holds one thousand two hundred four."),
    ("1.5 hours, .5 or -3", "one point five hours, point five or minus three"),
    ("1,2,3", "one, two, three"),
    ("10-12 people", "ten to twelve people"),
    ("a 9-to-5 job, a 5-star hotel, 3-5 days", "a nine to five job, a five-star hotel, three to five days"),
    ("65+ pay less", "sixty-five plus pay less"),
    ("3 + 4 = 7", "three plus four equals seven"),
    ("1/2, 3/4 and 3 1/2", "one half, three quarters and three and a half"),
    ("½ cup, 3½ cups", "one half cup, three and a half cups"),
    ("rated 9/10, or 4/5 stars", "rated nine out of ten, or four out of five stars"),
    ("120/80", "one twenty over eighty"),
    ("No. 12, #12", "Number twelve, number twelve"),
    ("1st, 22nd and 103rd", "first, twenty-second and one hundred third"),
    ("pp. 12-14", "pages twelve to fourteen"),
    ("We help 24/7.", "We help twenty-four seven."),
    ("version 2.5.1", "version two dot five dot one"),
    (
        "10000 bricks for 15420 members",
        "ten thousand bricks for fifteen thousand four hundred twenty members",
    ),
    ("٣ or \uff15", "three or five"),
    ("kids <12, guests >18, ≥ 2 nights", "kids under twelve, guests over eighteen, at least two nights"),
    ("under 16s, 2-for-1", "under sixteens, two for one"),
    ("buses 43/44", "buses forty-three and forty-four"),
    ("the 2025/26 season", "the twenty twenty-five to twenty-six season"),
    ("give +/- 5 min", "give plus or minus five minutes"),
    # Times.
    ("The tour leaves at 7:30pm.", "The tour leaves at seven thirty PM."),
    ("8:00, 9am, 12:05", "eight o'clock, nine AM, twelve oh five"),
    ("We load at 17:00.", "We load at five PM."),
    ("Check-in is 15:00, check-out 11:00.", "Check-in is three PM, check-out eleven AM."),
    ("9:00-17:00", "nine AM to five PM"),
    ("9-5 or 6:30am-5pm", "nine to five or six thirty AM to five PM"),
    ("between 08:00 and 12:00", "between eight AM and noon"),
    ("We close at 5 p.m.", "We close at five PM."),
    ("From 9:30 a.m. on, until noon.", "From nine thirty AM on, until noon."),
    ("7.30pm", "seven thirty PM"),
    ("9.00-17.30", "nine AM to five thirty PM"),
    ("Sat 9.30 - 5.15", "Saturday, nine thirty to five fifteen"),
    ("3.50-4.20 m", "three point five zero to four point two zero meters"),
    ("6am-midnight, noon - 3", "six AM to midnight, noon to three"),
    # Weekdays and months.
    ("M-Sat 8-6, Th-Su noon-3pm", "Monday to Saturday, eight to six, Thursday to Sunday, noon to three PM"),
    ("closed M & Tu; Th, F/Sa", "closed Monday and Tuesday; Thursday, Friday, Saturday"),
    ("M & S, F, W", "M and S, F, W"),
    ("Weds 9-5, MWF 6pm", "Wednesday, nine to five, Monday, Wednesday, Friday, six PM"),
    ("Mon-Fri 7:30-5", "Monday to Friday, seven thirty to five"),
    (
        "Mon\u2013Thu: 9am\u20135pm, Sat 10-2, Sun closed",
        "Monday to Thursday, nine AM to five PM, Saturday, ten to two, Sunday closed",
    ),
    ("Yoga is Tues. and Thurs. at six.", "Yoga is Tuesday and Thursday at six."),
    ("Mon/Wed/Fri", "Monday, Wednesday, Friday"),
    ("Open Sat & Sun, first Sat. of the month.", "Open Saturday and Sunday, first Saturday of the month."),
    ("He sat in the sun in May, and Jan may call.", "He sat in the sun in May, and Jan may call."),
    ("Jan-Mar", "January to March"),
    # Dates and years.
    ("03/04/2027", "March fourth, twenty twenty-seven"),
    ("25/12/2027", "December twenty-fifth, twenty twenty-seven"),
    ("Due 2027-04-03.", "Due April third, twenty twenty-seven."),
    ("Closed Dec 25.", "Closed December twenty-fifth."),
    ("December 25 to January 2", "December twenty-fifth to January second"),
    (
        "Dec. 24-26 and Sept. 5 & 6, 2027",
        "December twenty-fourth to twenty-sixth and September fifth and sixth, twenty twenty-seven",
    ),
    ("on 4 July 1985", "on the fourth of July, nineteen eighty-five"),
    ("by 4/12", "by April twelfth"),
    (
        "since 2019, in 1905, from 2001 to 2024",
        "since twenty nineteen, in nineteen oh five, from two thousand one to twenty twenty-four",
    ),
    ("a 2016 van, 2019 litres", "a twenty sixteen van, two thousand nineteen litres"),
    ("the 1990s and the '80s", "the nineteen nineties and the eighties"),
    # Telephone numbers and codes.
    ("+1 (212) 555-0187", "plus one, two one two, five five five, oh one eight seven"),
    ("Call 555-0171 x204.", "Call five five five, oh one seven one, extension two oh four."),
    ("Ring 020 7946 0018.", "Ring oh two oh, seven nine four six, oh oh one eight."),
    ("+44 (0)20 7946 0018", "plus four four, two oh, seven nine four six, oh oh one eight"),
    ("2125550187", "two one two, five five five, oh one eight seven"),
    ("1-800-555-0199", "one, eight hundred, five five five, oh one nine nine"),
    ("Dial 911, or ext. 204.", "Dial nine one one, or extension two oh four."),
    ("500-1000 leaflets", "five hundred to one thousand leaflets"),
    ("Account 48213907", "Account four eight two one, three nine zero seven"),
    ("Your code is 4471.", "Your code is four four seven one."),
    ("Boston, MA 02139", "Boston, MA zero two one three nine"),
    ("card 4111 1111 1111 1111", "card four one one one, one one one one, one one one one, one one one one"),
    ("The password is slowlane88.", "The password is slowlane eight eight."),
    ("AB12, 12A, M25, B2B", "AB one two, twelve A, M twenty-five, B two B"),
    ("Invoice INV-20931", "Invoice INV two zero nine three one"),
    ("flight 482 in room 204", "flight four eighty-two in room two oh four"),
    # E-mail and the web.
    ("Write to info@example.com.", "Write to info at example dot com."),
    ("jo.smith-2@mail.example.org", "jo dot smith dash two at mail dot example dot org"),
    ("See https://www.example.com/menu.", "See www dot example dot com slash menu."),
    ("example.com, please", "example dot com, please"),
    # Measures.
    (
        "500 g, 1 kg, 5 km, 1 mi, 6 ft",
        "five hundred grams, one kilogram, five kilometers, one mile, six feet",
    ),
    (
        "30 min, 2 h, 3 hrs, 16 GB, 1 lb, 8 oz",
        "thirty minutes, two hours, three hours, sixteen gigabytes, one pound, eight ounces",
    ),
    (
        "It is -5 C, 70 °F or 21°C.",
        "It is minus five degrees Celsius, seventy degrees Fahrenheit or twenty-one degrees Celsius.",
    ),
    ("900 sq ft, 20 m², 60 mph", "nine hundred square feet, twenty square meters, sixty miles per hour"),
    ("20% off, 5-10%", "twenty percent off, five to ten percent"),
    ("2 x 500 g", "two times five hundred grams"),
    ("12 ft x 14 ft, 8x10, 4 x 6 in", "twelve feet by fourteen feet, eight by ten, four by six inches"),
    ("5 in the box, 8 in wide", "five in the box, eight inches wide"),
    ("a 12\" pan, 5'10\" tall", "a twelve inch pan, five foot ten tall"),
    ("a 5 km run, a 10-lb bag", "a five kilometer run, a ten-pound bag"),
    ("Take 2 every 4-6 hrs, max. 8 a day.", "Take two every four to six hours, maximum eight a day."),
    ("1h 30m, 3x faster", "one hour thirty minutes, three times faster"),
    # Street addresses.
    ("4470 Quarry Road", "forty-four seventy Quarry Road"),
    ("218 Fennimore Street", "two eighteen Fennimore Street"),
    ("We are at 105 N. Hazel Ave. now.", "We are at one oh five North Hazel Avenue now."),
    ("700 W. 8th St., Apt. 3C", "seven hundred West eighth Street, Apartment three C"),
    ("5th Ave., Ste. 300", "fifth Avenue, Suite three hundred"),
    ("St. Olaf's on Birch St. is old.", "Saint Olaf's on Birch Street is old."),
    ("at 9 March Street, in 1200 sq ft", "at nine March Street, in one thousand two hundred square feet"),
    ("P.O. Box 77", "P O Box seventy-seven"),
    # Abbreviations.
    ("Dr. Lopez is at 44 Oak Dr. today.", "Doctor Lopez is at forty-four Oak Drive today."),
    ("Mr. & Mrs. Hall", "Mister and Missus Hall"),
    ("e.g. a van, i.e. big, etc.", "for example a van, that is big, et cetera."),
    ("approx. 5 vs. 6, incl. tax", "approximately five versus six, including tax"),
    ("Your appt with Max. He knows.", "Your appointment with Max. He knows."),
    ("w/ milk, w/o sugar, and/or ice", "with milk, without sugar, and or ice"),
    ("do NOT soak; PLEASE wait for the SUV", "do not soak; please wait for the SUV"),
    ("MOT, RV, FAQ, ID, Wi-Fi, ASAP, Henry VIII", "MOT, RV, FAQ, ID, Wi-Fi, ASAP, Henry VIII"),
    ("5% APR", "five percent APR"),
    ("incl. VAT, e.g. London, Bldg. C", "including VAT, for example London, Building C"),
    ("w/c 4 May, 7 days/wk", "week commencing the fourth of May, seven days a week"),
    ("Bake at 180C in flat 204C", "Bake at one eighty C in flat two oh four C"),
    # Signs.
    ("Press # or *.", "Press pound or star."),
    ("Use the # key, then dial *67.", "Use the pound key, then dial star sixty-seven."),
    ("R&D & sales", "R and D and sales"),
    ("his/her, TCP/IP, parts/labor", "his or her, TCP IP, parts, labor"),
    ("A+, A-Z", "A plus, A to Z"),
    ("Come in (closed Monday) - see the sign", "Come in, closed Monday, see the sign"),
    ("Hours: 9-5", "Hours: nine to five"),
    ('He said "yes", \u2018maybe\u2019 — then left.', "He said yes, maybe, then left."),
    ("**Bold** <b>text</b> _here_ | there ☎", "Bold text here, there"),
]  # fmt: skip

ORDINARY = """
We are open every weekday, and on Saturdays until noon, unless it is a holiday.
It's the guests' lounge; isn't it? Yes! Please wait... I'll look.
Here is the plan: we meet at the well-known café, by the river.
I saw the man in the sun. May I march on? No. The most we can do is wait
Wed in haste, Mark and April said, and the second is a minute away,
"""


@pytest.mark.parametrize(("written", "said"), CASES)
def test_english(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("text", [*ORDINARY.strip().splitlines()[:4], ""])
def test_ordinary_sentences_stay_as_they_are(text: str) -> None:
    assert spoken(text) == text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en-US", "March fourth, twenty twenty-seven"),
        ("en-ZA", "April third, twenty twenty-seven"),
        ("en_GB", "April third, twenty twenty-seven"),
        ("it", "03/04/2027"),
        ("", "03/04/2027"),
    ],
)
def test_a_language_has_its_own_rules_or_none(language: str, said: str) -> None:
    assert spoken("03/04/2027", language) == said


def test_a_letter_is_the_rand_where_prices_are_in_rand() -> None:
    assert spoken("R45, R1 250.50 or R12k on the R44", "en-ZA") == (
        "forty-five rand, one thousand two hundred fifty rand and fifty cents or twelve thousand rand"
        " on the R forty-four"
    )
    assert spoken("R45") == "R forty-five"


def test_other_languages_are_only_made_safe() -> None:
    assert spoken(" Questo\x00costa\n5 €. ", "it-IT") == speakable("Questo costa 5 €.") == "Questo costa 5 €."


async def test_a_voice_gets_words_and_remembers_what_is_written() -> None:
    given_texts: list[str] = []
    synthesizer = ScriptedVoice(given_texts.append)
    voice = Voice(synthesizer)
    for text in ("Open 9-5.", "Open nine to five.", "Open 9-5."):
        await voice.say(text, 8_000, known=True)
    await Voice(synthesizer, language="it").say("Dalle 9.", 8_000)
    assert given_texts == ["Open nine to five.", "Open nine to five.", "Dalle 9."]
    assert voice.hits == 1


def test_a_callers_numbers_stay_in_no_cache() -> None:
    assert numbers.cardinal(17) == "seventeen"
    kept = numbers._everyday.cache_info().currsize
    assert numbers.cardinal(83_412).startswith("eighty-three thousand")
    assert numbers.ordinal(83_412).endswith("twelfth")
    assert numbers._everyday.cache_info().currsize == kept


# --- any text --------------------------------------------------------------------------------------

FRAGMENTS = """
$ £ € ¥ 49.95 1,250 5 12 2019 2027 007 -5 \u2013 — - / : ; , . ! ? ( ) [ ] " ' “ ” \u2019 & + = % # * @ °
² ½ x \u00d7 am p.m. PM C F Mon Tue Sat Sun Jan Dec May Monday March St St. Dr. Ave. Rd Ste. Apt. e.g.
etc. vs. approx max. min. min in ft kg g m h hrs No. ext. w/ w/o ID NOT SUV AB12 slow88 the a of to and
since on call code room 3/4 10-12 9:00 17:00 7:30 555-0171 +1 (212) 2027-04-03 03/04/2027 1st http://
www. example.com info@ Street Quarry million EUR k p 24/7 90s x2 press dial ٣ Ⅷ ⑩ \U0001f600 \x00 é 日本 |
~ ^ _ \\ < > ` … .. -- N DON'T 1. 1,2,3 12345 1234567890
"""
texts = st.lists(st.sampled_from([*FRAGMENTS.split(), " ", " ", "\n"]), max_size=12).map("".join)
texts |= st.lists(st.sampled_from(FRAGMENTS.split()), max_size=10).map(" ".join)
texts |= st.text(max_size=60)


@settings(deadline=None)
@given(texts)
def test_no_digit_is_left_and_the_length_is_bounded(text: str) -> None:
    said = spoken(text)
    assert not any(char.isdigit() for char in said)
    assert len(said) <= 40 * len(text)


@settings(deadline=None)
@given(texts)
def test_what_is_spoken_stays_as_it_is(text: str) -> None:
    said = spoken(text)
    assert spoken(said) == said


@settings(deadline=None)
@given(texts)
def test_languages_without_rules_keep_every_letter(text: str) -> None:
    assert spoken(text, "xx") == speakable(text)


def test_a_long_text_is_no_trouble() -> None:
    for text in ("1" * 5_000, "a." * 3_000, "1-" * 2_000, "(b)" * 1_000, "5 Oak Elm " * 500, "x" * 20_000):
        assert spoken(text)
