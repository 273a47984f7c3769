"""A recommendation as a hardware profile: added to the model's profile, or in a new one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from lmi_deployer import api, catalog
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError, errors_among
from lmi_deployer.hardware import LoadedProfile, load_profile
from lmi_deployer.performance.estimate import Band
from lmi_deployer.profile import HardwareName, QuantizeSection
from lmi_deployer.profile_text import AddComment, Change, RemoveKey, SetValue, edit
from lmi_deployer.recommending import Outcome, ranking
from lmi_deployer.recommending.proving import Recommended
from lmi_deployer.recommending.subject import FOLDER
from lmi_deployer.spec import GIB

_NAME = get_args(HardwareName)[1]
"""The pattern and the length of a hardware profile's name."""
_COLUMNS = 96
_CONCURRENCY_LEFT_OPEN = re.compile(r"^ *# concurrency:.*\n", re.MULTILINE)
"""The line of `init` that says what could stand there."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """A profile file as it would be; nothing has been written yet."""

    path: Path
    before: str | None
    """None for a file that is new."""
    after: str
    model: str
    """What commands call the profile."""
    hardware: str


def write_up(
    outcome: Outcome, item: Recommended, name: str | None, *, source: str | None = None
) -> Writing:
    """The profile with one more hardware profile, or a new one with this hardware profile alone.

    Raises InputError for a name that is taken or none, for a new file that is there already, for a
    gated model without a `source`, and ProfileError should the outcome have errors.
    """
    hardware = name or default_name(item)
    if not re.fullmatch(_NAME.pattern, hardware) or len(hardware) > _NAME.max_length:
        problem = f"{hardware!r} is no name for a hardware profile"
        raise InputError(problem, fix=f"at most {_NAME.max_length} of a-z, 0-9 and -")
    if outcome.subject.text is None:
        writing = _new_file(outcome, item, hardware, source)
    else:
        writing = _addition(outcome, item, hardware, outcome.subject.text)
    loaded = load_profile(writing.after, str(writing.path))
    _require_no_errors(replace(loaded, lock=outcome.subject.lock), hardware)
    return writing


def default_name(item: Recommended) -> str:
    """`g6e-12xlarge-vllm`, with the method where there is one."""
    candidate = item.fit.candidate
    words = [candidate.instance.name.removeprefix("ml."), candidate.backend]
    name = "-".join([*words, *([candidate.method] if candidate.method else [])])
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower())
    return plain[: _NAME.max_length].strip("-")


def _addition(outcome: Outcome, item: Recommended, hardware: str, text: str) -> Writing:
    file = outcome.subject.file
    loaded = load_profile(text, file)
    if hardware in loaded.hardware_names:
        problem = f"{file} has a hardware profile {hardware!r} already"
        raise InputError(problem, fix="another name with --write=NAME")
    at = ("profiles", hardware)
    changes: list[Change] = [
        SetValue(at, dict(item.section)),
        *(AddComment(at, line) for line in why(outcome, item)),
    ]
    after = edit(text, changes, name=file)
    path = Path(file)
    is_named = path.parent == FOLDER
    return Writing(
        path=path,
        before=text,
        after=after,
        model=path.stem if is_named else file,
        hardware=hardware,
    )


def _new_file(outcome: Outcome, item: Recommended, hardware: str, source: str | None) -> Writing:
    from lmi_deployer.starting.subject import make_subject
    from lmi_deployer.starting.wording import profile_text

    model_id, stored_bytes = outcome.subject.model_id, outcome.subject.shape.stored_bytes
    is_in_catalog = catalog.find_model(model_id) is not None
    stored = None if is_in_catalog or not stored_bytes else round(stored_bytes / GIB, 3)
    subject = make_subject(model_id, source, stored)
    name = re.sub(r"[^a-z0-9]+", "-", subject.id.rpartition("/")[2].lower()).strip("-")[:30]
    name = name.strip("-")
    path = FOLDER / f"{name}.yaml"
    if path.exists() or path.is_symlink():
        fix = f"lmi-deploy recommend {name} --write adds to it"
        raise InputError(f"{path} is there already", fix=fix)
    draft = profile_text(
        subject,
        name,
        {hardware: item.spec},
        is_container_given=True,
        are_instances_given=True,
    )
    changes = _decided(item, hardware, outcome, load_profile(draft, str(path)))
    if "concurrency" in item.section.get("traffic", {}):
        draft = _CONCURRENCY_LEFT_OPEN.sub("", draft)
    after = edit(draft, changes, name=str(path))
    return Writing(path=path, before=None, after=after, model=name, hardware=hardware)


def _decided(
    item: Recommended, hardware: str, outcome: Outcome, draft: LoadedProfile
) -> list[Change]:
    """The changes that write down what `init` would leave open, and why."""
    at = ("profiles", hardware)
    section = {key: value for key, value in item.section.items() if key != "container"}
    inherited = draft.profile.defaults.quantize
    if isinstance(inherited, QuantizeSection) and section.get("quantize") == {
        "method": inherited.method
    }:
        del section["quantize"]
    open_keys: list[str] = [key for key in ("backend", "tensor_parallel_degree") if key in section]
    if item.spec.max_rolling_batch_size is not None:
        open_keys.append("max_rolling_batch_size")
    changes: list[Change] = [RemoveKey((*at, key)) for key in open_keys]
    traffic = section.pop("traffic", {})
    changes += [SetValue(("traffic", key), value) for key, value in traffic.items()]
    changes += [SetValue((*at, key), value) for key, value in section.items()]
    return [*changes, *(AddComment(at, line) for line in why(outcome, item))]


def why(outcome: Outcome, item: Recommended) -> Sequence[str]:
    """Comment lines above the hardware profile: what it was chosen for, and by which figures."""
    import textwrap

    question, fit = outcome.question, item.fit
    price, cost = fit.quote.nearest, fit.usd_per_million_tokens
    parts = [f"Recommended for {question.goal} at {question.max_input_len} + "]
    parts[0] += f"{question.max_output_len} tokens ({ranking.MEANINGS[question.goal]})"
    if fit.tokens_per_second is not None:
        parts.append(f"{_words(fit.tokens_per_second, '.0f')} output tokens/s estimated")
    if price is not None:
        parts.append(f"${price.usd_per_hour:,.2f} an hour in {price.region} of {price.as_of}")
    if cost is not None:
        parts.append(f"${_words(cost, '.2f')} per million output tokens")
    copies = fit.candidate.copies
    each = f" in each of {copies} copies" if copies > 1 else ""
    parts.append(f"KV cache of about {fit.memory.kv_cache_tokens:,} tokens{each}")
    return textwrap.wrap("; ".join(parts) + ".", _COLUMNS)


def _words(band: Band, form: str) -> str:
    return f"{band.low:{form}} to {band.high:{form}}"


def _require_no_errors(loaded: LoadedProfile, hardware: str) -> None:
    errors = errors_among(api.check(loaded, hardware).findings)
    if errors:
        raise ProfileError(errors)


def diff(writing: Writing) -> str:
    """The change as a unified diff."""
    import difflib

    lines = difflib.unified_diff(
        (writing.before or "").splitlines(keepends=True),
        writing.after.splitlines(keepends=True),
        str(writing.path) if writing.before is not None else "/dev/null",
        str(writing.path),
    )
    return "".join(lines)
