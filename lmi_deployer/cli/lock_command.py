"""`lmi-deploy lock`: the facts of the models that profiles name, kept beside the profiles."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lmi_deployer.cli.options import output_option, quiet_option
from lmi_deployer.cli.output import painter, print_document, progress
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding
from lmi_deployer.findings_report import finding_as_json, findings_text
from lmi_deployer.locking import report
from lmi_deployer.locking.asking import Asking
from lmi_deployer.locking.folder import ProfileFolder, profile_folders
from lmi_deployer.locking.updating import Outcome, can_move, is_open
from lmi_deployer.resources import data_folder, find_profile

INVALID = 2


@click.command("lock")
@click.argument("paths", nargs=-1, metavar="[PROFILE...]")
@click.option("--check", is_flag=True, help="Say what is stale, with exit status 2; ask nobody.")
@click.option("--upgrade", is_flag=True, help="Take the newest commits, and show what moved.")
@click.option("--offline", is_flag=True, help="Take facts from the catalog; ask nobody.")
@click.option(
    "--from",
    "copies",
    multiple=True,
    metavar="MODEL_ID=PLACE",
    help="Read a model's facts in a folder or S3 prefix that holds a copy of it; repeatable.",
)
@click.option("--region", metavar="REGION", envvar="LMI_DEPLOY_REGION", help="AWS region.")
@click.option(
    "--aws-profile",
    metavar="NAME",
    envvar="LMI_DEPLOY_AWS_PROFILE",
    help="Credentials of ~/.aws to use for copies on S3.",
)
@output_option
@quiet_option
def command(
    paths: tuple[str, ...],
    check: bool,
    upgrade: bool,
    offline: bool,
    copies: tuple[str, ...],
    region: str | None,
    aws_profile: str | None,
    output: str,
    quiet: bool,
) -> int:
    """Lock the facts of every model that profiles name: commit, configuration, sizes, counts.

    PROFILE is a profile, its name, or a folder of profiles; ./profiles when left out. The facts
    stand in lmi.lock beside them. What is locked stays as it is until --upgrade.
    """
    if check and (upgrade or copies):
        raise click.UsageError("--check changes nothing; leave out --upgrade and --from")
    if offline and upgrade:
        raise click.UsageError("--upgrade asks for news; leave out --offline")
    folders = profile_folders(_files(paths, writes=not check))
    if check:
        return _check(folders, output)
    asking = Asking(
        today=datetime.now(UTC).date().isoformat(),
        is_offline=offline,
        places=_places(copies, folders),
        region=region,
        aws_profile=aws_profile,
        say=progress(quiet=quiet),
    )
    done = [(folder, *_updated(folder, asking, upgrade=upgrade)) for folder in folders]
    if output == "json":
        print_document(locks=[_as_json(*item) for item in done])
    else:
        for folder, outcome, is_written in done:
            text = report.outcome_text(
                str(folder.lock_path), outcome, painter(), is_written=is_written
            )
            click.echo(text)
    return _status([outcome for _, outcome, _ in done])


def _updated(folder: ProfileFolder, asking: Asking, *, upgrade: bool) -> tuple[Outcome, bool]:
    again = can_move if upgrade else is_open
    return folder.update(
        ask=asking.ask,
        is_asked_again=lambda entry: again(entry) or entry.model_id in asking.places,
    )


def _check(folders: Sequence[ProfileFolder], output: str) -> int:
    found = [(folder, folder.staleness()) for folder in folders]
    if output == "json":
        locks = [
            {
                "file": str(folder.lock_path),
                "is_current": not findings,
                "findings": [finding_as_json(item) for item in findings],
            }
            for folder, findings in found
        ]
        print_document(locks=locks)
    else:
        for folder, findings in found:
            click.echo(_check_text(folder, findings))
    return INVALID if any(findings for _, findings in found) else 0


def _check_text(folder: ProfileFolder, findings: Sequence[Finding]) -> str:
    paint = painter()
    count = len(folder.wanted)
    mark = paint("stale", "red") if findings else paint("ok", "green")
    line = f"{mark}  {folder.lock_path}  {count} model{'s' if count != 1 else ''}"
    return f"{findings_text(findings, paint)}\n{line}" if findings else line


def _status(outcomes: Sequence[Outcome]) -> int:
    """The exit status; raises the first error that is about the way to the models."""
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    for failure in failures:
        if failure.finding is None:
            raise failure.error
    return INVALID if failures else 0


def _as_json(folder: ProfileFolder, outcome: Outcome, is_written: bool) -> dict[str, Any]:
    return {
        "file": str(folder.lock_path),
        "is_written": is_written,
        "models": [report.change_as_json(change) for change in outcome.changes],
        "findings": [finding_as_json(item) for item in outcome.findings],
    }


def _files(paths: Sequence[str], *, writes: bool) -> Iterator[tuple[Path, bool]]:
    """The profile files that the arguments name, and whether by their folder."""
    own = Path("profiles")
    if not paths and not own.is_dir():
        raise InputError("there is no folder ./profiles here", fix="name a profile or a folder")
    for name in paths or (str(own),):
        path = Path(name)
        if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
            found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not found:
                raise InputError(f"there are no profiles in {path}", fix="*.yaml files in it")
            yield from ((file, True) for file in found)
            continue
        file = find_profile(name)
        if writes and name == file.stem and file.parent == data_folder("profiles") != own.resolve():
            raise InputError(
                f"{name} comes with lmi-deploy, and so does its lock",
                fix=f"copy {file} into ./profiles first",
            )
        yield file, False


def _places(copies: Sequence[str], folders: Sequence[ProfileFolder]) -> dict[str, str]:
    """Model id and place of every --from."""
    known = {item.model_id for folder in folders for item in folder.wanted.values()}
    places: dict[str, str] = {}
    for copy in copies:
        model_id, equals, place = copy.partition("=")
        if not equals or not place:
            raise click.BadParameter(f"{copy!r} is not of the form MODEL_ID=PLACE")
        if model_id not in known:
            raise InputError(
                f"--from: no profile names {model_id!r}", fix=f"one of {', '.join(sorted(known))}"
            )
        is_s3 = place.startswith("s3://") and not place.endswith("/")
        places[model_id] = f"{place}/" if is_s3 else place
    return places
