"""Requests built to the service's model, and the same with one thing broken."""

from __future__ import annotations

import copy
import re
from functools import cache, reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmi_deployer.request_check import check_endpoint_requests, check_request
from lmi_deployer.request_patterns import FORMS
from lmi_deployer.request_rules import RULES
from lmi_deployer.request_words import below
from tests.unit.test_request_check import config_request, model_request

if TYPE_CHECKING:
    from collections.abc import Iterator

SAGEMAKER = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
OPERATIONS = ("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "CreateOptimizationJob")
SOME = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def input_shape(operation: str) -> Shape:
    shape = SAGEMAKER.operation_model(operation).input_shape
    assert shape is not None
    return shape


@cache
def requests(operation: str) -> st.SearchStrategy[Any]:
    """Requests without a flaw; cached, because building the strategies is half of the time."""
    return values(input_shape(operation))


def botocore_refuses(operation: str, request: dict[str, Any]) -> bool:
    return bool(ParamValidator().validate(request, input_shape(operation)).has_errors())


def broken_by_rules(operation: str, request: dict[str, Any]) -> set[str]:
    rules = RULES.get(("sagemaker", operation), ())
    return {violation.path for rule in rules for violation in rule(request)}


def texts(shape: StringShape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    shortest, longest = shape.metadata.get("min", 0), min(shape.metadata.get("max", 80), 80)
    try:
        pattern = re.compile(shape.metadata.get("pattern", ".*"), re.ASCII)
    except re.error:
        return st.text("abc", min_size=shortest, max_size=longest)
    matching = st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    return matching.filter(lambda text: shortest <= len(text) <= longest)


def structures(shape: StructureShape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Below a few levels, without the members that may be left out."""
    members = {
        name: st.deferred(lambda member=member: values(member, depth + 1))  # type: ignore[misc]
        for name, member in shape.members.items()
    }
    if shape.is_tagged_union:
        return st.one_of([st.fixed_dictionaries({name: members[name]}) for name in members])
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members if depth < 3 else {})


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    lowest, highest = shape.metadata.get("min", 0), shape.metadata.get("max", 2**31 - 1)
    match shape:
        case StringShape():
            return texts(shape)
        case StructureShape():
            return structures(shape, depth)
        case ListShape():
            size = {"min_size": lowest, "max_size": lowest + 1}
            return st.lists(values(shape.member, depth + 1), **size)
        case MapShape():
            size = {"min_size": lowest, "max_size": lowest + 2}
            return st.dictionaries(values(shape.key), values(shape.value), **size)
    numbers: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "float": st.floats(lowest, highest),
    }
    return numbers.get(shape.type_name, st.integers(lowest, highest))


class Flaw(NamedTuple):
    place: tuple[str | int, ...]
    value: object
    """What to put there; MISSING to take away what is there."""

    @property
    def path(self) -> str:
        def step(path: str, part: str | int) -> str:
            return f"{path}[{part}]" if isinstance(part, int) else below(path, part)

        return reduce(step, self.place, "")

    def put_into(self, request: dict[str, Any]) -> dict[str, Any]:
        broken: Any = copy.deepcopy(request)
        holder = broken
        for part in self.place[:-1]:
            holder = holder[part]
        if self.value is MISSING:
            del holder[self.place[-1]]
        else:
            holder[self.place[-1]] = self.value
        return dict(broken)


MISSING = object()
WRONG_TYPE = object()


def flaws(shape: Shape, value: Any, place: tuple[str | int, ...] = ()) -> Iterator[Flaw]:
    """Every single thing that can be broken in a value that satisfies `shape`."""
    if place:
        yield Flaw(place, WRONG_TYPE)
        yield from (Flaw(place, wrong) for wrong in out_of_bounds(shape, value))
    match shape:
        case StructureShape():
            yield Flaw((*place, "Bogus"), 1)
            yield from (Flaw((*place, name), MISSING) for name in shape.required_members)
            for name, item in value.items():
                yield from flaws(shape.members[name], item, (*place, name))
        case ListShape():
            for index, item in enumerate(value):
                yield from flaws(shape.member, item, (*place, index))
        case MapShape():
            for key, item in value.items():
                yield from flaws(shape.value, item, (*place, key))


def out_of_bounds(shape: Shape, value: Any) -> Iterator[object]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    match shape:
        case StringShape():
            yield from ["bogus"] if shape.enum else []
            yield from [" !"] if shape.metadata.get("pattern") in FORMS else []
            yield from ["a" * (highest + 1)] if highest and not shape.enum else []
            yield from [""] if lowest else []
        case ListShape():
            yield from [[None] * (highest + 1)] if highest else []
            yield from [[]] if lowest else []
        case MapShape():
            yield from [{f"K{n}": "v" for n in range(highest + 1)}] if highest else []
        case _ if shape.type_name in ("integer", "long"):
            yield from [] if highest is None else [highest + 1]
            yield from [] if lowest is None else [lowest - 1]


@SOME
@given(st.data())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_request_built_to_the_model_has_no_problems(operation: str, data: st.DataObject) -> None:
    request = data.draw(requests(operation))
    found = {problem.path for problem in check_request("sagemaker", operation, request)}
    assert found == broken_by_rules(operation, request)
    assert not botocore_refuses(operation, request)


@SOME
@given(st.data())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_is_broken_is_reported_where_it_is(operation: str, data: st.DataObject) -> None:
    request = data.draw(requests(operation))
    flaw = data.draw(st.sampled_from(list(flaws(input_shape(operation), request))))
    broken = flaw.put_into(request)
    assert flaw.path in {problem.path for problem in check_request("sagemaker", operation, broken)}


@SOME
@given(st.data())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_botocore_refuses_is_refused_here(operation: str, data: st.DataObject) -> None:
    request = data.draw(requests(operation))
    possible = list(flaws(input_shape(operation), request))
    for flaw in data.draw(st.lists(st.sampled_from(possible), max_size=1)):
        request = flaw.put_into(request)
    if botocore_refuses(operation, request):
        assert check_request("sagemaker", operation, request)


@pytest.mark.parametrize(
    "variant",
    [
        {"InstanceType": "ml.bogus"},
        {"ContainerStartupHealthCheckTimeoutInSeconds": 99999},
        {"VariantName": "under_score"},
        {"VariantName": "a" * 100},
        {"InitialInstanceCount": True},
    ],
)
def test_botocore_itself_would_send_what_is_reported_here(variant: dict[str, Any]) -> None:
    request = config_request(**variant)
    assert not botocore_refuses("CreateEndpointConfig", request)
    assert check_request("sagemaker", "CreateEndpointConfig", request)


@SOME
@given(
    st.recursive(
        st.none() | st.text() | st.binary(),
        lambda item: st.lists(item) | st.dictionaries(st.text(), item),
    )
)
def test_no_request_however_odd_makes_the_check_fail(value: Any) -> None:
    for name in ("ProductionVariants", "DataCaptureConfig", "Tags"):
        check_request("sagemaker", "CreateEndpointConfig", {name: value})
    for name in ("PrimaryContainer", "Containers"):
        check_request("sagemaker", "CreateModel", {name: value})
        check_endpoint_requests({name: value}, config_request())
    check_endpoint_requests(model_request(), {"ProductionVariants": value})
