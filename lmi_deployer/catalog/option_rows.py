"""The shape of the option catalog: what each LMI version does with each setting.

An option's readings say, for a range of versions and a group of readers, how a value is parsed,
what is allowed, what holds when it is left out, and what becomes of a value that is not allowed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lmi_deployer.catalog.rows import Backend, Flavor, NonEmpty, Row, SourcedRow

Handler = Backend | Literal["fastertransformer", "stable-diffusion", "stable-diffusion-neuronx"]
"""What serves a model inside the container: the backends of profiles, and three that only
hand-written files choose."""
Reader = Handler | Literal["server", "any"]
"""`server` is the Java part, which reads a key whatever the handler is; `any` is every handler."""
ValueType = Literal[
    "int",
    "float",
    "bool",
    "choice",
    "text",
    "int_list",  # "128,256"
    "int_mapping",  # "image=1,audio=2"
    "int_or_max",  # a number of devices, or the word `max`
    "size",  # a number, or one with a suffix: 16k is 16,000 and 16K is 16,384
    "text_list",  # '["a","b"]'
    "float_tuple",  # a Python literal: a number, a list or a tuple
    "json",
    "literal",  # a Python literal
    "path",
]
Parser = Literal["java", "python", "pydantic1", "pydantic2", "is_true", "none"]
"""Who turns the text into a value, and so what it lets through.

`java`: Integer.parseInt, Boolean.parseBoolean (everything but "true" is silently false).
`python`: int(), float(), str.lower().
`pydantic1`, `pydantic2`: a field of a pydantic model of that major version.
`is_true`: `value.lower() == "true"`, so that everything else is silently false.
`none`: LMI hands the text on unread.
"""
Outcome = Literal[
    "load_error",  # the model does not load, so the endpoint fails its health check
    "request_error",  # it loads, and every request fails
    "fallback",  # another value takes its place, with no more than a line in the log
    "ignored",  # the value is dropped, and what holds without it holds
    "unchecked",  # LMI takes it, and what happens is up to the library behind it
]


class Reading(Row):
    """How one group of readers reads one key in one range of versions."""

    versions: NonEmpty
    """`0.25.0..0.27.0`, `>=0.28.0`, `<=0.24.0`, `0.33.0`, `all`, or several with commas."""
    readers: Annotated[tuple[Reader, ...], Field(min_length=1)]
    type: ValueType
    parser: Parser | None = None
    """Null for the reader's own: `java` for the server, and what backends.yaml says of it."""
    choices: tuple[str, ...] = ()
    """The values of a `choice`; of another type, words that it takes beside."""
    ignores_case: bool = False
    minimum: float | None = None
    maximum: float | None = None
    default: str | None = None
    """What holds when the key is left out, spelt as in the file; null when nothing is set."""
    default_note: str | None = None
    """Where the default depends on something, or is not what the documentation says."""
    bad_value: Outcome | None = None
    """What becomes of a value that does not parse or is no choice; null where every text is one."""
    out_of_range: Outcome = "unchecked"
    """What becomes of a value beyond minimum or maximum."""
    skips_empty: bool = False
    """True where an empty value counts as left out."""
    fallback: str | None = None
    """The value that takes the place of one that is not allowed."""
    effect: Literal["used", "ignored"] = "used"
    """`ignored`: it is read, so a bad value does harm, but a good one does nothing."""
    why: str | None = None
    """Why it is ignored, and what to write instead; required with `ignored`."""
    deprecated: str | None = None
    """What the log or the documentation says to use instead; null when it is not deprecated."""
    is_build_time: bool = False
    """True when it is part of a compiled engine or graph, so that a change compiles anew."""
    note: str | None = None
    source: str | None = None
    """Where this reading stands, when the row's source does not say it."""


class Replacement(Row):
    """What to write instead of a key in versions that do not read it."""

    versions: NonEmpty
    key: str | None
    """Null when nothing takes its place."""
    values: dict[str, str] = Field(default_factory=dict)
    """Old value: new value, where they differ."""
    note: str | None = None


class Option(SourcedRow):
    """One key of serving.properties."""

    key: NonEmpty
    setting: str | None = None
    """Our name of it in profiles; null for keys that only `options:` can write."""
    meaning: NonEmpty
    unit: str | None = None
    readings: Annotated[tuple[Reading, ...], Field(min_length=1)]
    replacements: tuple[Replacement, ...] = ()


class Variable(SourcedRow):
    """An environment variable of the container that is more than OPTION_<NAME> of a key."""

    name: NonEmpty
    versions: NonEmpty
    flavors: tuple[Flavor, ...] | None = None
    """The images in which this holds; null for all of them."""
    meaning: NonEmpty
    key: str | None = None
    """The key it stands for; null when it stands for none, or has no effect."""
    also: tuple[str, ...] = ()
    """Further keys that it sets to the same value."""
    wins: Literal["file", "environment"] = "file"
    """Whose value holds when serving.properties, or OPTION_<NAME>, has the key too."""
    is_generated: bool = False
    """True when it goes into a serving.properties that the server writes for a model of its own:
    it then beats OPTION_<NAME>, and does not reach the model of a file that the user wrote."""
    values: dict[str, str] = Field(default_factory=dict)
    """Value of the variable: value of the key, where they differ."""
    otherwise: str | None = None
    """Value of the key for values that `values` lacks; null when they stay as they are."""
    factor: int | None = None
    """What the number is multiplied by; what is no number is then ignored."""
    skips_empty: bool = False
    """True where an empty value counts as not set."""
    needs: str | None = None
    """The variable without which nothing reads this one."""
    is_read: bool = True
    """False in versions where the name looks right and nothing reads it."""
    instead: str | None = None
    """What to set where it is not read."""
    advice: str | None = None
    """Why it should not be set although it is read."""


class Condition(Row):
    """What one fact has to be; exactly one field is set.

    A fact is a key of serving.properties, or `model.<fact>`, `gpu.<fact>`, `instance.<fact>` and
    `serving.<fact>` of checks/facts.py.
    """

    present: bool | None = None
    """True: written in the file or the environment; False: neither."""
    any_of: tuple[str, ...] | None = None
    """Its value, or what holds without one, is one of these; case does not matter."""
    none_of: tuple[str, ...] | None = None
    above: float | None = None
    below: float | None = None


class Combination(SourcedRow):
    """Settings that do not go together: when every condition holds, the outcome follows.

    It is looked for only where `key` is written, unless `key` is what must be absent.
    """

    name: NonEmpty
    """Lower case with dashes; unique."""
    code: Annotated[str, Field(pattern=r"^LMI\d{3}$")]
    versions: NonEmpty
    handlers: tuple[Handler, ...] | None = None
    """Null for all of them."""
    when: Annotated[dict[str, Condition], Field(min_length=1)]
    key: NonEmpty
    """The key that the finding is about: one of `when`."""
    outcome: Outcome
    severity: Literal["error", "warning", "note"] = "error"
    problem: NonEmpty
    """What is true, as the end of a sentence that begins with the key; `{option.x}` stands for the
    value of a key."""
    fix: str | None = None
