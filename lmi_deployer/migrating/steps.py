"""The steps that take the settings of a hardware profile over, but for raw options."""

from __future__ import annotations

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.migrating import facts
from lmi_deployer.migrating.draft import Draft
from lmi_deployer.migrating.flat import OPTIONS, Path, can_say, dotted, path_of
from lmi_deployer.migrating.outcome import Note
from lmi_deployer.render import as_text, properties
from lmi_deployer.resolve import BACKEND_SECTIONS
from lmi_deployer.spec import ResolvedSpec, Value
from lmi_deployer.yaml_source import scalar

AUTO = "auto"
QUANTIZE = ("quantize",)
DTYPE = ("model", "dtype")
TOTALS = ("max_model_len", "max_tokens", "max_seq_len", "n_positions")
"""The settings by which a backend limits prompt and answer together."""
ANSWER = "max_output_len"
"""The setting that does so together with `max_input_len`."""


def sections(draft: Draft) -> None:
    """Take the settings of the old backend's section to that of the new one."""
    before, after = BACKEND_SECTIONS[draft.old.backend], BACKEND_SECTIONS[draft.backend]
    if before == after:
        return
    for path in draft.wanted:
        if path[0] == after and draft.reads(path[-1]):
            text = f"{dotted(path)}: {as_text(draft.wanted[path])} (before: nothing read it)"
            draft.notes.append(Note(severity="change", text=text))
    for path in [path for path in draft.wanted if path[0] == before]:
        setting, to = path[-1], (after, path[-1])
        if draft.wanted[path] == AUTO:
            draft.drop(path, f"it decides nothing for {draft.backend}")
        elif draft.reads(setting) and can_say(to):
            draft.move(path, to, draft.wanted[path], f"{draft.where} reads it there")
        else:
            draft.give_up(path, setting=setting)


def quantization(draft: Draft) -> None:
    """Take the quantization method over under the name that it has there."""
    quantize = draft.wanted.get(QUANTIZE)
    if not isinstance(quantize, dict):
        return
    method = quantize["method"]
    if method not in draft.support.quantize:
        others = facts.same_methods(draft.backend, method)
        other = next((name for name in others if name in draft.support.quantize), None)
        if other is not None:
            why = f"{draft.where} calls the same method so"
            draft.set(QUANTIZE, {**quantize, "method": other}, why)
        elif "quantize" in draft.drops:
            draft.drop(QUANTIZE, f"{draft.where} does not take {method}, and --drop allows it")
            return
        else:
            _refuse_method(draft, method)
            return
    for part in [name for name in quantize if name != "method"]:
        _quantize_part(draft, part, method)


def _refuse_method(draft: Draft, method: str) -> None:
    last = _newest_with(draft.old.backend, method, not_after=draft.target.version)
    ways = [facts.way_out("quantize", method)]
    ways.append(f"stay on LMI {last}, the newest before it that has it" if last else None)
    ways.append("--drop quantize to serve the weights as they are")
    problem = f"{draft.where} does not take {method}"
    draft.refuse("quantize", problem, "; ".join(way for way in ways if way))


def _newest_with(backend: Backend, method: str, *, not_after: str) -> str | None:
    """The newest version, up to one, in which a backend takes a quantization method."""
    order = facts.order()
    for version in reversed(order[: order.index(not_after)]):
        support = catalog.container(version).backends.get(backend)
        if support is not None and method in support.quantize:
            return version
    return None


def _quantize_part(draft: Draft, part: str, method: str) -> None:
    """One setting of SmoothQuant, which stands inside `quantize`."""
    setting, quantize = f"smoothquant_{part}", dict(draft.wanted[QUANTIZE])
    if draft.reads(setting) or quantize[part] is None:
        return
    name = draft.old.support.property_names.get(setting, "")
    why = draft.harmlessness(quantize[part], setting=setting, key=name)
    key = f"quantize.{part}"
    if why is None and key in draft.drops:
        why = f"nothing reads it with {draft.where}, and --drop allows it"
    if why is None:
        always = facts.implied(draft.backend, draft.target.version, method).get(setting)
        problem = f"is {as_text(quantize[part])}, which {draft.where} does not read"
        problem += f"; it does as if it were {as_text(always.value)}" if always else ""
        draft.refuse(key, problem, f"--drop {key} to go without it")
        return
    del quantize[part]
    draft.set(QUANTIZE, quantize, f"without {part}: {why}")


