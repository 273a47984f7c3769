"""Finds templates/ and profiles/, in a checkout or inside an installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from jinja2 import Template

PACKAGE = Path(__file__).parent


@cache
def data_folder(name: str) -> Path:
    """`templates` or `profiles`: inside the wheel, or beside the package in a checkout."""
    installed = PACKAGE / "_data" / name
    return installed if installed.is_dir() else PACKAGE.parent / name


@cache
def load_template(name: str) -> Template:
    """A template of templates/, in a sandbox, where a name without a value is an error.

    What is put into a template of HTML (`.html.j2`) is escaped; properties files have no markup,
    see render.unreadable.
    """
    from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(data_folder("templates")),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
    )
    return environment.get_template(name)


def shipped_profiles() -> dict[str, Path]:
    """The profiles that come with lmi-deploy, by name."""
    return {path.stem: path for path in sorted(data_folder("profiles").glob("*.yaml"))}


def profile_names() -> list[str]:
    """The names that `find_profile` takes, without those of files right here."""
    return sorted({*shipped_profiles(), *(path.stem for path in Path("profiles").glob("*.yaml"))})


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def find_profile(model: str, *, cwd: Path | None = None) -> Path:
    """The file of a profile given as a path, or by its name.

    Names are looked for in ./profiles, among the profiles that come with lmi-deploy, and here.
    Raises InputError when there is none.
    """
    here = cwd or Path()
    if model.endswith((".yaml", ".yml")) or "/" in model:
        path = here / model
        if not _is_file(path):
            raise InputError(f"there is no file {model}", fix="a path to a profile, or its name")
        return path
    own = {path.stem: path for path in sorted((here / "profiles").glob("*.yaml"))}
    known = {**shipped_profiles(), **own}
    if model not in known and _is_file(here / f"{model}.yaml"):
        return here / f"{model}.yaml"
    if model not in known:
        raise InputError(f"there is no profile {model!r}", fix=did_you_mean(model, known))
    return known[model]
