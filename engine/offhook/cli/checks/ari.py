"""ARI: whether Asterisk answers there, and has what calls need."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from offhook.cli.checks.finding import Finding, fail, ok, warn
from offhook.config import Config
from offhook.errors import ConfigError
from offhook.files import read_text

_WITHIN_S = 3.0
_MODULES = {
    "audiosocket": ("chan_audiosocket.so", "res_stasis.so", "app_stasis.so"),
    "websocket": ("chan_websocket.so", "res_stasis.so", "app_stasis.so"),
}


def check_ari(config: Config, transport: httpx.BaseTransport | None = None) -> Iterator[Finding]:
    """Nothing where ``[doors.ari]`` is not set up.  ``transport`` is for tests."""
    ari = config.doors.ari
    if config.outbound.allow and ari.url is None and ari.listen is None:
        yield fail("calls are to be placed, and doors.ari is not set up", "see docs/howto/ari.md")
    if ari.url is None:
        if ari.listen is not None:
            yield ok(f"ARI: Asterisk connects to {ari.listen}")
        return
    try:
        password = "" if ari.password_file is None else read_text(ari.password_file).strip()
    except ConfigError as error:
        yield warn(str(error), "run the doctor as the daemon's user")
        return
    with httpx.Client(
        base_url=ari.url.rstrip("/") + "/",
        auth=(ari.username, password),
        timeout=_WITHIN_S,
        trust_env=False,
        transport=transport,
    ) as client:
        try:
            answer = client.get("asterisk/info", params={"only": "system"})
        except httpx.HTTPError as error:
            yield fail(
                f"ARI does not answer at {ari.url}: {type(error).__name__}",
                "enable Asterisk's HTTP server and ARI: asterisk/http.conf and asterisk/ari.conf",
            )
            return
        if answer.status_code == 401:
            yield fail(f"ARI refuses user {ari.username!r}", "the password file has to hold that of ari.conf")
            return
        if answer.status_code != 200:
            yield fail(f"ARI answers {answer.status_code} at {ari.url}", "is res_ari_asterisk loaded?")
            return
        version = answer.json().get("system", {}).get("version", "?")
        missing = [each for each in _MODULES[ari.media] if client.get(f"asterisk/modules/{each}").is_error]
    if missing:
        yield fail(f"Asterisk has not loaded {', '.join(missing)}", "load them: asterisk/modules.conf, ARI")
    else:
        yield ok(f"ARI of Asterisk {version}")
