"""Names that shells complete: those of the catalog, of profiles, and words that stand for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

INSTANCES = "instances"
_PREFIX = "ml."


def names_of(table: str) -> Complete:
    """Completes the names of a table of the catalog."""

    def names() -> Iterable[str]:
        from lmi_deployer import catalog

        return catalog.names(table)

    return _completes(names)


def words(*allowed: str) -> Complete:
    """Completes a few words."""
    return _completes(lambda: allowed)


def instance_types(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Instance types, with `ml.` or without as they were begun."""
    from lmi_deployer import catalog

    names = catalog.names(INSTANCES)
    if incomplete and not incomplete.startswith(_PREFIX[: len(incomplete)]):
        names = tuple(name.removeprefix(_PREFIX) for name in names)
    return _items(names, incomplete)


def models(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Profiles, and ids of the catalog, whatever their case."""
    from lmi_deployer import catalog
    from lmi_deployer.resources import profile_names

    return _items([*profile_names(), *catalog.names("models")], incomplete, folds=True)


def cards(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """GPUs by all of their names, whatever their case."""
    from lmi_deployer import catalog

    rows = catalog.raw_rows("gpus")
    names = [name for key in rows for name in (key, *rows[key].get("aliases", ()))]
    return _items(dict.fromkeys(names), incomplete, folds=True)


def backends(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Backends of profiles."""
    from typing import get_args

    from lmi_deployer.catalog.rows import Backend

    return _items(get_args(Backend), incomplete)


def methods(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Methods of quantization."""
    from typing import get_args

    from lmi_deployer.catalog.rows import QuantizeMethod

    return _items((*get_args(QuantizeMethod), "none"), incomplete)


def _completes(names: Callable[[], Iterable[str]]) -> Complete:
    def complete(
        _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return _items(names(), incomplete)

    return complete


def _items(names: Iterable[str], incomplete: str, *, folds: bool = False) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    begun = incomplete.lower() if folds else incomplete
    shown = (name for name in names if (name.lower() if folds else name).startswith(begun))
    return [CompletionItem(name) for name in shown]
