"""The quality gate: greedy answers of the artifact against a reference, by tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from lmi_deployer.artifact.manifest import meets
from lmi_deployer.entry_point.causes import find_cause
from lmi_deployer.entry_point.failures import JobError, failed
from lmi_deployer.entry_point.job import Job, QualityGate
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.places import Places
from lmi_deployer.entry_point.running import Deadline, run_python
from lmi_deployer.entry_point.serving import ask_artifact

METRIC = "greedy-agreement"
"""Mean share of the reference's tokens before the first difference."""
TOKENIZER = "tokenizer_config.json"
_TRUST = "option.trust_remote_code"


def measure(
    job: Job,
    gate: QualityGate,
    weights: Path,
    places: Places,
    *,
    log: Log,
    environment: Mapping[str, str],
    deadline: Deadline,
) -> Dict[str, Any]:
    """What the gate measured, for the manifest. Raises JobError below the threshold.

    The reference is asked before the server starts: either takes the memory of all GPUs.
    """
    run = _Children(places, log, environment, deadline)
    trusts = job.serving.get(_TRUST, "").lower() == "true"
    reference = gate.reference
    if reference is None:
        with log.timed("reference answers"):
            answers = run.ask(
                "ask_weights",
                weights=str(weights),
                prompts=gate.prompts,
                max_new_tokens=gate.max_new_tokens,
                trust_remote_code=trusts,
            )
        reference = tuple(str(item) for item in answers)
    if not any(item.strip() for item in reference):
        raise JobError(
            "every reference answer of the quality gate is empty, so that it measures nothing",
            fix="other quality.prompts, or a quality.reference",
        )
    with log.timed("answers of the artifact"):
        answers = ask_artifact(
            job, gate, places, log=log, environment=environment, deadline=deadline
        )
    with log.timed("comparing answers"):
        shares = run.ask(
            "compare",
            tokenizer=str(tokenizer_folder(places.output) or weights),
            reference=reference,
            answers=answers,
            max_new_tokens=gate.max_new_tokens,
            trust_remote_code=trusts,
        )
    found = verdict(gate, [float(share) for share in shares])
    log.say(f"quality: {json.dumps(found, sort_keys=True)}")
    if not found["passed"]:
        raise _below(gate, found, reference, answers)
    return found


def verdict(gate: QualityGate, shares: Sequence[float]) -> Dict[str, Any]:
    """The document of a measurement, from the agreement of each prompt."""
    agreement = sum(shares) / len(shares)
    worst = min(range(len(shares)), key=shares.__getitem__)
    return {
        "metric": METRIC,
        "prompts": list(gate.prompts),
        "reference": None if gate.reference is None else list(gate.reference),
        "reference_from": "weights" if gate.reference is None else "given",
        "max_new_tokens": gate.max_new_tokens,
        "agreement": round(agreement, 4),
        "minimum": gate.minimum_agreement,
        # As it is rounded: what the manifest shows is what was judged.
        "passed": round(agreement, 4) >= gate.minimum_agreement,
        "shares": [round(share, 4) for share in shares],
        "worst_prompt": worst,
    }


def is_measured(gate: Optional[QualityGate], found: Optional[Mapping[str, Any]]) -> bool:
    """True where an earlier measurement answers what this gate asks, and passes it."""
    return gate is None or meets(found, verdict(gate, [0.0]))


def tokenizer_folder(artifact: Path) -> Optional[Path]:
    """Where in an artifact its tokenizer lies, nearest to the top; None where it has none."""
    found = sorted(artifact.rglob(TOKENIZER), key=lambda path: (len(path.parts), str(path)))
    return found[0].parent if found else None


def _below(
    gate: QualityGate, found: Mapping[str, Any], reference: Sequence[str], answers: Sequence[str]
) -> JobError:
    worst = found["worst_prompt"]
    return JobError(
        f"the quality gate failed: answers agree for {found['agreement']:.1%} of the reference's"
        f" tokens, and {gate.minimum_agreement:.1%} are demanded; nothing was committed",
        fix="another quantize.method, or a lower quality.minimum_agreement",
        lines=[
            f"worst prompt, {found['shares'][worst]:.0%}: {_short(gate.prompts[worst])}",
            f"reference: {_short(reference[worst])}",
            f"answer: {_short(answers[worst])}",
        ],
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 100 else f"{line[:100]}...")  # noqa: PLR2004


class _Children:
    """Runs what needs transformers, one after the other."""

    def __init__(
        self, places: Places, log: Log, environment: Mapping[str, str], deadline: Deadline
    ) -> None:
        self._places = places
        self._log = log
        self._environment = environment
        self._deadline = deadline

    def ask(self, task: str, **document: Any) -> List[Any]:
        """What a task of answers.py comes to."""
        question, answer = (self._places.work / f"{task}-{name}.json" for name in ("asked", "got"))
        question.write_text(json.dumps({"task": task, **document}))
        answer.unlink() if answer.exists() else None
        program = run_python(
            self._places.archive,
            "answers",
            [str(question), str(answer)],
            log=self._log,
            environment=self._environment,
        )
        with program:
            status = program.wait(self._deadline.remaining)
        if status is None:
            raise self._deadline.error(f"quality gate ({task})", program.lines)
        if status != 0 or not answer.is_file():
            what = {
                "ask_weights": "the reference answers of the quality gate could not be computed",
                "compare": "the answers of the quality gate could not be compared",
            }[task]
            raise failed(what, program.lines, find_cause(program.lines))
        got: List[Any] = json.loads(answer.read_text())
        return got
