"""A classic menu, as an AGI application.

offhook.toml:    [apps.menu]
                 function = "/etc/offhook/menu.py:main"
extensions.conf: exten => 710,1,Answer()
                  same => n,AGI(offhook-eagi,${UNIQUEID},app=menu)
                  same => n,Goto(offhook-result,${OFFHOOK_RESULT},1)
"""

from offhook.apps.caller import Caller

MEMBERS = "members"
"""A family of Asterisk's own database: database put members 4711 250"""


def main(caller: Caller) -> str | None:
    """1: a balance by member number.  0: a person, by the agents' own way.  Three tries."""
    for _ in range(3):
        choice = caller.get_data("vm-options", digits=1)
        if choice == "0":
            caller.set("OFFHOOK_TARGET", "desk")
            return "transfer"
        if choice == "1":
            balance(caller)
            return None
        caller.play("pbx-invalid")
    return None


def balance(caller: Caller) -> None:
    """Reads what the member has."""
    member = caller.get_data("vm-extension", digits=4, least=4, tries=3)
    value = caller.database_get(MEMBERS, member)
    if value is None:
        caller.play("pbx-invalid")
        return
    caller.say("digits", member)
    caller.say("number", value)
