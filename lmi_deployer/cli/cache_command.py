"""`lmi-deploy cache`: the compiled engines that are kept, and which of them may go."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.cache_place import Place, cache_options, opened
from lmi_deployer.cli.options import (
    AwsOptions,
    model_argument,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import is_terminal, print_document, progress, say
from lmi_deployer.errors import ApprovalError, AwsError, InputError

if TYPE_CHECKING:
    from lmi_deployer.caching.entries import Entry
    from lmi_deployer.caching.pruning import Criteria, Verdict

SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


@click.group("cache")
def command() -> None:
    """List, verify and prune the cache of compiled engines.

    It is `engines/` below the artifacts of the account, unless --cache or a profile names another.
    """


@command.command("ls")
@functools.partial(model_argument, required=False)
@cache_options
@output_option
def list_command(
    model: str | None,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    cache: str | None,
    where: AwsOptions,
    output: str,
) -> None:
    """List the engines in the cache; with MODEL, mark the one that it would use.

    Where it would use none, the nearest one is named, with all in which it differs.
    """
    from lmi_deployer import api
    from lmi_deployer.caching import pages

    if model is None and (hardware or overrides):
        raise click.UsageError("-p and --set need a MODEL")
    specs = [] if model is None else [spec for spec, _ in api.decide(model, hardware, overrides)]
    with opened(cache, where, specs) as place:
        entries = place.entries()
        matches = [place.match(spec, entries) for spec in specs]
    now = time.time()
    if output == "json":
        documents = [pages.document(entry, now) for entry in entries]
        matched = {"profiles": [item.document() for item in matches]} if specs else {}
        print_document(cache=place.store.root, sandbox=where.sandbox, engines=documents, **matched)
        return
    chosen = {item.entry.name for item in matches if item.entry and item.is_usable}
    table = pages.entries_page(entries, now, chosen) if entries else "there are no engines"
    lines = [_title(place), table, *(line for item in matches for line in item.lines())]
    click.echo("\n".join(lines))


@command.command("verify")
@click.argument("keys", metavar="[KEY...]", nargs=-1)
@cache_options
@output_option
@quiet_option
@click.option("--deep", is_flag=True, help="Read every byte, instead of sizes and what S3 says.")
@click.option(
    "--record",
    is_flag=True,
    help="With --deep: where every hash holds, note the files' new ETags, as after a copy.",
)
def verify_command(
    keys: tuple[str, ...],
    cache: str | None,
    where: AwsOptions,
    output: str,
    quiet: bool,
    deep: bool,
    record: bool,
) -> int:
    """Check engines: files, sizes, hashes, layout, ranks, keys. Exit with 1 if one is damaged.

    KEY is a key or the beginning of one; without any, everything that is complete is checked.
    """
    from lmi_deployer.caching import pages

    if record and not deep:
        raise click.UsageError("--record needs --deep, which reads what is recorded")
    tell = progress(quiet=quiet)
    with opened(cache, where) as place:
        entries = _named(place.entries(), keys)
        found = {}
        for entry in entries:
            if deep:
                tell(f"{entry.name}: reading {len(entry.files)} files")
            asked = {"deep": deep, "records": record, "is_asked": bool(keys)}
            found[entry.name] = _problems(place, entry, **asked)
    is_damaged = any(found.values())
    if output == "json":
        engines = [
            {
                "engine": entry.name,
                # What --record has just put right was damaged when it was listed.
                "state": "complete" if record and not found[entry.name] else entry.state,
                "problems": found[entry.name],
            }
            for entry in entries
        ]
        print_document(cache=place.store.root, sandbox=where.sandbox, deep=deep, engines=engines)
    else:
        click.echo("\n".join([_title(place), *pages.verified_lines(entries, found)]))
    return int(is_damaged)


@command.command("prune")
@cache_options
@output_option
@yes_option
@quiet_option
@click.option(
    "--older-than",
    metavar="SPAN",
    callback=lambda _context, _option, value: _seconds(value),
    help="Remove engines made longer ago: 30d, 12h, 2w.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    metavar="N",
    help="Remove all but the N newest engines of each model.",
)
@click.option("--unused", is_flag=True, help="Remove engines that no endpoint serves from.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and stop.")
def prune_command(
    cache: str | None,
    where: AwsOptions,
    output: str,
    yes: bool,
    quiet: bool,
    older_than: int | None,
    keep: int | None,
    unused: bool,
    dry_run: bool,
) -> None:
    """Remove what is half-written or damaged for over a day, and engines that the options name.

    Of several options, an engine has to meet all. Nothing is removed that may be under way, or
    that an endpoint of lmi-deploy in this account and region serves from. The plan is shown
    before anything is done.
    """
    from lmi_deployer.caching import pages
    from lmi_deployer.caching.pruning import Criteria, decide
    from lmi_deployer.caching.removing import remove

    criteria = Criteria(older_than_seconds=older_than, keep=keep, is_unused=unused)
    with opened(cache, where) as place:
        entries = place.entries()
        used = _used(place, criteria) if entries else {}
        verdicts = decide(entries, criteria, used, time.time())
        going = [verdict for verdict in verdicts if verdict.goes]
        as_json = output == "json"
        click.echo("\n".join([_title(place), *pages.plan_lines(verdicts)]), err=as_json)
        removed: list[str] = []
        try:
            if going and not dry_run:
                _approve(len(going), yes=yes)
                for verdict in going:
                    is_gone = remove(place.store, verdict.entry, progress(quiet=quiet))
                    removed += [verdict.entry.name] if is_gone else []
        finally:
            if as_json:
                _print_pruned(place, where, verdicts, removed)
    if removed and not as_json:
        click.echo(f"removed {len(removed)}")


def _seconds(value: str | None) -> int | None:
    """`30d` as seconds."""
    if value is None:
        return None
    if not value[:-1].isdecimal() or value[-1] not in SECONDS:
        raise click.BadParameter(f"{value!r} is not of the form 30d, 12h or 2w")
    return int(value[:-1]) * SECONDS[value[-1]]


def _title(place: Place) -> str:
    return place.store.root if place.where is None else f"{place.store.root}    {place.where}"


def _named(entries: Sequence[Entry], keys: Sequence[str]) -> list[Entry]:
    """The entries of these keys, or all. Raises InputError for a key of none or of several."""
    chosen = []
    for key in keys:
        fitting = [entry for entry in entries if entry.is_of(key)]
        if not fitting:
            problem = f"no engine's key begins with {key!r}"
            raise InputError(problem, fix="lmi-deploy cache ls")
        if len(fitting) > 1:
            listed = ", ".join(entry.name for entry in fitting)
            raise InputError(
                f"the keys of several engines begin with {key!r}: {listed}",
                fix="more characters of the key",
            )
        chosen += fitting
    return chosen if keys else list(entries)


def _problems(
    place: Place, entry: Entry, *, deep: bool, records: bool, is_asked: bool
) -> list[str]:
    """What is wrong with an entry. Half-written is only wrong where somebody asked for it."""
    from lmi_deployer.artifact.committing import record
    from lmi_deployer.artifact.verifying import verify

    if entry.manifest is not None and records:
        return record(place.store, entry.prefix)
    if entry.manifest is not None:
        return verify(place.store, entry.prefix, entry.manifest, deep=deep)
    if entry.problem is not None:
        return [entry.problem]
    return ["it is half-written: it has no manifest"] if is_asked else []


def _used(place: Place, criteria: Criteria) -> dict[str, list[str]]:
    """Which engines endpoints serve from.

    Raises InputError where that cannot be read and complete engines may go.
    """
    if place.aws is None:
        if criteria.is_unused:
            raise InputError(
                "no endpoint serves from a folder of this machine, so all of it is unused",
                fix="--older-than or --keep",
            )
        return {}
    from lmi_deployer.caching.used import used_engines

    try:
        return used_engines(place.aws, place.store.root)
    except (AwsError, InputError) as error:
        if criteria.is_any:
            problem = f"what endpoints serve from is not known: {error.problem}"
            fix = "credentials that may read endpoints; without options only what is unusable goes"
            raise InputError(problem, fix=fix) from error
        say(f"warning: engines that endpoints serve from may be among them: {error.problem}")
        return {}


def _approve(count: int, *, yes: bool) -> None:
    if yes:
        return
    if not is_terminal():
        raise ApprovalError("this needs an approval", fix="--yes, or a terminal to answer on")
    if not click.confirm(f"Remove {count}?", default=False, err=True):
        raise ApprovalError("not approved; nothing was removed")


def _print_pruned(
    place: Place, where: AwsOptions, verdicts: Sequence[Verdict], removed: Sequence[str]
) -> None:
    engines = [
        {
            "engine": item.entry.name,
            "state": item.entry.state,
            "size_bytes": item.entry.size_bytes,
            "goes": item.goes,
            "reason": item.reason,
            "left_alone": list(item.entry.foreign),
            "removed": item.entry.name in removed,
        }
        for item in verdicts
    ]
    print_document(cache=place.store.root, sandbox=where.sandbox, engines=engines)
