"""Which job is started or followed, and that no two are started for one engine at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lmi_deployer.aot.decision import Attempt, Decision, Done, Follow, Start, decide, job_name
from lmi_deployer.compiling.runner import Phase

PHASES: tuple[Phase, ...] = ("waiting", "running", "done", "failed", "stopped")
ENDED = ("done", "failed", "stopped")


def attempts(*phases: Phase, ours: bool = True) -> list[Attempt]:
    return [
        Attempt(number=number, phase=phase, is_ours=ours)
        for number, phase in enumerate(phases, start=1)
    ]


def test_the_first_job_is_number_one():
    assert decide([], is_committed=False) == Start(1)


def test_a_committed_engine_starts_nothing_whatever_jobs_there_were():
    for phases in itertools.product(PHASES, repeat=2):
        assert decide(attempts(*phases), is_committed=True) == Done()


@pytest.mark.parametrize("phase", ["waiting", "running"])
def test_a_job_that_runs_is_followed(phase: Phase):
    assert decide(attempts("failed", phase), is_committed=False) == Follow(2)


@pytest.mark.parametrize("phase", ENDED)
def test_a_job_that_came_to_nothing_is_started_anew(phase: Phase):
    decision = decide(attempts(phase), is_committed=False)
    assert isinstance(decision, Start)
    assert decision.number == 2


def test_the_output_of_a_job_that_commits_nothing_itself_is_collected():
    assert decide(attempts("failed", "done"), is_committed=False, is_collected=True) == Follow(2)


def test_a_job_for_another_cache_is_not_followed_but_its_number_is_taken():
    assert decide(attempts("running", ours=False), is_committed=False) == Start(2)


@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(1, 100))
def test_the_name_of_a_job_is_one_that_sagemaker_takes(key: str, number: int):
    import re

    name = job_name(key, number)
    assert len(name) <= 63
    assert re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert key[:16] in name


@dataclass
class Account:
    """SageMaker, as far as names go: it refuses a second job of one name."""

    phases: list[Phase] = field(default_factory=list)
    is_committed: bool = False

    def create(self, number: int) -> bool:
        if number <= len(self.phases):
            return False
        assert number == len(self.phases) + 1, "a number was left out"
        self.phases.append("waiting")
        return True

    @property
    def attempts(self) -> list[Attempt]:
        return attempts(*self.phases)


class Submitters(RuleBasedStateMachine):
    """Several that look, decide and act at any pace, while jobs run and end in between."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account()
        self.seen: dict[int, list[Attempt]] = {}
        self.decided: dict[int, Decision] = {}

    @rule(who=st.integers(0, 2))
    def look_at_the_jobs(self, who: int) -> None:
        self.seen[who] = self.account.attempts

    @rule(who=st.integers(0, 2))
    def look_at_the_cache_and_decide(self, who: int) -> None:
        if who in self.seen:
            seen = self.seen.pop(who)
            self.decided[who] = decide(seen, is_committed=self.account.is_committed)

    @rule(who=st.integers(0, 2))
    def act(self, who: int) -> None:
        decision = self.decided.pop(who, None)
        if isinstance(decision, Start):
            was_committed = self.account.is_committed
            is_new = self.account.create(decision.number)
            assert not (is_new and was_committed), "compiled again although it is there"

    @rule(phase=st.sampled_from(["running", "failed", "stopped"]))
    def the_job_goes_on(self, phase: Phase) -> None:
        if self.account.phases and self.account.phases[-1] not in ENDED:
            self.account.phases[-1] = phase

    @rule()
    def the_job_commits_and_ends(self) -> None:
        if self.account.phases and self.account.phases[-1] not in ENDED:
            self.account.is_committed = True
            self.account.phases[-1] = "done"

    @invariant()
    def at_most_one_job_runs(self) -> None:
        alive = [phase for phase in self.account.phases if phase not in ENDED]
        assert len(alive) <= 1


TestSubmitters = Submitters.TestCase
