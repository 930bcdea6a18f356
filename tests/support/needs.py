"""What a test needs of the machine: where it is missing, the test says so, and in CI that is a failure."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from tests.support.asterisk.asterisk_install import AsteriskInstall, NoAsteriskError, find_asterisk


def not_run(why: str) -> NoReturn:
    """Skip the test, or fail it where ``CI`` is set: there everything has to run."""
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def real_asterisk() -> AsteriskInstall:
    """The Asterisk to place calls on."""
    try:
        return find_asterisk()
    except NoAsteriskError as error:
        not_run(f"calls on a real Asterisk were NOT run: {error}")
