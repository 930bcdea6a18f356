"""The AGI header, line for line as Asterisk 22 prints it for EAGI()."""

from __future__ import annotations

import threading
from collections.abc import Sequence


def agi_header(
    request: str,
    args: Sequence[str],
    *,
    uniqueid: str,
    channel: str = "PJSIP/simulated-00000001",
    language: str = "en",
    callerid: str = "unknown",
    calleridname: str = "unknown",
    dnid: str = "unknown",
    context: str = "offhook",
    extension: str = "s",
    priority: str = "1",
) -> bytes:
    """20 lines, one more for each argument of the application, and a blank one."""
    lines = [
        f"agi_request: {request}",
        f"agi_channel: {channel}",
        f"agi_language: {language}",
        f"agi_type: {channel.partition('/')[0]}",
        f"agi_uniqueid: {uniqueid}",
        "agi_version: 22.10.0",
        f"agi_callerid: {callerid}",
        f"agi_calleridname: {calleridname}",
        "agi_callingpres: 0",
        "agi_callingani2: 0",
        "agi_callington: 0",
        "agi_callingtns: 0",
        f"agi_dnid: {dnid}",
        "agi_rdnis: unknown",
        f"agi_context: {context}",
        f"agi_extension: {extension}",
        f"agi_priority: {priority}",
        "agi_enhanced: 1.0",
        "agi_accountcode: ",
        f"agi_threadid: {threading.get_ident()}",
    ]
    lines += [f"agi_arg_{number}: {arg}" for number, arg in enumerate(args, 1)]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "surrogateescape")
