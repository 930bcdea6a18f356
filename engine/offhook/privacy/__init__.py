"""What leads to a person is taken out of words before they are written anywhere.

``redaction`` is the door; ``spoken`` finds numbers however they were said, ``addresses`` e-mail addresses,
``identifiers`` knows a card from an account.  Pure.
"""

from offhook.privacy.redaction import redact

__all__ = ["redact"]
