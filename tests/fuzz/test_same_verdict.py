"""The verdict is about what is written: not about its order, its comments or where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lmi_deployer.findings import Finding
from lmi_deployer.lint import judge_settings
from tests.fuzz.specs import BASES, Base, as_file, line, specs, variable_of
from tests.fuzz.targets import check_settings

quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
REMARKS = st.lists(st.sampled_from((b"", b"# a=b", b"#", b"# option.dtype=fp17")), max_size=3)


def without_lines(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    return sorted(
        (found.code, found.severity, str(found.key), found.problem, str(found.fix))
        for found in findings
    )


def test_each_base_is_served_by_its_handler():
    for base in BASES:
        judged = judge_settings(base.target, {**base.settings, "option.model_id": "a/b"}, {})
        assert judged.handler == base.handler, base


@quick
@given(specs(), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing_but_their_numbers(spec, random):
    base, wanted = spec
    first = check_settings(as_file(wanted), None, base.target)
    lines = list(wanted.items())
    random.shuffle(lines)
    second = check_settings(as_file(dict(lines)), None, base.target)
    assert without_lines(second.findings) == without_lines(first.findings)
    assert (second.handler, dict(second.effective)) == (first.handler, dict(first.effective))


@quick
@given(specs(), st.data())
def test_comments_and_blank_lines_change_nothing_but_line_numbers(spec, data):
    base, wanted = spec
    remarks = [(*data.draw(REMARKS), line(key, value)) for key, value in wanted.items()]
    first = check_settings(as_file(wanted), None, base.target)
    second = check_settings(b"\n".join(b"\n".join(some) for some in remarks), None, base.target)
    assert without_lines(second.findings) == without_lines(first.findings)
    assert (second.handler, dict(second.effective)) == (first.handler, dict(first.effective))
    moved = {key: sum(map(len, remarks[: number + 1])) for number, key in enumerate(wanted)}
    for found in second.findings:
        at = moved.values() if found.key is None else (moved.get(found.key),)
        assert found.place.line in {0, *at}


@quick
@given(specs())
def test_what_takes_effect_takes_the_same_effect_when_it_is_written(
    spec: tuple[Base, dict[str, str]],
):
    base, wanted = spec
    first = judge_settings(base.target, wanted, {})
    assume(not any(issue.severity == "error" for issue in first.issues))
    second = judge_settings(base.target, first.effective, {})
    taken = {key: first.effective[key] for key in wanted if key in first.effective}
    assert {key: second.effective.get(key) for key in taken} == taken
    assert second.handler == first.handler


@quick
@given(specs())
def test_an_environment_gets_the_verdict_of_the_file_that_says_the_same(
    spec: tuple[Base, dict[str, str]],
):
    base, wanted = spec
    names = {key: name for key in wanted if (name := variable_of(key, base.target)) is not None}
    said = {key: wanted[key] for key in names if wanted[key]}  # an empty variable is not set
    assume(said)
    variables = {names[key]: value for key, value in said.items()}
    keys = {name: key for key, name in names.items()}
    by_file = judge_settings(base.target, said, {})
    by_environment = judge_settings(base.target, {}, variables)
    assert by_environment.handler == by_file.handler
    assert {(item.code, keys.get(item.key, item.key)) for item in by_environment.issues} == {
        (item.code, item.key) for item in by_file.issues
    }
    assert by_environment.effective == by_file.effective


@quick
@given(specs())
def test_a_value_of_java_s_own_spelling_is_read_as_itself(spec: tuple[Base, dict[str, str]]):
    base, wanted = spec
    spaced = b"".join(b" " + line(key, value).replace(b"=", b" = ", 1) + b"\r\n"
                      for key, value in wanted.items())  # fmt: skip
    first = check_settings(as_file(wanted), None, base.target)
    second = check_settings(spaced, None, base.target)
    assert (second.handler, dict(second.effective)) == (first.handler, dict(first.effective))
