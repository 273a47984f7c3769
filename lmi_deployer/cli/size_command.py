"""`lmi-deploy size`: does a model fit, on what, and how much is left for requests."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmi_deployer.cli import completing
from lmi_deployer.cli.options import model_argument, output_option
from lmi_deployer.cli.output import painter, print_document, say
from lmi_deployer.cli.size_options import MOST_GPUS, as_wanted, count, given_flags, settings_options
from lmi_deployer.cli.size_picture import draw
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.answering.answer import Answer
    from lmi_deployer.answering.subject import Subject
    from lmi_deployer.catalog.rows import InstanceType
    from lmi_deployer.sizing.asked import Machine, Understood, Wanted
    from lmi_deployer.spec import ResolvedSpec

DOES_NOT_FIT = 2
"""Exit status with --check."""
WIDEST = 100


@click.command("size")
@functools.partial(model_argument, completes=completing.models)
@click.option(
    "--instance",
    "--instance-type",
    "instance",
    metavar="TYPE",
    shell_complete=completing.instance_types,
    help="Instance type to ask about, with or without `ml.`.",
)
@click.option(
    "--gpu",
    metavar="GPU",
    shell_complete=completing.cards,
    help="GPU to ask about, such as A10G or A100-80GB.",
)
@click.option(
    "--gpu-count", metavar="N", callback=count(MOST_GPUS), help="How many of them.  [default: 1]"
)
@settings_options
@click.option(
    "--concurrency",
    metavar="N",
    callback=count(),
    help="Requests in flight on each copy, for the speed.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="config.json that says what MODEL is.",
)
@click.option("--refresh", is_flag=True, help="Look MODEL up on the hub, or on S3.")
@click.option(
    "--region",
    metavar="REGION",
    envvar="LMI_DEPLOY_REGION",
    shell_complete=completing.names_of("registries"),
    help="Region of prices.",
)
@click.option(
    "--prices",
    "price_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Price lists that come before all others.",
)
@click.option("--aws-profile", metavar="NAME", envvar="LMI_DEPLOY_AWS_PROFILE", help="For S3.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a picture of the memory too: a name that ends in .svg or .png.",
)
@click.option("--check", is_flag=True, help=f"Exit with {DOES_NOT_FIT} where it does not fit.")
@output_option
def command(
    model: str,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    instance: str | None,
    gpu: str | None,
    gpu_count: int | None,
    concurrency: int | None,
    config: Path | None,
    refresh: bool,
    region: str | None,
    price_file: Path | None,
    aws_profile: str | None,
    plot: Path | None,
    check: bool,
    output: str,
    **settings: Any,
) -> int:
    """Say whether MODEL fits a machine, and how much memory is left for requests.

    MODEL is the id of a model, a profile, a config.json or a folder with one. With -p, the machine
    and all settings are those of a hardware profile; else name --instance, or --gpu and
    --gpu-count. Without a machine, every instance type that can host is tried.
    """
    from lmi_deployer import catalog, prices
    from lmi_deployer.answering.subject import Online, find_subject

    if region is not None:
        catalog.registry(region)  # an unknown one is refused with the nearest name
    if plot is not None:
        from lmi_deployer.plotting import check_path

        check_path(plot)
    online = Online(region=region, aws_profile=aws_profile, say=say)
    subject = find_subject(model, config, online if refresh else None)
    known = None if price_file is None else prices.with_file(price_file)
    places = {"concurrency": concurrency, "region": region, "known": known}
    if hardware:
        machine_flags = {"--instance": instance, "--gpu": gpu, "--gpu-count": gpu_count}
        written = [flag for flag, value in machine_flags.items() if value is not None]
        _refuse_flags([*written, *given_flags(settings)])
        answers = _of_profile(subject, model, hardware, overrides, places)
    elif overrides:
        raise click.UsageError("--set is for the settings of a hardware profile; add -p")
    else:
        wanted = _as_the_profile_says(as_wanted(settings), subject)
        machine = _machine(instance, gpu, gpu_count)
        if machine is None:
            return _print_overview(subject, wanted, places, plot, output, is_checked=check)
        answers = [_one(subject, machine, wanted, places)]
    _print(answers, output)
    if plot is not None:
        draw(answers, plot, subject.title)
    fits = all(answer.memory.fits for answer in answers)
    return DOES_NOT_FIT if check and not fits else 0


def _refuse_flags(written: Sequence[str]) -> None:
    if written:
        problem = f"with -p the hardware profile decides, not {', '.join(written)}"
        raise click.UsageError(f"{problem}; change it with --set")


def _machine(instance: str | None, gpu: str | None, count: int | None) -> Machine | None:
    """The machine that was named; None for none."""
    from lmi_deployer.cards import find_gpu
    from lmi_deployer.sizing.asked import machine_of_gpus, machine_of_instance

    if instance is not None and gpu is not None:
        raise click.UsageError("--instance names the GPU already; leave --gpu out")
    if gpu is None and count is not None:
        raise click.UsageError("--gpu-count counts cards of --gpu, which is missing")
    if instance is not None:
        return machine_of_instance(_instance_type(instance))
    return None if gpu is None else machine_of_gpus(find_gpu(gpu), count or 1)


def _instance_type(name: str) -> InstanceType:
    from lmi_deployer import catalog

    return catalog.instance_type(name if name.startswith("ml.") else f"ml.{name}")


def _as_the_profile_says(wanted: Wanted, subject: Subject) -> Wanted:
    """The question with the version and the lengths of the profile, where it does not say others.

    A question about another version of the library alone is about no container.
    """
    from dataclasses import replace

    profile = subject.profile.profile if subject.profile else None
    if profile is None:
        return wanted
    stated: dict[str, Any] = {}
    version = profile.container.version
    if version is not None and wanted.container_version is None and wanted.engine_version is None:
        stated["container_version"] = version
    if wanted.max_model_len is None:
        for name in ("max_input_len", "max_output_len"):
            value = getattr(profile.traffic, name)
            if isinstance(value, int) and getattr(wanted, name) is None:
                stated[name] = value
    return replace(wanted, **stated)


def _one(subject: Subject, machine: Machine, wanted: Wanted, places: dict[str, Any]) -> Answer:
    from lmi_deployer.answering.answer import answer
    from lmi_deployer.sizing import setups

    asked = setups.of_flags(subject.title, subject.facts, machine, wanted)
    return answer(subject.title, asked, **places)


def _of_profile(
    subject: Subject,
    model: str,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    places: dict[str, Any],
) -> list[Answer]:
    """The answer for each named hardware profile, on its own machine and settings."""
    from lmi_deployer import api
    from lmi_deployer.answering.answer import answer

    if subject.profile is None:
        raise InputError(f"-p is for profiles; {model} is none", fix="--instance, or --gpu")
    specs = [spec for spec, _ in api.decide(model, hardware, overrides)]
    return [answer(spec.title, _understood(spec), **places) for spec in specs]


def _understood(spec: ResolvedSpec) -> Understood:
    """The question of a decided hardware profile, with the reasons of what the rules decided."""
    from lmi_deployer.sizing.asked import Understood, machine_of_instance

    if spec.setup is None:
        problem = f"the shape of {spec.weights.model_id} is not known"
        raise InputError(problem, fix="`lmi-deploy lock` asks the hub for its config.json")
    return Understood(
        setup=spec.setup,
        machine=machine_of_instance(spec.instance),
        container=spec.container,
        backend=spec.backend,
        assumed={
            key.rpartition(".")[2]: origin.reason
            for key, origin in spec.origin.items()
            if origin.rule is not None
        },
        evidence=spec.evidence.citation if spec.evidence else None,
    )


def _print(answers: Sequence[Answer], output: str) -> None:
    from lmi_deployer.answering.document import as_json
    from lmi_deployer.answering.page import page

    if output == "json":
        documents = [as_json(answer) for answer in answers]
        print_document(**(documents[0] if len(documents) == 1 else {"answers": documents}))
        return
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    pages = [page(answer, width, painter()) for answer in answers]
    click.echo("\n\n\n".join(pages))


def _print_overview(
    subject: Subject,
    wanted: Wanted,
    places: dict[str, Any],
    plot: Path | None,
    output: str,
    *,
    is_checked: bool,
) -> int:
    from lmi_deployer.answering import overview

    found = overview.overview(subject.title, subject.facts, wanted, **places)
    if output == "json":
        print_document(**overview.as_json(found))
    else:
        width = shutil.get_terminal_size((overview.NO_LIMIT, 24)).columns
        click.echo(overview.as_text(found, width))
    if plot is not None:
        draw(found.answers, plot, subject.title)
    return DOES_NOT_FIT if is_checked and not found.fitting else 0
