"""Numbers that carry their own proof: payment cards and bank accounts."""

from __future__ import annotations

import re

CARD_DIGITS = range(12, 20)
"""ISO/IEC 7812: 19 at most; Maestro has issued 12."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_IBAN_LEAST, _IBAN_DIGITS = 15, 8
"""Norway's is the shortest; so many of its signs are digits at least."""


def is_card(digits: str) -> bool:
    """Whether these digits are a card's: their number is, and the last one proves the others (Luhn)."""
    if len(digits) not in CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(each - 9 if each > 9 else each for each in doubled)
    return total % 10 == 0


def ibans(text: str) -> list[tuple[int, int]]:
    """Where account numbers stand in ``text`` (ISO 13616, remainder 1 by 97); words behind one stay."""
    found = []
    for match in _IBAN.finditer(text):
        account = match.group()
        while account:
            if _proves(re.sub("[ -]", "", account)):
                found.append((match.start(), match.start() + len(account)))
                break
            # The pattern cannot know behind which group the account ends and the sentence goes on.
            account = account[: max(account.rfind(" "), account.rfind("-"), 0)]
    return found


def _proves(account: str) -> bool:
    if len(account) < _IBAN_LEAST or sum(sign.isdigit() for sign in account) < _IBAN_DIGITS:
        return False
    turned = (account[4:] + account[:4]).upper()
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1
