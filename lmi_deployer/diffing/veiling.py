"""Keeps a secret out of a snapshot while a changed one still is a change."""

from __future__ import annotations

import hashlib
import secrets as randomness

from lmi_deployer.diffing.hiding import HIDDEN
from lmi_deployer.secrets import is_secret
from lmi_deployer.spec import Value

_KEY = randomness.token_bytes(32)
"""Known to this process alone, so that what is shown of a short secret cannot be tried out."""


def veiled(key: str, value: Value) -> Value:
    """The value, or what stands for one that is a secret: equal for equal ones in this process."""
    if not is_secret(key, value):
        return value
    digest = hashlib.blake2b(str(value).encode(), key=_KEY, digest_size=4).hexdigest()
    return f"{HIDDEN} ({digest})"
