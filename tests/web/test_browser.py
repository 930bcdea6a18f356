"""The pages in a real browser, on a desk and on a telephone; calls are scripted, all between is real."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from offhook.agents.tools import Target, ToolEntry
from offhook.control.commands import Stream
from offhook.control.feed import Reader
from offhook.control.live import LiveCall
from offhook.daemon.supervision import wav_header
from offhook.observe.trace import TurnTrace
from offhook.tools.base import ToolSpec
from offhook.tools.builtin.handover import transfer
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from tests.support.clock import Clock
from tests.support.controlled import begun, controlled
from tests.support.scripted_call import ScriptedCall, scripted_call
from tests.support.waiting import eventually
from tests.support.web import chromium, complaints, log_in, missing, served
from tests.web.test_pages import CALL, filled

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

UNLABELLED = """
const all = document.querySelectorAll("input:not([type=hidden]), select, button, audio, a");
const named = each => each.labels && each.labels.length || each.textContent.trim() || each.ariaLabel;
return [...all].filter(each => !named(each)).map(each => each.outerHTML)
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """
return [...document.querySelectorAll("main button")].filter(each =>
  each.offsetParent && each.getBoundingClientRect().height < 40).map(each => each.textContent)
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def text(browser: WebDriver, where: str) -> str:
    """Of all that there is of it; pages may change meanwhile."""
    script = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent).join('|')"
    return str(browser.execute_script(script, where))


async def shown(browser: WebDriver, where: str, words: str) -> None:
    """Until they stand there."""
    found = ""

    async def look() -> bool:
        nonlocal found
        found = await asyncio.to_thread(text, browser, where)
        return words in found

    for _ in range(600):
        if await look():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{where} has {found!r}, not {words!r}")


async def test_a_call_is_followed_and_ended(tmp_path: Path, clock: Clock, browser: WebDriver) -> None:
    entry = ToolEntry(use="transfer", targets={"quay": Target(name="the quay")})
    (tool,) = transfer(entry, ToolSpec("transfer", ""), cast(Any, None))
    readers: list[Reader[bytes]] = []
    closed: list[bool] = []

    def sound(live: LiveCall, reader: Reader[bytes]) -> Callable[[], None]:
        readers.append(reader)
        reader.put(wav_header(8_000))
        return lambda: closed.append(True)

    async with controlled(tmp_path, words=True) as daemon:
        daemon.commands.add_stream(Stream("listen", "both sides", "audio/wav", sound))
        with served(filled(tmp_path)) as address, contextlib.ExitStack() as stack:
            await asyncio.to_thread(log_in, browser, address)
            await shown(browser, "#link", "as it happens")
            lives = []

            def fill(call: ScriptedCall) -> None:
                call.policy.toolbox = Toolbox({"transfer": tool}, Ledger.in_file(None))
                lives.append(stack.enter_context(daemon.watched(call)))

            answers = [["At dusk."], ["Every night."]]
            async with scripted_call(tmp_path / "playback", clock, answers, fill=fill, greeted=False) as call:
                await shown(browser, "#calls .floor", "opening")
                await begun(call, lives[0])
                await shown(browser, "#calls .floor", "listening")
                await call.says("When is it lit?")
                await shown(browser, "#calls .words", "When is it lit?")
                await shown(browser, "#calls .words", "At dusk.")
                await shown(browser, "#calls [data-is=turns]", "1")
                await shown(browser, "#calls [data-is=last]", " ms")
                await asyncio.to_thread(browser.refresh)
                await shown(browser, "#link", "as it happens")
                await call.says("Always?")
                await shown(browser, "#calls .words", "Every night.")
                assert browser.find_elements(By.CSS_SELECTOR, "#calls .mood") == [], "neutral is not shown"
                lives[0].turn("I have had enough.", "I see.", TurnTrace(call.call.id, 3, mood="angry"))
                await shown(browser, "#calls .mood", "angry")
                listen = browser.find_element(By.CSS_SELECTOR, "#calls [data-is=listen]")
                await asyncio.to_thread(listen.click)
                await shown(browser, "#calls [data-is=listen]", "Stop listening")
                await eventually(lambda: bool(readers), "somebody listens")
                for _ in range(5):
                    readers[0].put(bytes(3_200))
                heard = "return document.querySelector('#calls [data-is=listen]').dataset.heard || ''"
                await eventually(lambda: browser.execute_script(heard) == "0.50", "half a second of sound")
                await asyncio.to_thread(listen.click)
                await eventually(lambda: bool(closed), "nobody listens any more")
                button = browser.find_element(By.CSS_SELECTOR, "#calls [data-is=handover] button")
                await asyncio.to_thread(button.click)
                assert await call.ended() == "transfer"
                assert call.line.variables["OFFHOOK_TARGET"] == "quay"
            lives[0].ended("transfer", cast(Any, None))
            stack.close()
            await asyncio.to_thread(browser.refresh)
            await shown(browser, "#none", "Nobody calls.")
            assert complaints(browser) == []


async def test_every_page_is_fit_for_a_telephone_a_keyboard_and_a_reader(
    tmp_path: Path, browser: WebDriver
) -> None:
    async with controlled(tmp_path):
        with served(filled(tmp_path)) as address:

            def look() -> None:
                log_in(browser, address)
                size = browser.get_window_size()
                cast(Any, browser).execute_cdp_cmd(
                    "Emulation.setDeviceMetricsOverride",
                    {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
                )
                try:
                    for page in PAGES:
                        browser.get(address + page)
                        assert browser.execute_script(OVERFLOW) <= 0, page
                        assert browser.execute_script(UNLABELLED) == [], page
                        assert browser.execute_script(SMALL) == [], page
                        assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1, page
                        assert complaints(browser) == [], page
                finally:
                    cast(Any, browser).execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
                    browser.set_window_size(size["width"], size["height"])
                browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
                assert browser.switch_to.active_element.text == "Skip to the content"

            await asyncio.to_thread(look)


PAGES = (
    *(
        "/",
        "/calls",
        f"/calls/lighthouse/{CALL}",
        "/turns",
        f"/turns/{CALL}",
        "/tenants",
        "/tenants/lighthouse",
    ),
    *(
        "/tenants/lighthouse/agents/main",
        "/tenants/lighthouse/agents/main/edit",
        "/agents/ferry/edit",
        "/numbers",
        "/agents",
        "/agents/ferry",
        "/costs",
        "/health",
        "/setup",
    ),
)


async def test_an_older_version_of_an_agent_answers_again(tmp_path: Path, browser: WebDriver) -> None:
    async with controlled(tmp_path):
        with served(filled(tmp_path)) as address:
            await asyncio.to_thread(log_in, browser, address)
            await asyncio.to_thread(browser.get, f"{address}/tenants/lighthouse/agents/main")
            await shown(browser, "tbody tr:first-child", "answers now")
            button = browser.find_element(By.CSS_SELECTOR, "tbody button")
            await asyncio.to_thread(button.click)
            await shown(browser, "tbody tr:last-child", "answers now")
            await eventually(lambda: "main" in browser.title, "the same page")
            assert complaints(browser) == []


async def test_an_agent_is_corrected_at_the_line_that_is_marked(tmp_path: Path, browser: WebDriver) -> None:
    chosen = "return text.value.slice(text.selectionStart, text.selectionEnd)"
    async with controlled(tmp_path):
        with served(filled(tmp_path)) as address:
            await asyncio.to_thread(log_in, browser, address)
            home = f"{address}/tenants/lighthouse/agents/main"
            await asyncio.to_thread(browser.get, f"{home}/edit")
            file = browser.find_element(By.ID, "text")
            file.send_keys(Keys.CONTROL, Keys.END)
            file.send_keys('facts = ["The lamp is forty metres high."]\ngretting = "Hello."\n')
            await asyncio.to_thread(browser.find_element(By.CSS_SELECTOR, "[value=save]").click)
            await shown(browser, "[role=alert]", "Nothing was saved.")
            await shown(browser, ".findings", "did you mean 'greeting'?")
            browser.find_element(By.CSS_SELECTOR, "[data-line]").click()
            assert browser.execute_script(chosen) == 'gretting = "Hello."'
            browser.switch_to.active_element.send_keys(Keys.DELETE)
            await asyncio.to_thread(browser.find_element(By.CSS_SELECTOR, "[value=save]").click)
            await shown(browser, "tbody tr:first-child", "answers now")
            await shown(browser, "tbody tr:first-child th", "3")
            assert browser.current_url == home
            assert [one for one in complaints(browser) if "422" not in one] == []
