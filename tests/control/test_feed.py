"""Events are told to readers that may be slow, and nobody waits for them."""

from __future__ import annotations

import asyncio
import threading

import pytest

from offhook.control.feed import MOST_READERS, MOST_WAITING, Event, Feed, Reader
from offhook.errors import BusyError


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    feed, reader = Feed(), Reader[Event](asyncio.get_running_loop())
    feed.publish("floor", call="1")
    feed.add(reader, lambda event: event)
    for number in range(MOST_WAITING + 7):
        feed.publish("floor", call=str(number))
    events, lost = await reader.take()
    assert (len(events), lost) == (MOST_WAITING, 7)
    assert [events[0]["call"], events[-1]["call"]] == ["7", str(MOST_WAITING + 6)]
    feed.publish("floor", call="after")
    assert [event["call"] for event in (await reader.take())[0]] == ["after"], "and goes on"


async def test_a_reader_sees_what_it_may_see_and_comes_to_an_end() -> None:
    feed, reader = Feed(), Reader[Event](asyncio.get_running_loop())
    feed.add(reader, lambda event: event if event["call"] == "mine" else None)
    for call in ("mine", "theirs"):
        feed.publish("ended", call=call)
    assert [event["call"] for event in (await reader.take())[0]] == ["mine"]
    feed.close()
    assert await reader.take() == ([], 0)
    feed.publish("ended", call="mine")
    assert await reader.take() == ([], 0)


async def test_another_thread_wakes_a_reader() -> None:
    reader = Reader[bytes](asyncio.get_running_loop(), 4)
    taking = asyncio.create_task(reader.take())
    await asyncio.sleep(0)
    thread = threading.Thread(target=reader.put, args=(b"sound",))
    thread.start()
    assert await taking == ([b"sound"], 0)
    thread.join()


async def test_there_is_an_end_to_readers() -> None:
    feed, loop = Feed(), asyncio.get_running_loop()
    readers = [Reader[Event](loop) for _ in range(MOST_READERS)]
    for reader in readers:
        feed.add(reader, lambda event: event)
    with pytest.raises(BusyError, match="close one"):
        feed.add(Reader(loop), lambda event: event)
    feed.remove(readers[0])
    feed.remove(readers[0])
    feed.add(Reader(loop), lambda event: event)
