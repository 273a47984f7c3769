"""The steps of a plan as lines for people. Nothing here decides anything."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from lmi_deployer import steps
from lmi_deployer.aot.outlook import SHORT_NAMES
from lmi_deployer.artifact.manifest import folder_of
from lmi_deployer.findings import printable
from lmi_deployer.impact import IMPACTS, Impact, Part
from lmi_deployer.paint import Paint, plain
from lmi_deployer.plan import Plan
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.steps import Step

if TYPE_CHECKING:
    from lmi_deployer.plan_impact import PlanImpact

PAGE_COLUMNS = 100
SHOWN_NAMES = 3
"""Of what differs in one part of a deployment."""
PART_WORDS: Mapping[Part, str] = {
    Part.TAGS: "tags",
    Part.FILES: PROPERTIES_FILE,
    Part.MODEL: "the model",
    Part.ENDPOINT_CONFIG: "the endpoint configuration",
    Part.ENGINE: "what is compiled",
    Part.ENDPOINT: "the endpoint",
}
IMPACT_UNKNOWN = "Impact  not known: nobody has looked at what is live"


@dataclass(frozen=True)
class StepLine:
    """One line of a printed plan."""

    sign: str
    kind: str
    name: str
    note: str = ""


def plan_text(plan: Plan, paint: Paint = plain) -> str:
    """The steps of a plan, and how many things it creates, changes and deletes."""
    lines = [step_line(step) for step in plan.steps]
    counts = {sign: sum(line.sign == sign for line in lines) for sign in "+~-"}
    total = f"{counts['+']} to create, {counts['~']} to change, {counts['-']} to delete"
    colors = {"+": "green", "~": "yellow", "-": "red"}
    rows = [
        f"  {paint(line.sign, colors.get(line.sign, ''))} {line.kind:<16}  "
        f"{printable(line.name):<40}{_noted(line)}".rstrip()
        for line in lines
    ]
    return "\n".join([f"Plan: {total}", *rows])


def _noted(line: StepLine) -> str:
    """The note of a step; on a line of its own behind a name that leaves it no room."""
    is_long = len(line.name) + len(line.note) > PAGE_COLUMNS - len("  +  ") - 16
    note = printable(line.note)
    return f"\n{'':22}{note}" if note and is_long else f"  {note}"


def step_line(step: Step) -> StepLine:  # noqa: C901, PLR0911, PLR0912 - one case a kind of step
    """One step as a line: "+" creates, "~" changes, "-" deletes, "." waits."""
    match step:
        case steps.CompileEngine():
            kind = SHORT_NAMES[step.job["inputs"]["kind"]]
            return StepLine("+", kind, folder_of(step.cache, step.key), step.note)
        case steps.UploadBundle():
            return StepLine("+", "bundle", step.folder)
        case steps.CreateModel():
            return StepLine("+", "sagemaker_model", str(step.request["ModelName"]))
        case steps.CreateEndpointConfig():
            name = str(step.request["EndpointConfigName"])
            variant = step.request["ProductionVariants"][0]
            machines = f"{variant['InitialInstanceCount']} x {variant['InstanceType']}"
            return StepLine("+", "endpoint_config", name, machines)
        case steps.CreateEndpoint():
            return StepLine("+", "endpoint", str(step.request["EndpointName"]))
        case steps.UpdateEndpoint():
            note = f"{step.previous_config} -> {step.endpoint_config}"
            return StepLine("~", "endpoint", step.endpoint, note)
        case steps.AddTags():
            return StepLine("~", f"{step.kind} tags", step.name, ", ".join(step.tags))
        case steps.SettleEndpoint():
            return StepLine(".", "wait", step.endpoint, f"it is {step.status}")
        case steps.AwaitEndpoint():
            return StepLine(".", "wait", step.endpoint, "until it is InService")
        case steps.VerifyEndpoint():
            return StepLine(".", "verify", step.endpoint, "one small request")
        case steps.DeleteEndpoint():
            return StepLine("-", "endpoint", step.endpoint, step.reason)
        case steps.DeleteEndpointConfig():
            return StepLine("-", "endpoint_config", step.endpoint_config)
        case steps.DeleteModel():
            return StepLine("-", "sagemaker_model", step.model)
        case steps.DeleteObjects():
            more = len(step.uris) - 1
            return StepLine("-", "object", step.uris[0], f"and {more} more" if more else "")
        case _:
            assert_never(step)


def impact_text(effect: PlanImpact) -> str:
    """What a plan does to the endpoint that is there, and what of it changes."""
    at_least = "at least " if effect.unread else ""
    lines = [f"{at_least}{effect.impact.label}: {_changes(effect)}; {_outage(effect)}"]
    lines += [f"could not be read: {item}" for item in effect.unread]
    width = PAGE_COLUMNS - len("Impact  ")
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(
            printable(line), width, break_long_words=False, break_on_hyphens=False
        )
    ]
    return "\n".join(
        f"{'Impact' if index == 0 else '':<6}  {line}" for index, line in enumerate(wrapped)
    )


def _changes(effect: PlanImpact) -> str:
    """`the endpoint configuration (InstanceType) and serving.properties (option.dtype) change`."""
    worst_first = sorted(effect.changed, key=lambda part: -IMPACTS[part])
    parts = [
        PART_WORDS[part] + ("" if part is Part.ENGINE else f" ({_listed(effect.changed[part])})")
        for part in worst_first
    ]
    if len(parts) > 1:
        return f"{', '.join(parts[:-1])} and {parts[-1]} change"
    if parts:
        return f"{parts[0]} {'change' if worst_first == [Part.TAGS] else 'changes'}"
    return {
        Impact.REPLACE_ENDPOINT: "it has failed, and SageMaker takes nothing but a deletion then",
        Impact.RECOMPILE: "its engine is compiled again",
        Impact.RESTART: "it becomes another version of itself",
    }.get(effect.impact, "nothing of it changes")


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _outage(effect: PlanImpact) -> str:
    if effect.impact is Impact.NONE:
        return "nothing that runs notices"
    if effect.impact >= Impact.REPLACE_ENDPOINT:
        return "nothing answers until it is made again"
    return "the endpoint answers throughout" if effect.is_answering else "it does not answer now"