def shared(draft: Draft) -> None:
    """Give up the settings outside the sections, or in one that stays, that nothing reads."""
    spec = draft.decided()
    for setting in spec.settings:
        path = path_of(draft.backend, setting)
        if draft.reads(setting) or path not in draft.wanted or path == QUANTIZE:
            continue
        if draft.wanted[path] == AUTO:
            draft.drop(path, f"it decides nothing for {draft.where}")
        else:
            draft.give_up(path, setting=setting)


def pins(draft: Draft) -> None:
    """Write down what held without being written, where it would be something else."""
    old, new = draft.old, draft.decided()
    _left_open(draft, DTYPE, old.weights.dtype, new.weights.dtype)
    for setting in ("max_rolling_batch_size", "max_num_tokens"):
        if draft.reads(setting):
            path = path_of(draft.backend, setting)
            _left_open(draft, path, old.settings.get(setting), new.settings.get(setting))
    _implied(draft)
    _lengths(draft)
    _defaults(draft)


def _left_open(draft: Draft, path: Path, before: Value | None, after: Value | None) -> None:
    """Hold on to what a rule decided before; where the profile says `auto`, only tell."""
    if before is None or before == after or not can_say(path):
        return
    shown = "what the image says" if after is None else after
    if path not in draft.wanted:
        draft.set(path, before, f"{draft.where} would take {shown}")
    else:
        text = f"{dotted(path)}: auto comes to {shown} (before: {before})"
        draft.notes.append(Note(severity="change", text=text))


def _implied(draft: Draft) -> None:
    """What the old version always did, and the new one does only when told."""
    method, quantize = draft.old.weights.quantize, draft.wanted.get(QUANTIZE)
    rows = facts.implied(draft.old.backend, draft.old.container.version, method)
    for setting, row in rows.items():
        path = path_of(draft.backend, setting)
        if draft.backend != draft.old.backend or not draft.reads(setting):
            continue
        why = f"{draft.old.backend} on LMI {draft.old.container.version} always did so"
        if path != QUANTIZE:
            if path not in draft.wanted:
                draft.set(path, row.value, why, row.source)
        elif isinstance(quantize, dict):
            part = setting.removeprefix("smoothquant_")
            if quantize.get(part) is None:
                quantize = {**quantize, part: row.value}
                draft.set(QUANTIZE, quantize, f"{part}: {why}", row.source)


def _lengths(draft: Draft) -> None:
    """Hold on to the longest prompt and answer, where the old backend was limited to them."""
    new = draft.decided()
    longest = _limit(draft.old)
    if longest is None or _limit(new) is not None:
        return
    positions = new.weights.facts.max_position_embeddings if new.weights.facts else None
    if positions is not None and positions <= longest:
        return
    path = (BACKEND_SECTIONS[draft.backend], "max_model_len")
    if draft.reads("max_model_len") and can_say(path):
        why = f"{draft.old.backend} took no more; else the model's own length takes the memory"
        draft.set(path, longest, why)
        return
    own = f"the model's own {positions}" if positions else "the model's own length"
    text = f"prompt and answer: {own} (before: {longest} tokens, to which they were limited)"
    draft.notes.append(Note(severity="change", text=text))


def _limit(spec: ResolvedSpec) -> int | None:
    """Tokens that prompt and answer may take together; None where the model alone decides."""
    for setting in TOTALS:
        value = spec.settings.get(setting)
        if isinstance(value, int):
            return value
    return spec.max_input_len + spec.max_output_len if ANSWER in spec.settings else None


def _defaults(draft: Draft) -> None:
    """The old defaults that migrations.yaml says are worth holding on to."""
    if draft.backend != draft.old.backend:
        return
    rendered = properties(draft.old)
    for row in facts.migrations().pins:
        old, new = draft.old_entries.get(row.key), draft.entries.get(row.key)
        if (
            draft.backend not in row.backends
            or old is None
            or new is None
            or row.key in rendered
            or old.default is None
            or old.default == new.default
            or (row.with_quantize and draft.old.weights.quantize not in row.with_quantize)
            or (row.with_key is not None and row.with_key not in rendered)
        ):
            continue
        why = f"{draft.where} would take {new.default}: {row.why}"
        draft.set((OPTIONS, row.key), scalar(old.default), why, row.source)
