"""The pages on a port of their own, in front of a control socket and a database; and a browser for them."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from offhook.config import Config, load_config
from offhook.web.house import House
from offhook.web.passwords import Passwords
from offhook.web.server import prepared
from tests.support.waiting import until

USER, PASSWORD = "keeper", "a lamp at the quay"


def house_in(folder: Path, **tables: dict[str, Any]) -> House:
    """``tables`` are added to the configuration; the control socket is that of :func:`controlled` there."""
    passwords = folder / "passwd"
    Passwords(passwords).put(USER, PASSWORD)
    settings: dict[str, dict[str, Any]] = {
        "daemon": {"socket": str(folder / "o.sock"), "trace_file": str(folder / "trace.jsonl")},
        "agent": {"search": [str(folder / "agents")]},
        "tenants": {"database": f"sqlite:///{folder}/tenants.db"},
        "web": {"listen": "127.0.0.1:0", "password_file": str(passwords)},
    }
    for table, values in tables.items():
        settings.setdefault(table, {}).update(values)
    path = folder / "offhook.toml"
    lines = []
    for table, values in settings.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path.write_text("\n".join(lines))
    config: Config = load_config(path)
    return House(config, path)


@contextlib.contextmanager
def served(house: House) -> Iterator[str]:
    """The address of the pages, served by a thread meanwhile."""
    server, sock = prepared(house)
    port = sock.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="pages")
    thread.start()
    try:
        until(lambda: server.started, "the pages are served")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def missing() -> str | None:
    """What of a browser is missing, in words; None: nothing."""
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return None
    return "Chromium is not installed: tests/web/install-chromium.sh"


@contextlib.contextmanager
def chromium(width: int = 1100, height: int = 850) -> Iterator[WebDriver]:
    """Without a window; what its pages log can be asked for."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(option)
    options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        yield browser
    finally:
        browser.quit()


def log_in(browser: WebDriver, address: str) -> None:
    browser.get("about:blank")  # what a page of another server's complains of is none of ours
    complaints(browser)
    browser.get(f"{address}/login")
    browser.find_element(By.ID, "user").send_keys(USER)
    browser.find_element(By.ID, "password").send_keys(PASSWORD)
    browser.find_element(By.TAG_NAME, "button").click()
    until(lambda: browser.title.startswith("Live calls"), "the first page")


def complaints(browser: WebDriver) -> list[str]:
    """What the browser has complained of since it was asked last."""
    return [entry["message"] for entry in cast(Any, browser).get_log("browser")]
