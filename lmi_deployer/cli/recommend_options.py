"""The options that say what `recommend` looks for, and the wish that they come to."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from lmi_deployer import prices
from lmi_deployer.cli import completing
from lmi_deployer.cli.container_option import container_option
from lmi_deployer.cli.size_options import count
from lmi_deployer.errors import InputError
from lmi_deployer.recommending import Limits, Subject, Wish

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Backend, QuantizeMethod

Function = TypeVar("Function", bound=Callable[..., Any])
MOST_ROWS = 100


def _names(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Values that are repeated or joined by commas, each once."""
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


_OPTIONS = (
    click.option(
        "--goal",
        type=click.Choice(["cost", "throughput", "latency"]),
        default="cost",
        show_default=True,
        help="What the ranking goes by.",
    ),
    click.option(
        "--max-usd-per-hour",
        type=click.FloatRange(min=0, min_open=True),
        metavar="USD",
        help="Most that one instance may cost.",
    ),
    click.option(
        "--concurrency",
        callback=count(),
        metavar="N",
        help="Requests in flight at once that one instance has to hold; the profile's, if none.",
    ),
    click.option("--max-input-len", callback=count(), metavar="TOKENS", help="Longest prompt."),
    click.option("--max-output-len", callback=count(), metavar="TOKENS", help="Longest answer."),
    click.option(
        "--region",
        metavar="REGION",
        envvar="LMI_DEPLOY_REGION",
        shell_complete=completing.names_of("registries"),
        help="Region whose images and prices count; the newest price of any, if none.",
    ),
    container_option(
        "LMI version, several with commas; the profile's, or the newest that serves it."
    ),
    click.option(
        "--instance",
        "--instance-type",
        "instances",
        multiple=True,
        metavar="TYPE",
        callback=_names,
        shell_complete=completing.instance_types,
        help="Look at this instance type alone, in every way; repeatable.",
    ),
    click.option(
        "--gpu",
        "gpus",
        multiple=True,
        metavar="GPU",
        callback=_names,
        shell_complete=completing.cards,
        help="Look at instance types with this GPU alone; repeatable.",
    ),
    click.option(
        "--backend",
        "backends",
        multiple=True,
        metavar="BACKEND",
        callback=_names,
        shell_complete=completing.backends,
        help="Look at this backend alone; repeatable.",
    ),
    click.option(
        "--quantize",
        "methods",
        multiple=True,
        metavar="METHOD",
        callback=_names,
        shell_complete=completing.methods,
        help="Method that may quantize plain weights; repeatable. None, unless asked for.",
    ),
    click.option(
        "--top",
        type=click.IntRange(1, MOST_ROWS),
        default=5,
        show_default=True,
        help="Rows to show.",
    ),
    click.option(
        "--prices",
        "price_file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Price lists that come before all others.",
    ),
)


def search_options(function: Function) -> Function:
    """Add the options of a search; the command gets them by their names, for `wish_of`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def wish_of(subject: Subject, given: dict[str, Any], *, rows: int) -> Wish:
    """What the options ask for, of at least so many rows. Raises InputError for unknown names."""
    limits = Limits(
        instances=_instances(given["instances"]),
        backends=_backends(given["backends"]),
        gpus=_gpus(given["gpus"]),
        region=given["region"],
        max_usd_per_hour=_amount(given["max_usd_per_hour"]),
        concurrency=given["concurrency"] or subject.concurrency,
    )
    price_file: Path | None = given["price_file"]
    return Wish(
        goal=given["goal"],
        limits=limits,
        containers=_names_of(given["container"]),
        max_input_len=given["max_input_len"],
        max_output_len=given["max_output_len"],
        methods=_methods(given["methods"]),
        top=max(given["top"], rows),
        prices=None if price_file is None else prices.with_file(price_file),
    )


def _amount(usd: float | None) -> float | None:
    """Dollars. Raises InputError for nan and inf, which are floats as well."""
    if usd is not None and not isfinite(usd):
        raise InputError(f"--max-usd-per-hour is {usd}", fix="a number of dollars, such as 20")
    return usd


def _names_of(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").split(",") if name)


def _instances(names: tuple[str, ...]) -> tuple[str, ...]:
    """Instance types, with or without `ml.`. Raises InputError for an unknown one."""
    from lmi_deployer import catalog

    known = catalog.names("instances")
    full = tuple(f"ml.{name}" if f"ml.{name}" in known else name for name in names)
    return _choices("instance type", full, known)


def _gpus(names: tuple[str, ...]) -> tuple[str, ...]:
    from lmi_deployer import cards, catalog
    from lmi_deployer.nearest import did_you_mean

    found = tuple(cards.find_gpu(name) for name in names)
    hosted = [item for item in map(catalog.gpu, catalog.names("gpus")) if item.is_on_sagemaker]
    for item in found:
        if not item.is_on_sagemaker:
            problem = f"no SageMaker instance type has {item.name}"
            raise InputError(problem, fix=did_you_mean(item.name, [row.name for row in hosted]))
    return tuple(item.name for item in found)


def _backends(names: tuple[str, ...]) -> tuple[Backend, ...]:
    from typing import get_args

    from lmi_deployer.catalog.rows import Backend

    return cast("tuple[Backend, ...]", _choices("backend", names, get_args(Backend)))


def _methods(names: tuple[str, ...]) -> tuple[QuantizeMethod, ...]:
    from typing import get_args

    from lmi_deployer.catalog.rows import QuantizeMethod

    asked = tuple(name for name in names if name != "none")
    return cast("tuple[QuantizeMethod, ...]", _choices("method", asked, get_args(QuantizeMethod)))


def _choices(kind: str, names: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    from lmi_deployer.nearest import did_you_mean

    for name in names:
        if name not in allowed:
            raise InputError(f"unknown {kind} {name!r}", fix=did_you_mean(name, allowed))
    return names
