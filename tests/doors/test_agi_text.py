"""AGI as text: what is quoted, split as Asterisk does it, and parsed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offhook.doors.agi.agi_text import (
    AgiEnvironment,
    Reply,
    is_reply_whole,
    parse_reply,
    quote,
    quote_exact,
    split_command,
)
from offhook.errors import AgiError


@given(st.text(max_size=300))
@example('quo"te \\ back\\" slash\\')
@example("line\nbreak\r\0nul\x1b[2J\u2028sep\x85")
@example("  ")
def test_quoted_text_arrives_as_one_argument(text: str) -> None:
    quoted = quote(text)
    assert not any(ord(char) < 32 or char == "\x7f" for char in quoted)
    (arrived,) = split_command(quoted)
    assert len(arrived) == len(text)
    assert all(got in (char, " ") for got, char in zip(arrived, text, strict=True))


@given(st.text(), st.integers(0, 100))
def test_quoted_text_has_a_bound(text: str, max_bytes: int) -> None:
    quoted = quote(text * 50, max_bytes)
    assert len(quoted.encode("utf-8", "replace")) <= max_bytes + 2
    split_command(quoted)


def test_quote_cuts_between_characters() -> None:
    assert quote("ééé", 5) == '"éé"'
    assert quote('a"b', 2) == '"a"'
    assert quote("\\" * 10, 5) == '"\\\\\\\\"'


@pytest.mark.parametrize(
    ("line", "words"),  # read off parse_args() in res_agi.c, oddities included
    [
        ("NOOP", ["NOOP"]),
        ('SET VARIABLE A "b c"', ["SET", "VARIABLE", "A", "b c"]),
        ('a"b c"d "" "x\\"y" \\\\ e\\ f', ["ab cd", "", 'x"y', "\\", "e f"]),
        ("  a\t\tb  ", ["a", "b"]),
        ('"open end', ["open end"]),
        ("  a   b\tc ", ["a", "b", "c"]),
        ('STREAM FILE "/x y/z" ""', ["STREAM", "FILE", "/x y/z", ""]),
        (r'SET VARIABLE A "say \"hi\" \\ now"', ["SET", "VARIABLE", "A", r'say "hi" \ now']),
        (r"a\ b c", ["a b", "c"]),
        ('ab"c d"e', ["abc de"]),
        ('""', [""]),
        ('"never closed', ["never closed"]),
        ("", []),
        ("trailing\\", ["trailing"]),
    ],
)
def test_as_asterisk_splits(line: str, words: list[str]) -> None:
    assert split_command(line) == words


def test_too_many_words_are_cut() -> None:
    assert len(split_command("x " * 500)) == 127


@pytest.mark.parametrize("name", ["a\nb", "x" * 1001, "\0", "a\tb"])
def test_names_arrive_unchanged_or_not_at_all(name: str) -> None:
    with pytest.raises(AgiError, match="the file cannot be named"):
        quote_exact(name, "the file")
    assert split_command(quote_exact('odd "name" \\', "the file")) == ['odd "name" \\']


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", Reply(200, "0")),
        ("200 result=-1 endpos=16000", Reply(200, "-1", None, 16000)),
        ("200 result=1 (a value)", Reply(200, "1", "a value")),
        ("200 result=1 ()", Reply(200, "1", "")),
        ("200 result=1 (a) endpos=3)", Reply(200, "1", "a) endpos=3")),
        ("200 result=35 (dtmf) endpos=8000", Reply(200, "35", "dtmf", 8000)),
        ("200 result= (timeout)", Reply(200, "", "timeout")),
        ("200 result=1234 (timeout)", Reply(200, "1234", "timeout")),
        ("200 result=", Reply(200, "")),
        ("200 result=1 (first\nsecond)", Reply(200, "1", "first\nsecond")),
        ("510 Invalid or unknown command", Reply(510, text="Invalid or unknown command")),
        (
            "511 Command Not Permitted on a dead channel",
            Reply(511, text="Command Not Permitted on a dead channel"),
        ),
        ("520 Invalid command syntax.", Reply(520, text="Invalid command syntax.")),
        (
            "520-Invalid command syntax.  Proper usage follows:\nUsage: X\n\tDoes.\n520 End of proper usage.",
            Reply(520, text="Usage: X\n\tDoes."),
        ),
    ],
)
def test_replies(line: str, reply: Reply) -> None:
    assert is_reply_whole(line)
    assert parse_reply(line) == reply
    if reply.code != 520:
        assert reply.format() == line


@pytest.mark.parametrize(
    "line", ["", "200", "20 result=1", "200 ok", "agi_x: y", "2000 result=1", "²00 result=1"]
)
def test_what_is_no_reply(line: str) -> None:
    with pytest.raises(AgiError):
        parse_reply(line)


@given(st.text(max_size=100))
def test_any_line_is_a_reply_or_an_error_that_tells_nothing(words: str) -> None:
    """Digits and variables are the caller's: no message may repeat them."""
    for text in (words, f"SECRET{words}", f"200 SECRET{words}", f"200 result=SECRET{words}", f"520-{words}"):
        said = ""
        if is_reply_whole(text):
            try:
                _ = parse_reply(text).number
            except AgiError as error:
                said = str(error)
        assert "SECRET" not in said
        assert "\n" not in said


@given(st.text(st.characters(exclude_characters="\n"), max_size=50), st.integers(-1, 2**40))
def test_a_value_comes_back_as_it_was_formatted(value: str, endpos: int) -> None:
    reply = Reply(200, "1", value, endpos)
    assert parse_reply(reply.format()) == reply


def test_environment() -> None:
    environment = AgiEnvironment.parse(
        [
            "agi_request: offhook-eagi",
            "agi_channel: PJSIP/trunk-00000001",
            "agi_language: en",
            "agi_uniqueid: 1699.7",
            "agi_callerid: 4930123",
            "agi_calleridname: unknown",
            "agi_dnid: +49800",
            "agi_context: incoming",
            "agi_extension: 100",
            "agi_enhanced: 1.0",
            "agi_accountcode: ",
            "agi_arg_1: helpdesk",
            "agi_arg_2:",
            "agi_arg_3: tenant: 42",
        ]
    )
    assert environment.channel == "PJSIP/trunk-00000001"
    assert environment.uniqueid == "1699.7"
    assert environment.language == "en"
    assert environment.callerid == "4930123"
    assert environment.callerid_name is None
    assert (environment.dnid, environment.extension, environment.context) == ("+49800", "100", "incoming")
    assert environment.enhanced
    assert environment.args == ("helpdesk", "", "tenant: 42")
    assert environment.get("accountcode") is None
    assert AgiEnvironment.parse(environment.format().split("\n")[:-2]) == environment


def test_a_caller_s_name_is_no_second_line() -> None:
    with pytest.raises(AgiError, match="agi_extension twice"):
        AgiEnvironment.parse(["agi_calleridname: x", "agi_extension: 911", "agi_extension: 100"])
