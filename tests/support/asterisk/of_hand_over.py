"""An Asterisk with the shipped dialplan and somewhere to hand over to: a colleague, a queue, a mailbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.asterisk.asterisk_install import AsteriskInstall
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer
from tests.support.asterisk.of_doors import MODULES, Doors

COLLEAGUE = "211"
"""Her telephone is called like her number, as those of FreePBX are; the password is the shipped one's."""
RING_S = 3
"""So long it rings where nobody answers."""
_PHONE = f"""
[{COLLEAGUE}](offhook-media)
context = offhook-phones
auth = {COLLEAGUE}
aors = {COLLEAGUE}
[{COLLEAGUE}]
type = auth
auth_type = userpass
username = {COLLEAGUE}
password = change-me
[{COLLEAGUE}]
type = aor
max_contacts = 1
"""
_DIALPLAN = f"""
[globals](+)
OFFHOOK_RING_S = {RING_S}
[offhook-phones](+)
exten => 710,1,Answer()
 same => n,AGI(${{OFFHOOK_AGI}},${{UNIQUEID}},app=menu)
 same => n,Goto(offhook-result,${{OFFHOOK_RESULT}},1)
[offhook-queue](+)
exten => kiln,1,Queue(kiln,,,,{RING_S})
 same => n,Goto(offhook-back,s,1)
[offhook-voicemail](+)
exten => box,1,VoiceMail(100@default,u)
 same => n,GotoIf($["${{VMSTATUS}}" = "FAILED"]?offhook-back,s,1)
 same => n,Hangup()
"""
FREEPBX = f"""
[globals]
ASTVERSION = 22
[offhook-phones]
include => from-internal
[from-internal]
include => from-internal-custom
include => from-internal-additional
[from-internal-additional]
include => ext-local
[ext-local]
exten => {COLLEAGUE},1,Dial(PJSIP/${{EXTEN}},{RING_S})
 same => n,Hangup(${{HANGUPCAUSE}})
[ext-queues]
exten => 500,1,Queue(kiln,t,,,{RING_S})
 same => n,Hangup()
"""
"""What FreePBX generates, as far as our call goes through it: its contexts, one extension, one queue."""
FREEPBX_CUSTOM = f"""
[from-internal-custom]
exten => 7777,1,Goto(offhook,s,1)
[offhook-transfer](+)
exten => desk,1,Dial(Local/{COLLEAGUE}@from-internal/n,${{OFFHOOK_RING_S}},${{OFFHOOK_DIAL}})
 same => n,Goto(offhook-back,s,1)
[offhook-queue](+)
exten => kiln,1,Goto(ext-queues,500,1)
"""
"""extensions_custom.conf, behind the include of ours: what docs/howto/freepbx.md says."""
DESK = """exten => desk,1,Dial(PJSIP/softphone,${OFFHOOK_RING_S},${OFFHOOK_DIAL})
 same => n,Goto(offhook-back,s,1)
"""
"""Of the shipped dialplan."""
_QUEUE = f"[general]\n[kiln]\ntimeout = {RING_S}\nmember => PJSIP/{COLLEAGUE}\njoinempty = yes\n"
_VOICEMAIL = "[general]\nformat = wav\nmaxsecs = 30\nminsecs = 1\n[default]\n100 => 4242,Kiln\n"
PEOPLE = ("app_queue", "app_voicemail", "res_musiconhold", "res_adsi")


@contextmanager
def asterisk_of_hand_over(
    install: AsteriskInstall,
    scripts: Sequence[Path] = (),
    dialplan: str = _DIALPLAN,
    adjust: Callable[[Path], None] = lambda etc: None,
    doors: Doors | None = None,
) -> Iterator[AsteriskServer]:
    """``dialplan`` is added to the shipped one; ``adjust`` may change what else there is.

    ``doors``: calls come by AudioSocket as well, as the shipped file for that has it.
    """
    modules = PEOPLE + (MODULES if doors is not None else ())
    if doors is not None:
        addresses = f"OFFHOOK_FASTAGI = {doors.fastagi}\nOFFHOOK_AUDIOSOCKET = {doors.audiosocket}\n"
        dialplan = f'\n#include "{SHIPPED / "offhook-doors.conf"}"\n{dialplan}[globals](+)\n{addresses}'

    def with_people(etc: Path) -> None:
        for name, text in {"pjsip": _PHONE, "extensions": dialplan}.items():
            with (etc / f"{name}.conf").open("a") as file:
                file.write(text)
        with (etc / "modules.conf").open("a") as file:
            file.write("\n[modules](+)\n" + "".join(f"load = {name}.so\n" for name in modules))
        (etc / "http.conf").write_text("[general]\nenabled = no\n")
        (etc / "queues.conf").write_text(_QUEUE)
        (etc / "voicemail.conf").write_text(_VOICEMAIL)
        (etc / "musiconhold.conf").write_text("[general]\n")
        adjust(etc)

    with AsteriskServer(install, scripts, with_people) as server:
        yield server
