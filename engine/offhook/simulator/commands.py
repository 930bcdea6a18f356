"""The AGI commands of the simulated Asterisk, and how a command line is split.

Each command is a function of the dialogue, the line's words and the time; it returns
False to have its usage printed (the 520 answer).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.simulator.activity import FOREVER_NS, Activity, ChannelState, End, Played
from offhook.simulator.playback import open_playback

if TYPE_CHECKING:
    from offhook.simulator.dialogue import Dialogue

_SAY_CHARACTER_MS = 300
_NUMBER = re.compile(r"[+-]?\d+")


def _answer(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if dialogue.state is not ChannelState.UP:
        dialogue.state, dialogue.answered_ns = ChannelState.UP, now_ns
    dialogue.reply("200 result=0")
    return True


def _channel_status(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) > 3:
        return False
    here = len(words) == 2 or words[2] == dialogue.channel
    dialogue.reply(f"200 result={int(dialogue.state)}" if here else "200 result=-1")
    return True


def _stream_file(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if not 4 <= len(words) <= 5:
        return False
    offset = 0
    if len(words) == 5:
        number = _NUMBER.match(words[4].strip())
        if number is None:
            return False
        offset = int(number.group())
    playback = open_playback(words[2], dialogue.rate_hz, dialogue.sounds_dir, offset)
    if playback is None:
        dialogue.played.append(Played(words[2], now_ns, now_ns, End.MISSING))
        dialogue.reply(f"200 result=-1 endpos={offset}")
    else:
        dialogue.begin(Activity("STREAM FILE", playback, escape_digits=words[3]), now_ns)
    return True


def _get_data(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) < 3:
        return False
    timeout_ms = _atoi(words[3]) if len(words) > 3 else 0
    playback = open_playback(words[2], dialogue.rate_hz, dialogue.sounds_dir) if words[2] else None
    if words[2] and playback is None:
        dialogue.played.append(Played(words[2], now_ns, now_ns, End.MISSING))
        dialogue.reply("200 result=-1")
        return True
    each = timeout_ms if timeout_ms > 0 else 2000 if timeout_ms == 0 else 10**9
    first = timeout_ms if timeout_ms > 0 else 6000 if timeout_ms == 0 else 10**9
    activity = Activity("GET DATA", playback, timeout_ns=each * 10**6, first_timeout_ns=first * 10**6)
    activity.max_digits = max(1, _atoi(words[4])) if len(words) > 4 else 1024
    activity.until_ns = now_ns + activity.first_timeout_ns
    dialogue.begin(activity, now_ns)
    return True


def _wait_for_digit(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) != 4 or _NUMBER.match(words[3].strip()) is None:
        return False
    timeout_ms = _atoi(words[3])
    until = FOREVER_NS if timeout_ms < 0 else now_ns + timeout_ms * 10**6
    dialogue.begin(Activity("WAIT FOR DIGIT", until_ns=until), now_ns)
    return True


def _say(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if not 4 <= len(words) <= 6:
        return False
    until = now_ns + len(words[2]) * _SAY_CHARACTER_MS * 10**6
    dialogue.begin(Activity("SAY", until_ns=until, escape_digits=words[3]), now_ns)
    return True


def _set_variable(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) != 4:
        return False
    dialogue.variables[words[2]] = words[3]
    dialogue.reply("200 result=1")
    return True


def _get_variable(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) != 3:
        return False
    value = dialogue.variables.get(words[2])
    dialogue.reply("200 result=0" if value is None else f"200 result=1 ({value})")
    return True


def _get_full_variable(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if not 4 <= len(words) <= 5:
        return False
    if len(words) == 5 and words[4] != dialogue.channel:
        dialogue.reply("200 result=0")
    else:
        dialogue.reply(f"200 result=1 ({_substitute(dialogue, words[3])})")
    return True


def _substitute(dialogue: Dialogue, text: str) -> str:
    return re.sub(r"\$\{([^{}]*)\}", lambda found: dialogue.variables.get(found[1], ""), text)


def _verbose(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) < 2:
        return False
    dialogue.reply("200 result=1")
    return True


def _noop(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    dialogue.reply("200 result=0")
    return True


def _hangup(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) > 2:
        return False
    if len(words) == 2 and words[1] != dialogue.channel:
        dialogue.reply("200 result=-1")
        return True
    dialogue.reply("200 result=1")
    dialogue.agent_hung_up = True
    dialogue.hang_up(now_ns)
    return True


def _exec(dialogue: Dialogue, words: list[str], now_ns: int) -> bool:
    if len(words) < 2:
        return False
    argument = words[2] if len(words) > 2 else ""
    match words[1].lower():
        case "noop" | "verbose" | "log":
            dialogue.reply("200 result=0")
        case "answer":
            _answer(dialogue, words, now_ns)
        case "set":
            name, _, value = argument.partition("=")
            dialogue.variables[name] = _substitute(dialogue, value)
            dialogue.reply("200 result=0")
        case "wait":
            seconds = re.match(r"[0-9.]+", argument)
            wait_ns = int(float(seconds.group()) * 1e9) if seconds else 0
            dialogue.begin(Activity("EXEC", until_ns=now_ns + wait_ns), now_ns)
        case "playback":
            playback = open_playback(argument, dialogue.rate_hz, dialogue.sounds_dir)
            if playback is None:
                dialogue.reply("200 result=0")  # Playback() logs and goes on
            else:
                dialogue.begin(Activity("EXEC", playback), now_ns)
        case "hangup":
            dialogue.reply("200 result=-1")
            dialogue.agent_hung_up = True
            dialogue.hang_up(now_ns)
        case _:
            dialogue.lack(f"EXEC {words[1]}")
            dialogue.reply("200 result=-2")
    return True


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does; ``run`` returns False to have its usage printed."""

    run: Callable[[Dialogue, list[str], int], bool]
    usage: str
    when_dead: bool = False
    """Works after hang-up."""


