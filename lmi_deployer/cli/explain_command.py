"""`lmi-deploy explain`: what a finding, an option or a decided value means and comes from."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.container_option import container_option, container_override
from lmi_deployer.cli.options import output_option
from lmi_deployer.cli.output import painter, print_document
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from lmi_deployer.explain.options import Topic

CODE = re.compile(r"LMI\d+", re.IGNORECASE)
MOST_COLUMNS = 100
"""Longer lines are hard to read; this also is the width where output is piped."""


def _complete(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Codes, keys, variables and profiles that begin like this, in the case of the catalog."""
    from click.shell_completion import CompletionItem

    start = incomplete.lower()
    return [CompletionItem(word) for word in _words() if word.lower().startswith(start)]


def _words() -> Iterator[str]:
    """Everything that `explain` takes as its first word."""
    from lmi_deployer import catalog
    from lmi_deployer.explain.options import names, newest_version, variables
    from lmi_deployer.findings import CODES
    from lmi_deployer.resources import profile_names

    yield from CODES
    rows, newest = catalog.raw_rows("options"), newest_version()
    words = {name for key, row in rows.items() for name in names(key, row, newest)}
    words |= {row.name for row in variables()}
    yield from sorted(words | set(profile_names()))


@click.command("explain")
@click.argument("what", metavar="CODE|KEY|MODEL", shell_complete=_complete)
@click.argument("key", required=False)
@click.option("-p", "--profile", "hardware", multiple=True, metavar="HARDWARE", help="Of MODEL.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@container_option("Only what KEY means in this version, or MODEL comes to with it.")
@output_option
def command(
    what: str,
    key: str | None,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    container: str | None,
    output: str,
) -> int:
    """Explain a finding's CODE, a KEY of the container, or the values of MODEL.

    KEY is a key of serving.properties, an environment variable or a setting of a profile.
    With MODEL and -p, every value that was decided and where it comes from; a second word names
    one of them.
    """
    as_json = output == "json"
    if hardware or key is not None:
        _explain_values(what, key, hardware, overrides, container, as_json=as_json)
    elif CODE.fullmatch(what):
        if overrides or container is not None:
            raise click.UsageError("a code means the same whatever is set")
        _explain_code(what, as_json=as_json)
    else:
        _explain_key(what, overrides, container, as_json=as_json)
    return 0


def _width() -> int:
    return min(MOST_COLUMNS, shutil.get_terminal_size((MOST_COLUMNS, 24)).columns)


def _explain_code(word: str, *, as_json: bool) -> None:
    from lmi_deployer.explain import codes

    row = codes.find_code(word)
    if as_json:
        print_document(**codes.as_json(row))
    else:
        click.echo(codes.as_text(row, _width()))


def _explain_key(
    word: str, overrides: tuple[str, ...], version: str | None, *, as_json: bool
) -> None:
    from lmi_deployer import catalog
    from lmi_deployer.explain import option_pages, options

    about = None if version is None else options.known_version(version)
    rows, newest = catalog.raw_rows("options"), options.newest_version()
    topic = options.find(word, rows, options.variables(), newest)
    if topic.is_empty and _is_profile(word):
        _explain_values(word, None, (), overrides, version, as_json=as_json)
        return
    _require(topic, word)
    if overrides:
        raise click.UsageError("--set is for the values of a profile")
    if as_json:
        print_document(**option_pages.as_json(topic, about))
    else:
        click.echo(option_pages.as_text(topic, about, _width()))


def _is_profile(word: str) -> bool:
    from lmi_deployer.resources import find_profile

    try:
        find_profile(word)
    except InputError:
        return False
    return True


def _require(topic: Topic, word: str) -> None:
    """Raise InputError for a word that names nothing."""
    from lmi_deployer.nearest import nearest

    if topic.is_empty:
        near = nearest(word, _words()) or nearest(word.upper(), _words())
        listed = "`lmi-deploy catalog options` lists the keys"
        fix = f"did you mean {near!r}?" if near else listed
        raise InputError(f"there is no code, key, variable or profile {word!r}", fix=fix)


def _explain_values(
    model: str,
    key: str | None,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    container: str | None,
    *,
    as_json: bool,
) -> None:
    from lmi_deployer import api
    from lmi_deployer.decided import decided_values
    from lmi_deployer.explain import values

    if container is not None:
        overrides = (*overrides, container_override(container))
    names = [name for text in hardware for name in text.split(",") if name]
    documents, pages = [], []
    for checked in api.check_model(model, names, overrides):
        spec = checked.spec
        assert spec is not None
        decided = decided_values(spec, checked.lock)
        chosen = decided if key is None else values.select(decided, key)
        content = values.as_json(chosen)
        documents.append({"profile": spec.name, "hardware": spec.hardware, "values": content})
        width = _width()
        page = f"{spec.title}\n{values.table(chosen, width=width)}"
        if key is None:
            page = values.page(spec, checked.findings, chosen, painter(), width=width)
        pages.append(page)
    if as_json:
        print_document(profiles=documents)
    else:
        click.echo("\n\n".join(pages))
