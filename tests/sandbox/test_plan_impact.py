"""That a plan says what it does to an endpoint: planned, applied and compared in the sandbox."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

import pytest

from lmi_deployer import api
from lmi_deployer.apply import Clock, apply
from lmi_deployer.artifact.committing import adopt
from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER
from lmi_deployer.deployed import deployed_of, live_deployed
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.errors import DeploymentError, InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.impact import Impact, Part, changed_parts, impact_of
from lmi_deployer.importing.live import describe
from lmi_deployer.live import Proposal, plan_up
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import shipped_profiles
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.sandbox import running_sandbox
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine, UpdateEndpoint
from tests.engines import COMPILED, artifact_files
from tests.unit.test_impact_agrees import cases_of

PROFILE = (
    COMPILED.replace("name: chat", "name: NAME").replace(', cache: "s3://acme-lmi/engines/"', "")
    + "    endpoint: {artifacts: s3://sagemaker-us-east-1-123456789012/NAME/}\n"
    + "  jit: {extends: trt, compile: {mode: jit}}\n"
)
"""A cache of engines for each test."""
ROLE = "endpoint.role=arn:aws:iam::123456789012:role/serving"
CLOCK = Clock(poll_seconds=0)
GATED = "quality={prompts: [Hello], minimum_agreement: 0.8}"
NONE, RESTART, CONFIG, RECOMPILE = (
    Impact.NONE, Impact.RESTART, Impact.NEW_ENDPOINT_CONFIG, Impact.RECOMPILE,
)  # fmt: skip
ONE_IN = 12
"""So many of the changes of shipped profiles are really planned and applied."""
_numbers = count()


@dataclass(frozen=True)
class Account:
    """A sandbox, and a profile of its own."""

    aws: Aws
    loaded: LoadedProfile
    fault: Callable[..., Any]

    def spec(self, hardware: str, *overrides: str) -> ResolvedSpec:
        return resolve(merge(self.loaded, hardware, (ROLE, *overrides)))

    def apply(self, proposal: Proposal) -> None:
        """Run a plan; what it compiles is there at once, and just passes its quality gate."""
        apply(
            proposal.saved.plan,
            self.aws,
            clock=CLOCK,
            compile_engine=self._compile,
            say=lambda _line: None,
            done=lambda _step: None,
        )

    def _compile(self, step: CompileEngine) -> None:
        store, prefix, gate = self.aws.store(step.cache), f"{step.key[:16]}/", step.job["quality"]
        for path, content in artifact_files().items():
            store.write(f"{prefix}{ARTIFACT_FOLDER}{path}", content)
        asked = gate and {**gate, "agreement": gate["minimum_agreement"]}
        job = step.job
        adopt(store, prefix, inputs=job["inputs"], layout=job["layout"], made={}, quality=asked)

    def stock(self, spec: ResolvedSpec) -> None:
        """Make the buckets that a spec names, and something for weights on S3."""
        for folder in (spec.endpoint.artifacts, spec.weights.source):
            if folder is not None and not self.aws.has_bucket(bucket_and_key(folder)[0]):
                self.aws.create_bucket(bucket_and_key(folder)[0])
        if spec.weights.source is not None:
            self.aws.store(spec.weights.source).write("config.json", b"{}")

    def up(self, spec: ResolvedSpec) -> Proposal:
        """Deploy a spec; the plan that did it."""
        proposal = plan_up(spec, self.aws)
        self.apply(proposal)
        return proposal

    def has_become(self, spec: ResolvedSpec) -> None:
        """That nothing is left to do, and that what is live is what was wanted."""
        again = plan_up(spec, self.aws)
        assert again.saved.plan.steps == ()
        assert again.impact is NONE
        target = self.aws.target(spec.endpoint.role, spec.endpoint.artifacts)
        wanted = deployed_of(spec, target, outlook=again.outlook)
        live = live_deployed(describe(spec.endpoint.name, self.aws))
        assert changed_parts(live, wanted) == frozenset()


@pytest.fixture(scope="module")
def connection() -> Iterator[tuple[Aws, Callable[..., Any]]]:
    """One sandbox for all tests; what they deploy has names of its own."""
    with running_sandbox(describes=0) as settings:
        aws = Aws(
            AwsSettings(
                region=settings.region,
                endpoint_url=settings.endpoint_url,
                access_key_id=settings.access_key_id,
                secret_access_key=settings.secret_access_key,
            )
        )

        def fault(**fault: Any) -> None:
            url = f"{settings.endpoint_url}/lmi-sandbox/faults"
            with urlopen(Request(url, data=json.dumps(fault).encode())) as answer:
                answer.read()

        yield aws, fault


@pytest.fixture
def account(connection: tuple[Aws, Callable[..., Any]]) -> Account:
    aws, fault = connection
    text = PROFILE.replace("NAME", f"chat{next(_numbers)}")
    return Account(aws, load_profile(text, "chat.yaml"), fault)


@pytest.mark.parametrize(
    ("hardware", "change", "impact"),
    [
        ("g5", ("endpoint.tags={team: search}",), NONE),
        ("g5", ("traffic.concurrency=3",), NONE),
        ("g5", ("max_rolling_batch_size=4",), RESTART),
        ("g5", ("options.job_queue_size=17", "endpoint.tags={team: search}"), RESTART),
        ("g5", ("endpoint.role=arn:aws:iam::123456789012:role/other",), RESTART),
        ("g5", ("endpoint.packaging=tar.gz",), RESTART),
        ("g5", ("endpoint.vpc={subnets: [subnet-1], security_groups: [sg-1]}",), RESTART),
        ("g5", ("endpoint.artifacts=s3://sagemaker-us-east-1-123456789012/other/",), RESTART),
        ("g5", ("endpoint.instances=2",), CONFIG),
        ("g5", ("instance_type=ml.g5.4xlarge",), CONFIG),
        ("g5", ("model_loading_timeout_seconds=1234",), CONFIG),
        ("g5", ("backend=trtllm",), RECOMPILE),
        ("jit", ("trtllm.kv_cache_free_gpu_mem_fraction=0.7",), RESTART),
        ("jit", ("trtllm.tokens_per_block=32",), RECOMPILE),
        ("trt", ("compile.runner=docker",), NONE),
        ("trt", ("predict_timeout_seconds=77",), RESTART),
        ("trt", ("trtllm.tokens_per_block=32",), RECOMPILE),
        ("trt", (GATED,), RECOMPILE),
    ],
)
def test_a_plan_says_what_it_does_and_does_it(
    account: Account, hardware: str, change: tuple[str, ...], impact: Impact
):
    before, after = account.spec(hardware), account.spec(hardware, *change)
    assert account.up(before).impact is None
    account.has_become(before)
    proposal = plan_up(after, account.aws)
    assert proposal.impact is impact
    assert impact_of(changed_parts(deployed_of(before), deployed_of(after))) is impact
    account.apply(proposal)
    account.has_become(after)


def test_an_engine_that_is_cached_already_is_not_compiled_again(account: Account):
    first, second = account.spec("trt"), account.spec("trt", "trtllm.tokens_per_block=32")
    account.up(first)
    assert account.up(second).impact is RECOMPILE
    back = plan_up(first, account.aws)
    assert back.impact is RESTART
    assert back.effect is not None
    assert back.effect.changed == {Part.FILES: ("option.model_id", "option.tokens_per_block")}
    account.apply(back)
    account.has_become(first)


def test_a_quality_gate_that_the_engine_has_passed_compiles_nothing(account: Account):
    strict, mild = account.spec("trt", GATED), account.spec("trt", GATED.replace("0.8", "0.5"))
    account.up(strict)
    assert account.up(mild).impact is NONE
    stricter = plan_up(account.spec("trt", GATED.replace("0.8", "0.9")), account.aws)
    assert stricter.impact is RECOMPILE
    assert not any(isinstance(step, UpdateEndpoint) for step in stricter.saved.plan.steps)


AUTO = "compile.mode=auto"


@pytest.mark.parametrize(
    ("change", "impact"),
    [
        (("compile.mode=jit",), RECOMPILE),
        (("compile.cache=s3://sagemaker-us-east-1-123456789012/elsewhere/",), RECOMPILE),
        (("endpoint.artifacts=s3://sagemaker-us-east-1-123456789012/other/",), RECOMPILE),
        (("model.revision=" + "c" * 40,), RECOMPILE),
        ((GATED,), RECOMPILE),
        (("compile.runner=docker",), NONE),
        (("endpoint.tags={team: search}",), NONE),
    ],
)
def test_a_change_that_loses_an_engine_from_the_cache_is_told_though_nobody_looked_for_it(
    account: Account, change: tuple[str, ...], impact: Impact
):
    before, after = account.spec("trt", AUTO), account.spec("trt", AUTO, *change)
    account.up(account.spec("trt"))  # which fills the cache
    assert not any(isinstance(step, CompileEngine) for step in account.up(before).saved.plan.steps)
    assert impact_of(changed_parts(deployed_of(before), deployed_of(after))) is impact
    assert plan_up(after, account.aws).impact is impact


def test_a_failed_endpoint_is_replaced(account: Account):
    spec = account.spec("g5")
    account.fault(endpoint=spec.endpoint.name, outcome="fail")
    with pytest.raises(DeploymentError):
        account.up(spec)
    again = plan_up(spec, account.aws)
    assert again.impact is Impact.REPLACE_ENDPOINT
    account.apply(again)
    account.has_become(spec)


def test_another_name_is_another_endpoint(account: Account):
    before = account.spec("g5")
    after = account.spec("g5", f"endpoint.name=other-{before.endpoint.name}")
    account.up(before)
    assert account.up(after).impact is None
    parts = changed_parts(deployed_of(before), deployed_of(after))
    assert impact_of(parts) is Impact.REPLACE_ENDPOINT


@pytest.mark.parametrize(
    ("operation", "what", "impact"),
    [
        ("DescribeEndpointConfig", "configuration", RESTART),
        ("DescribeModel", "model", CONFIG),
    ],
)
def test_what_of_a_live_endpoint_cannot_be_read_stops_no_plan(
    account: Account, operation: str, what: str, impact: Impact
):
    account.up(account.spec("g5"))
    account.fault(operation=operation, code="AccessDeniedException", message="no", times=1)
    proposal = plan_up(account.spec("g5", "endpoint.instances=2"), account.aws)
    assert proposal.effect is not None
    (unread,) = proposal.effect.unread
    assert unread.startswith(f"{what}: ")
    assert proposal.impact is impact


def test_a_plan_that_moves_nothing_asks_for_no_description(
    account: Account, monkeypatch: pytest.MonkeyPatch
):
    account.up(account.spec("g5"))
    asked: list[str] = []
    monkeypatch.setattr(Aws, "endpoint_config", lambda _self, name: asked.append(name))
    assert plan_up(account.spec("g5", "endpoint.tags.team=search"), account.aws).impact is NONE
    assert asked == []
    plan_up(account.spec("g5", "endpoint.instances=2"), account.aws)
    assert len(asked) == 1


def may_be_cached(*specs: ResolvedSpec) -> bool:
    """Whether the cache, into which a comparison does not look, decides what one is served from."""
    return any(spec.compilation is not None and spec.compilation.mode == "auto" for spec in specs)


SHIPPED = [
    pytest.param(path, each, id=f"{name}/{each}")
    for name, path in shipped_profiles().items()
    for each in api.read_profile(path).hardware_names
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("path", "hardware"), SHIPPED)
def test_of_shipped_profiles_a_plan_says_what_it_does_and_does_it(
    account: Account, path: Any, hardware: str
):
    loaded, tried = api.read_profile(path), 0
    base = resolve(merge(loaded, hardware, (ROLE,)))
    account.up(base)
    for change in cases_of(base):
        if zlib.crc32(f"{path.stem}/{hardware}: {change}".encode()) % ONE_IN:
            continue
        try:
            after = resolve(merge(loaded, hardware, (ROLE, change)))
            account.stock(after)
            proposal = plan_up(after, account.aws)
        except (ProfileError, InputError):  # nobody could deploy it
            continue
        if after.compilation is not None and after.compilation.mode == "aot":
            continue  # its artifact is another one for each machine; see above for some
        told = impact_of(changed_parts(deployed_of(base), deployed_of(after)))
        is_replaced = told is Impact.REPLACE_ENDPOINT  # by one of another name
        assert (proposal.impact is None) == is_replaced, change
        if proposal.impact is not None:
            assert proposal.impact <= told, change
            assert proposal.impact is told or may_be_cached(base, after), change
        account.apply(proposal)
        account.has_become(after)
        account.up(base)
        tried += 1
    assert tried