COMMANDS = {
    "ANSWER": Command(_answer, "ANSWER"),
    "CHANNEL STATUS": Command(_channel_status, "CHANNEL STATUS [<channel>]"),
    "EXEC": Command(_exec, "EXEC <application> <options>", True),
    "GET DATA": Command(_get_data, "GET DATA <file> [<timeout ms>] [<max digits>]"),
    "GET FULL VARIABLE": Command(_get_full_variable, "GET FULL VARIABLE <expression> [<channel>]", True),
    "GET VARIABLE": Command(_get_variable, "GET VARIABLE <name>", True),
    "HANGUP": Command(_hangup, "HANGUP [<channel>]"),
    "NOOP": Command(_noop, "NOOP", True),
    "SAY ALPHA": Command(_say, "SAY ALPHA <text> <escape digits> [<case>]"),
    "SAY DATE": Command(_say, "SAY DATE <date> <escape digits>"),
    "SAY DATETIME": Command(_say, "SAY DATETIME <time> <escape digits> [<format>] [<zone>]"),
    "SAY DIGITS": Command(_say, "SAY DIGITS <number> <escape digits>"),
    "SAY NUMBER": Command(_say, "SAY NUMBER <number> <escape digits> [<gender>]"),
    "SAY PHONETIC": Command(_say, "SAY PHONETIC <text> <escape digits>"),
    "SAY TIME": Command(_say, "SAY TIME <time> <escape digits>"),
    "SET VARIABLE": Command(_set_variable, "SET VARIABLE <name> <value>", True),
    "STREAM FILE": Command(_stream_file, "STREAM FILE <file> <escape digits> [<sample offset>]"),
    "VERBOSE": Command(_verbose, "VERBOSE <message> [<level>]", True),
    "WAIT FOR DIGIT": Command(_wait_for_digit, "WAIT FOR DIGIT <timeout ms>"),
}


def _atoi(text: str) -> int:
    found = _NUMBER.match(text.strip())
    return int(found.group()) if found else 0
