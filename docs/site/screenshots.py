"""Takes the pictures of docs/howto/web.md: a real daemon, a real call, the pages in Chromium.

make screenshots
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from offhook.config import load_config
from offhook.web.house import House
from tests.support.daemon_process import DaemonProcess
from tests.support.waiting import until
from tests.support.web import PASSWORD, USER, Passwords, chromium, log_in, served

IMAGES = Path(__file__).parents[1] / "images"
AGENT = """
name = "Holm Ferries"
greeting = "Holm Ferries, this is the automatic assistant. How can I help?"
facts = [
  "The first ferry leaves at six twenty in the morning.",
  "A car with its driver costs nineteen euros.",
  "Dogs travel for free, on a lead.",
]

[tools.transfer]
targets = { harbour = { name = "the harbour office" } }
"""
QUESTIONS = ("When does the first ferry leave?", "How much does a car cost?", "Can my dog come along?")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="offhook-pictures-"))
    try:
        (folder / "ferry.toml").write_text(AGENT)
        Passwords(folder / "passwd").put(USER, PASSWORD)
        settings = (
            f'[agent]\ndefault = "ferry"\nsearch = [{json.dumps(str(folder))}]\n[control]\nwords = true\n'
            f'[web]\nlisten = "127.0.0.1:0"\npassword_file = {json.dumps(str(folder / "passwd"))}\n'
        )
        with DaemonProcess(settings) as daemon:
            path = daemon.folder / "offhook.toml"
            with served(House(load_config(path), path)) as address, chromium(1100, 760) as browser:
                _take(browser, address, path)
    finally:
        shutil.rmtree(folder)


def _take(browser: WebDriver, address: str, config: Path) -> None:
    log_in(browser, address)
    command = [sys.executable, "-m", "offhook.cli.main", "call", "--config", str(config)]
    for question in QUESTIONS:
        command += ["--say", question]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as call:
        until(lambda: "Dogs" in browser.page_source, "the last answer", timeout_s=120)
        browser.save_screenshot(str(IMAGES / "web-live.png"))
        browser.execute_cdp_cmd(  # type: ignore[attr-defined]
            "Emulation.setDeviceMetricsOverride",
            {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
        )
        browser.save_screenshot(str(IMAGES / "web-telephone.png"))
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})  # type: ignore[attr-defined]
        call.wait()
    browser.get(f"{address}/turns")
    browser.find_element(By.CSS_SELECTOR, "tbody a").click()
    time.sleep(0.5)  # for the pictures to be painted
    browser.save_screenshot(str(IMAGES / "web-turns.png"))


if __name__ == "__main__":
    main()
