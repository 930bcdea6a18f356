"""The shipped Kamailio configuration, verbatim but for addresses and folders, in front of some boxes."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.network import Machine
from tests.support.waiting import until

SHIPPED = Path(__file__).resolve().parents[2] / "deploy/kamailio"
PORT = 5060


def program() -> str | None:
    """Where Kamailio is; None: not installed."""
    return shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin:/usr/bin")


class Kamailio:
    """The running proxy, on ``machine``."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.folder = folder
        self.log_file = folder / "log"

    @property
    def address(self) -> tuple[str, int]:
        """Where calls are sent."""
        return self.machine.host, PORT

    def set_state(self, box: str, state: str) -> None:
        """What an operator does: ``dp`` takes a box (``host:port``) out, ``ap`` brings it back."""
        self._command("dispatcher.set_state", state, "1", f"sip:{box}")

    def states(self) -> dict[str, str]:
        """Each box's flags by ``host:port``: AP is asked and answers, IP is asked and does not."""
        told = self._command("dispatcher.list")
        return dict(re.findall(r"URI: sip:(\S+)\s+FLAGS: (\S+)", told))

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def _command(self, *words: str) -> str:
        done = subprocess.run(
            ["kamcmd", "-s", f"unix:{self.folder / 'ctl'}", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@contextmanager
def kamailio(
    machine: Machine, boxes: Sequence[tuple[str, int]], callers: Sequence[str]
) -> Iterator[Kamailio]:
    """Kamailio in front of ``boxes``; only ``callers`` may call."""
    found = program()
    assert found is not None, "not installed: tests/scale/install-kamailio.sh"
    folder = Path(tempfile.mkdtemp(prefix="offhook-kam-"))
    proxy = Kamailio(machine, folder)
    text = (SHIPPED / "kamailio.cfg").read_text()
    modules = next(
        iter(sorted(Path("/usr/lib").glob("*/kamailio/modules"))), Path("/usr/lib64/kamailio/modules")
    )
    for shipped, here in {
        "udp:203.0.113.20:5060": f"udp:{machine.host}:{PORT}",
        "/usr/lib/x86_64-linux-gnu/kamailio/modules": str(modules),
        "/etc/kamailio/address.list": str(folder / "address.list"),
        "/etc/kamailio/dispatcher.list": str(folder / "dispatcher.list"),
        "unix:/run/kamailio/kamailio_ctl": f"unix:{folder / 'ctl'}",
    }.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    (folder / "kamailio.cfg").write_text(text)
    (folder / "dispatcher.list").write_text("".join(f"1 sip:{host}:{port}\n" for host, port in boxes))
    (folder / "address.list").write_text("".join(f"1 {caller} 32\n" for caller in callers))
    with proxy.log_file.open("wb") as log:
        process = subprocess.Popen(
            [
                *machine.within,
                *(found, "-f", str(folder / "kamailio.cfg"), "-DD", "-E"),
                *("-m", "64", "-M", "8", "-Y", str(folder), "-P", str(folder / "pid")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def ready() -> bool:
        assert process.poll() is None, f"Kamailio ended:\n{proxy.log()}"
        try:
            states = proxy.states()
        except subprocess.CalledProcessError:
            return False
        return len(states) == len(boxes) and set(states.values()) == {"AP"}

    try:
        until(ready, "Kamailio knows that every box lives")
        yield proxy
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
