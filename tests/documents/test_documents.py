"""What files of all kinds say, as it can be said: the same house in each, and what is peculiar to a kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.documents.blocks import Document, Paragraph
from offhook.documents.chunks import MAX_CHARACTERS, MAX_WORDS, SEPARATOR, Chunk, chunks, sentences
from offhook.documents.reading import SUFFIXES, files_in, read_content, read_file
from offhook.errors import ConfigError, DocumentError
from tests.support.documents import docx, pdf

HTML = """<!DOCTYPE html><title>Ferry House</title>
<div role=dialog>We use cookies. <button>Accept</button></div>
<header><nav><ul><li><a href=/>Home</a><li><a href=/rooms>Rooms</a></ul></nav></header>
<h1>Prices</h1><p>Breakfast is served from seven. Dogs sleep free, e.g. in a basket.
<h2>Rooms</h2><table><tr><th>Room<th>Night<th>Week<tr><td>Attic<td>$80<td>$500
<tr><td>Garden room<td>$95<td>$610</table>
<h2>Arrival</h2><table><tr><td>Monday<td>closed<tr><td>Tuesday<td>2 pm to 8 pm</table>
<dl><dt>Is there a lift?<dd>No, and the stairs are steep.</dl>
<p>We accept:<ul><li>cash<li>cards<li>vouchers</ul>
<ul class=more><li><a href=/a>Read more</a><li><a href=/b>Our blog</a></ul>
<footer>12 Quay Street<br>Harwich<p>&copy; 2026 Ferry House</p></footer><script>var price = 1</script>"""
MARKDOWN = """---
layout: page
---
# Ferry House
## Prices
Breakfast is served from *seven*. Dogs sleep free, e.g. in
a [basket](https://example.org).

### Rooms
| Room | Night | Week |
|------|------:|-----:|
| Attic | $80 | $500 |
| Garden room | $95 | $610 |

### Arrival
| | |
|-|-|
| Monday | closed |
| Tuesday | 2 pm to 8 pm |

### Is there a lift?
No, and the stairs are **steep**.

### Paying
We accept:

* cash
* cards
* vouchers
<!-- nobody sees this -->
"""
WORD = docx(
    [
        ("Heading1", "Prices"),
        ("", "Breakfast is served from seven. Dogs sleep free, e.g. in a basket."),
        ("Heading2", "Rooms"),
        [["Room", "Night", "Week"], ["Attic", "$80", "$500"], ["Garden room", "$95", "$610"]],
        ("Heading2", "Arrival"),
        [["Monday", "closed"], ["Tuesday", "2 pm to 8 pm"]],
        ("Heading2", "Is there a lift?"),
        ("", "No, and the stairs are steep."),
    ]
)
_FIRST_PAGE = [
    *("Ferry House, Harwich", "Prices"),
    *("Breakfast is served from seven. Dogs sleep free, e.g. in a bas-", "ket."),
    *("Rooms", "Room\tNight\tWeek", "Attic\t$80\t$500", "Garden room\t$95\t$610"),
    *("Arrival", "Monday . . . . . . . . . . closed", "Tuesday . . . . . . . . . 2 pm to 8 pm"),
    *("Is there a lift?", "No, and the stairs are steep.", "Page 1 of 3"),
]
PDF = pdf(
    [
        _FIRST_PAGE,
        ["Ferry House, Harwich", "Quiet is kept from ten at night.", "Page 2 of 3"],
        ["Ferry House, Harwich", "Keys are left at the desk.", "Page 3 of 3"],
    ]
)
SAID = (
    "Breakfast is served from seven. Dogs sleep free, e.g. in a basket.",
    "Attic: night $80 and week $500.",
    "Garden room: night $95 and week $610.",
    "Monday: closed. Tuesday: 2 pm to 8 pm.",
    "No, and the stairs are steep.",
)


def said(content: bytes | str, suffix: str, title: str = "house") -> list[Chunk]:
    raw = content.encode() if isinstance(content, str) else content
    return chunks(read_content(raw, suffix, "x", title))


@pytest.mark.parametrize(
    ("content", "suffix"), [(HTML, ".html"), (MARKDOWN, ".md"), (WORD, ".docx"), (PDF, ".pdf")]
)
def test_the_same_house_says_the_same_in_every_kind_of_file(content: bytes | str, suffix: str) -> None:
    found = said(content, suffix)
    texts = [chunk.text for chunk in found]
    assert [text for text in texts if text in SAID] == list(SAID)
    about = {chunk.text: chunk.heading.split(SEPARATOR) for chunk in found}
    assert "Prices" in about[SAID[0]]
    assert "Rooms" in about[SAID[1]]
    assert "Room, Night, Week" in about[SAID[2]]
    assert "Arrival" in about[SAID[3]]
    assert about[SAID[4]][-1] == "Is there a lift?"
    if suffix in (".html", ".md"):
        assert "We accept: cash, cards, vouchers." in texts
    everything = " ".join(texts)
    for around in ("cookies", "Home", "Read more", "2026", "var price", "Page ", "nobody sees"):
        assert around not in everything
    assert texts.count("Ferry House, Harwich") <= 1


def test_a_footers_address_stays_and_is_about_nothing_above_it() -> None:
    (address,) = [chunk for chunk in said(HTML, ".html") if "Quay" in chunk.text]
    assert address.text == "12 Quay Street, Harwich"
    assert address.heading == "Ferry House"


@pytest.mark.parametrize(
    ("content", "suffix", "expected"),
    [
        (
            "Question;Answer\nDo you deliver?;Yes, to town\nBy when?;By noon",
            ".csv",
            ["Yes, to town.", "By noon."],
        ),
        (
            "Dish\tPrice\tGluten\nSoup\t4.50\tno\nPie\t7\t",
            ".tsv",
            ["Soup: price 4.50 and gluten no.", "Pie: price 7."],
        ),
        (
            "HOURS\nMon 9 to 5\nTue 9 to 1\n\n- ring twice\n- wait",
            ".txt",
            ["Mon 9 to 5", "Tue 9 to 1", "HOURS: ring twice, wait."],
        ),
        (
            "This line was broken by an editor because it had become too long\nto be seen.\nShort it is.",
            ".txt",
            [
                "This line was broken by an editor because it had become too long to be seen.",
                "Short it is.",
            ],
        ),
        ("caf\xe9 is open all day".encode("cp1252"), ".txt", ["caf\xe9 is open all day"]),
        ("Es ist offen bis 20 Uhr.".encode("utf-16"), ".txt", ["Es ist offen bis 20 Uhr."]),
        (
            "1. Sign the form, it is short.\n2. Take a vest.",
            ".md",
            ["Sign the form, it is short.", "Take a vest."],
        ),
        ("# A\n\n```\ncode = 1\n```\nText that is said.", ".md", ["Text that is said."]),
        (
            "<p>Un<b>bro</b>ken words.<p hidden>Secret.<p style='display: none'>Secret.",
            ".htm",
            ["Unbroken words."],
        ),
        (
            "<ul><li>Hire<ul><li>a day, $9<li>a week, $30</ul></ul>",
            ".html",
            ["a day, $9.", "a week, $30."],
        ),
        (
            "<h1>Care<script>track(1)</script></h1><table><tr><th>What<th>Cost<style>a{}</style>"
            "<tr><td>Visit<script>x()</script><td>$95<s hidden>$70</s><tr><td>Talk<td><template>y</template>"
            "free</table><footer>\u00a9 2024-26 Care Ltd, 5 Low Road, Leith</footer><p>\u00a9 Care",
            ".html",
            ["Visit: $95. Talk: free.", "Care Ltd, 5 Low Road, Leith"],
        ),
        (
            "sep=;\nRoom;Price;Guests\nLoft;$1,450.50;4\nBox;$90;1",
            ".csv",
            ["Loft: price $1,450.50 and guests 4.", "Box: price $90 and guests 1."],
        ),
        (
            "PRICES 2026,,\n\nItem,Price,Notes\nHaircut,25,\nTrim,15,with a towel\n",
            ".csv",
            ["Haircut: price 25.", "Trim: price 15 and notes with a towel."],
        ),
        ("Open daily. Dogs? On a lead. Cats too.", ".txt", ["Open daily. Dogs? On a lead.", "Cats too."]),
        (
            pdf([["Part     Price    Stock", "Pad 1    $20      3", "Pad 2  $21  4", "Pad 3    $22"]]),
            ".pdf",
            ["Pad 1: price $20 and stock 3.", "Pad 2: price $21 and stock 4.", "Pad 3: $22."],
        ),
    ],
)
def test_what_is_peculiar_to_a_kind(content: bytes | str, suffix: str, expected: list[str]) -> None:
    assert [chunk.text for chunk in said(content, suffix)] == expected


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("en", "Dr. Lee opens at 9 a.m. on Mondays. Ask for Mrs. Poe, ext. 12. It costs 3.50 today. OK?", 4),
        ("de", "Am 3. Mai ist zu. Bitte z. B. Dr. Berg anrufen. Danke!", 3),
        ("fr", "M. Petit ferme \u00e0 18 h. Merci de sonner. \u00ab Entrez. \u00bb", 3),
        ("es", "\u00bfAbren hoy? S\u00ed, hasta las ocho. El Sr. Ruiz atiende.", 3),
        ("zh", "\u5468\u4e00\u4f11\u606f\u3002\u5468\u4e8c\u4e5d\u70b9\u5f00\u95e8\u3002", 2),
    ],
)
def test_sentences_end_where_they_end(language: str, text: str, count: int) -> None:
    found = sentences(text, language)
    assert len(found) == count
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.lists(st.text("ab .,!?;\n1", min_size=1, max_size=400), max_size=8))
def test_no_words_are_lost_and_none_is_too_long_to_be_said(texts: list[str]) -> None:
    document = Document("t", tuple(Paragraph(" ".join(text.split())) for text in texts))
    for chunk in chunks(document):
        assert 0 < len(chunk.text) <= max(3 * MAX_CHARACTERS, 1)
        assert len(chunk.text.split()) <= MAX_WORDS or len(sentences(chunk.text)) == 1
    for text in texts:
        plain = " ".join(text.split())
        assert "".join("".join(sentences(plain)).split()) == "".join(plain.split())


@given(st.binary(max_size=300), st.sampled_from(SUFFIXES))
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes, suffix: str) -> None:
    problem = "a.file: none"
    try:
        chunks(read_content(content, suffix, "a.file", "a"))
    except DocumentError as error:
        problem = str(error)
    assert problem.startswith("a.file: ")
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("scan.pdf", pdf([[]]), "only pictures of pages"),
        ("torn.pdf", PDF[:300], "no PDF that can be read"),
        ("letter.docx", b"PK\x03\x04torn", "no Word document"),
        ("letter.doc", b"\xd0\xcf\x11\xe0", r"\.doc is not known: there are \.pdf"),
        ("empty.md", b"\n\n", "holds no text"),
        ("logo.txt", bytes(range(256)) * 20, "holds no text, whatever"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=problem) as caught:
        read_file(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_all_that_is_known_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("# Not ours")
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.md", "a.TXT", "deep/c.csv", "picture.png", ".hidden.md", "~$lock.docx"):
        (folder / name).write_text("x")
    (folder / "link.md").symlink_to(outside)
    assert [path.name for path in files_in(folder)] == ["a.TXT", "b.md", "c.csv"]
    assert files_in(outside) == [outside]
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match="no documents lie there"):
        files_in(tmp_path / "none")
