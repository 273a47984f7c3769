"""Removes engines from a cache so that, whenever it stops, none looks complete that is not.

Only what lmi-deploy and its jobs write goes; files of others in an engine's folder stay.
"""

from __future__ import annotations

from collections.abc import Callable

from lmi_deployer.artifact.manifest import MANIFEST_FILE
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.caching.entries import Entry, read_entry
from lmi_deployer.caching.pages import plain


def remove(store: Store, entry: Entry, say: Callable[[str], None]) -> bool:
    """Remove an engine, its manifest first; False where somebody has written it since."""
    now = read_entry(store, entry.name)
    if now is None:
        return True
    if now.foreign:
        left = ", ".join(map(plain, now.foreign))
        say(f"{entry.name}: left alone, as lmi-deploy did not write it: {left}")
    if now.files != entry.files:
        say(f"{entry.name} has changed meanwhile, and stays")
        return False
    store.delete([f"{entry.prefix}{MANIFEST_FILE}"])
    store.delete([f"{entry.prefix}{path}" for path in now.files if path != MANIFEST_FILE])
    try:
        store.clean(entry.prefix)
    except StoreError as error:  # the engine is gone all the same, and others are to follow
        say(f"what interrupted uploads of {entry.name} left is still there: {error}")
    return True
