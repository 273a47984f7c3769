"""Small profiles to migrate, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.migrating import Carried, Migration, migrate
from lmi_deployer.render import properties
from lmi_deployer.resolve import resolve

REVISION = "2f5c3cd4eace6be6c0f12981f377fb35e5bf6ee5"


def profile(version: str, *lines: str, top: Iterable[str] = (), more: Iterable[str] = ()) -> str:
    """A profile with one hardware profile, `a`; `lines` go into it, `more` below it."""
    return "\n".join(
        [
            "apiVersion: lmi-deploy/v1",
            "kind: ModelProfile",
            "name: chat",
            "model: {id: TheBloke/Llama-2-13B-fp16, dtype: fp16}",
            f'container: {{version: "{version}"}}',
            "traffic: {max_input_len: 1024, max_output_len: 512}",
            *top,
            "profiles:",
            "  a:",
            "    instance_type: ml.g5.12xlarge",
            *(f"    {line}" for line in lines),
            *(f"  {line}" for line in more),
            "",
        ]
    )


def moved(
    text: str, to: str, *, only: Collection[str] = (), drops: Collection[str] = ()
) -> Migration:
    """The migration of a text, which must not be refused."""
    migration = migrate(text, "chat.yaml", to, only=only, drops=drops)
    assert not migration.refusals, "\n".join(map(str, migration.refusals))
    return migration


def refusal(text: str, to: str, *, drops: Collection[str] = ()) -> str:
    """Why a text cannot be moved, in one text."""
    migration = migrate(text, "chat.yaml", to, drops=drops)
    assert migration.refusals
    assert migration.after == text
    return "\n".join(map(str, migration.refusals))


def only_one(migration: Migration) -> Carried:
    """What became of the one hardware profile that moved."""
    (carried,) = migration.carried
    return carried


def told(migration: Migration) -> str:
    """Every note, in one text."""
    return "\n".join(
        f"{note.severity} {note.text} {note.advice}"
        for carried in migration.carried
        for note in carried.notes
    )


def changed(migration: Migration) -> dict[str, str]:
    """Key: action of each change of the one hardware profile."""
    return {change.key: change.action for change in only_one(migration).changes}


def rendered(text: str, hardware: str = "a") -> dict[str, str]:
    """serving.properties of a hardware profile."""
    return properties(resolve(merge(load_profile(text, "chat.yaml"), hardware)))
