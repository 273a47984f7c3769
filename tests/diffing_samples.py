"""A handful of comparisons, built from real profiles as `diff` builds them.

`samples()` has all of them by name; a test takes the one that shows what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from lmi_deployer import api
from lmi_deployer.diffing.comparing import Pair, compare_all
from lmi_deployer.diffing.comparison import Comparison, Unread
from lmi_deployer.diffing.snapshot import Item, Snapshot
from lmi_deployer.diffing.taking import take
from lmi_deployer.findings import Finding, Place
from lmi_deployer.hardware import load_profile
from lmi_deployer.impact import Deployed, Part
from lmi_deployer.resources import data_folder
from tests.specs import PROFILE

REGION = "us-east-1"
BEFORE, AFTER = "main (1a2b3c4d)", "work tree"
HUB_TOKEN = "hf_" + "abcdefghijklmnopqrstuvwx"
"""What no output may hold."""
HOSTILE = (
    "x\x1b[2J\r\n</details><script>alert(1)</script>![](http://evil)|`@everyone` ``` ~~~ "
    f"\u202e\u0000\ud800 {HUB_TOKEN} [a](javascript:b) <!-- --> &lt; $(id)"
)
"""A value that tries every way out of an output."""

CHAT = f"{PROFILE}    max_rolling_batch_size: 32\n"


def snapshot(
    text: str = CHAT, hardware: str = "g5", *overrides: str, file: str = "profiles/chat.yaml"
) -> Snapshot:
    """What a profile comes to, with `--set` overrides."""
    loaded = load_profile(text, file)
    checked = api.check(loaded, hardware, overrides)
    return take(checked, region=REGION, profile=loaded.profile.name, hardware=hardware, file=file)


def shipped(name: str, hardware: str, *overrides: str) -> Snapshot:
    """What a hardware profile of a profile that comes with the product comes to."""
    path = data_folder("profiles") / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    return snapshot(text, hardware, *overrides, file=f"profiles/{name}.yaml")


def comparison(before: Snapshot | None, after: Snapshot | None) -> Comparison:
    """One pair, compared."""
    return compare_all([Pair(before=before, after=after)], before=BEFORE, after=AFTER)


def recompile() -> Comparison:
    """An engine that is compiled ahead of time, quantized now."""
    ahead = ("compile.mode=aot", "compile.cache=s3://acme-lmi/engines/")
    before = shipped("llama2-70b", "p4d", *ahead)
    smoothquant = "quantize={method: smoothquant, per_token: true, per_channel: true}"
    return comparison(before, shipped("llama2-70b", "p4d", *ahead, smoothquant))


def restart() -> Comparison:
    """One line of the profile that the container alone reads."""
    after = CHAT.replace("max_rolling_batch_size: 32", "max_rolling_batch_size: 16")
    return comparison(snapshot(), snapshot(after))


def new_machine() -> Comparison:
    """A larger machine, which costs more."""
    return comparison(snapshot(), snapshot(CHAT.replace("g5.2xlarge", "g5.12xlarge")))


def comment_only() -> Comparison:
    """The same with a comment above everything: each line moves, nothing changes."""
    return comparison(snapshot(), snapshot(f"# for the support team\n\n{CHAT}"))


def added() -> Comparison:
    """A hardware profile that was not there."""
    return comparison(None, snapshot())


def removed() -> Comparison:
    """A hardware profile that is gone."""
    return comparison(snapshot(), None)


def renamed() -> Comparison:
    """A hardware profile under another name, and so with another endpoint."""
    return comparison(snapshot(), snapshot(CHAT.replace("  g5:", "  g5-small:"), "g5-small"))


def taken_over() -> Comparison:
    """A hardware profile under another name that keeps the endpoint: `plan` refuses that."""
    named = f"{CHAT}    endpoint: {{name: chat}}\n"
    return comparison(snapshot(named), snapshot(named.replace("  g5:", "  small:"), "small"))


def refused() -> Comparison:
    """A setting that the machine cannot have: it can be decided, and has an error."""
    return comparison(snapshot(), snapshot(f"{CHAT}    tensor_parallel_degree: 8\n"))


def still_refused() -> Comparison:
    """A setting that the machine could not have before either, and one that changes."""
    before = f"{CHAT}    tensor_parallel_degree: 8\n"
    after = before.replace("max_rolling_batch_size: 32", "max_rolling_batch_size: 16")
    return comparison(snapshot(before), snapshot(after))


def unread() -> Comparison:
    """A file that the later side broke: nothing but its text can be compared."""
    problem = Finding.error(
        "LMI001",
        "is not YAML: mapping values are not allowed here",
        place=Place("profiles/chat.yaml", 9, 18),
        fix=None,
    )
    broken = Unread(
        name="profiles/chat.yaml",
        side="after",
        findings=(problem,),
        text_diff=("@@ -9 +9 @@", "-    backend: lmi-dist", "+    backend: lmi-dist: x"),
    )
    return compare_all([], before=BEFORE, after=AFTER, unread=[broken], unchanged_files=3)


def live() -> Comparison:
    """A profile beside an endpoint whose batch and disk somebody changed."""
    wanted = snapshot()
    assert wanted.deployed is not None
    assert wanted.deployed.properties is not None
    assert wanted.deployed.endpoint_config is not None
    there = replace(
        wanted.deployed,
        properties={**wanted.deployed.properties, "option.max_rolling_batch_size": "64"},
        endpoint_config={**wanted.deployed.endpoint_config, "InitialInstanceCount": "2"},
        model={"image": wanted.deployed.model["image"], "role": "arn:aws:iam::1:role/serving"},
    )
    return _live(wanted, there)


def _live(wanted: Snapshot, there: Deployed) -> Comparison:
    side = Snapshot(
        profile=wanted.profile,
        hardware=wanted.hardware,
        file=there.endpoint,
        deployed=there,
        cost=wanted.cost,
        image=wanted.image,
        is_decided=False,
    )
    return compare_all([Pair(before=side, after=wanted)], before=f"live in {REGION}", after=AFTER)


def hostile() -> Comparison:
    """Texts that try to get out of where they stand, everywhere that one can come from."""
    plain, place = snapshot(), Place(f"profiles/{HOSTILE}.yaml", 3)
    assert plain.deployed is not None
    assert plain.deployed.properties is not None
    reaches = frozenset({Part.FILES})

    def side(text: str) -> Snapshot:
        assert plain.deployed is not None
        assert plain.deployed.properties is not None
        item = Item(value=text, source="profile", reason=text, place=place, reaches=reaches)
        token = replace(item, value=f"plain-{len(text)}")
        lines = {"option.x": text, "option.api_token": f"plain-{len(text)}"}
        finding = Finding(
            code="LMI399", severity="warning", problem=text, place=place, key=text, fix=text
        )
        return replace(
            plain,
            profile=HOSTILE,
            hardware=HOSTILE,
            file=place.file,
            values={**plain.values, "options.option.x": item, "options.option.api_token": token},
            deployed=replace(
                plain.deployed, properties={**plain.deployed.properties, **lines}, tags={text: text}
            ),
            findings=(finding,),
        )

    broken = Unread(
        name=HOSTILE,
        side="before",
        findings=(Finding.error("LMI001", HOSTILE, place=place, key=HOSTILE, fix=HOSTILE),),
        text_diff=(f"-{HOSTILE}", f"+{HOSTILE}"),
    )
    pair = Pair(before=side("one"), after=side(HOSTILE), file_before=HOSTILE, notes=(HOSTILE,))
    return compare_all(
        [pair], before=f"git:{HOSTILE}", after=HOSTILE, unread=[broken], notes=[HOSTILE]
    )


def several() -> Comparison:
    """What a release has: several hardware profiles, of which one is equal."""
    larger = CHAT.replace("g5.2xlarge", "g5.12xlarge")
    pairs = [
        Pair(before=snapshot(), after=snapshot(larger)),
        Pair(before=shipped("llama2-7b", "g5"), after=shipped("llama2-7b", "g5")),
        Pair(before=None, after=shipped("mistral-7b", "g5")),
        Pair(before=shipped("llama2-7b", "inf2"), after=None),
    ]
    return compare_all(
        pairs,
        before=BEFORE,
        after=AFTER,
        unchanged_files=8,
        notes=["main and HEAD last met in 1a2b3c4d"],
    )


_BUILDERS: tuple[Callable[[], Comparison], ...] = (
    recompile,
    restart,
    new_machine,
    comment_only,
    added,
    removed,
    renamed,
    taken_over,
    refused,
    still_refused,
    unread,
    live,
    hostile,
    several,
)


@cache
def samples() -> Mapping[str, Comparison]:
    """Every comparison by name."""
    return {build.__name__: build() for build in _BUILDERS}
