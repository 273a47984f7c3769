"""Who is making an artifact on a machine of their own: a lease that runs out by itself.

Of two that want it at once, the store lets exactly one write it. A process that dies lets its claim
run out; nothing has to be cleaned up. Jobs on SageMaker need none: their name is the lock there.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import dataclass
from typing import Optional, Tuple

from lmi_deployer.artifact.store import Store, StoreError

CLAIM_FILE = "claim.json"
SCHEMA_VERSION = 1


class ClaimLostError(StoreError):
    """A claim ran out and somebody else has taken it: what it was for must not go on."""


@dataclass(frozen=True)
class Claim:
    """What stands in claim.json. Times are seconds since 1970, by the owner's clock."""

    owner: str
    taken_seconds: float
    ends_seconds: float

    def is_live(self, now: float) -> bool:
        """True until it runs out, or is released."""
        return now < self.ends_seconds


def new_owner() -> str:
    """A name for this process that no other has, and that tells people where it runs."""
    return f"{socket.gethostname()}, process {os.getpid()}, {uuid.uuid4().hex[:8]}"


def look(store: Store, prefix: str) -> Optional[Claim]:
    """The claim below a prefix, live or not; None where nobody has ever made one."""
    return _look(store, prefix)[0]


def take(store: Store, prefix: str, owner: str, now: float, seconds: float) -> Optional[Claim]:
    """A claim until `seconds` from now; None where somebody else has a live one.

    One that has run out is taken over. Taking one's own again makes it last longer.
    """
    claim = Claim(owner, now, now + seconds)
    found, version = _look(store, prefix)
    if found is not None and found.owner != owner and found.is_live(now):
        return None
    return claim if _write(store, prefix, claim, version) else None


def renew(store: Store, prefix: str, claim: Claim, now: float, seconds: float) -> Claim:
    """The claim, now until `seconds` from now. Raises ClaimLostError where it is another's."""
    longer = Claim(claim.owner, claim.taken_seconds, now + seconds)
    found, version = _look(store, prefix)
    is_ours = found is not None and found.owner == claim.owner
    if not is_ours or not _write(store, prefix, longer, version):
        raise ClaimLostError(f"{store.root}{prefix}{CLAIM_FILE} is no longer that of {claim.owner}")
    return longer


def release(store: Store, prefix: str, claim: Claim) -> None:
    """End a claim early; nothing happens to one that is another's by now.

    The file stays, as one that has run out: a file cannot be deleted everywhere on condition that
    nobody has written it meanwhile.
    """
    found, version = _look(store, prefix)
    if found is not None and found.owner == claim.owner:
        _write(store, prefix, Claim(claim.owner, claim.taken_seconds, 0), version)


def parse(content: bytes) -> Optional[Claim]:
    """The claim in a file; None for one that cannot be read, which holds nobody up."""
    try:
        document = json.loads(content)
        if document["schema_version"] != SCHEMA_VERSION:
            return None
        times = float(document["taken_seconds"]), float(document["ends_seconds"])
        return Claim(str(document["owner"]), *times)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _look(store: Store, prefix: str) -> Tuple[Optional[Claim], Optional[str]]:
    """The claim, and the version of the file; that is looked at first, so it is never newer."""
    stored = store.find(prefix + CLAIM_FILE)
    content = store.read(prefix + CLAIM_FILE) if stored is not None else None
    if stored is None or content is None:
        return None, None
    return parse(content), stored.version


def _write(store: Store, prefix: str, claim: Claim, version: Optional[str]) -> bool:
    """Write a claim over the version seen; True where it stands there then.

    A client that sends a request again after a lost answer is refused by its own first try, so
    what stands there decides.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "owner": claim.owner,
        "taken_seconds": claim.taken_seconds,
        "ends_seconds": claim.ends_seconds,
    }
    content = (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
    path = prefix + CLAIM_FILE
    if version is None:
        is_written = store.create(path, content)
    else:
        is_written = store.replace(path, content, version)
    return is_written or store.read(path) == content
