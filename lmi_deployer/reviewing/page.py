"""The text of a review: the comparison as Markdown, and below it what stops the pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lmi_deployer.diffing import wording
from lmi_deployer.diffing.as_markdown import markdown
from lmi_deployer.diffing.comparison import Comparison
from lmi_deployer.diffing.markdown_text import sentence
from lmi_deployer.findings import Finding
from lmi_deployer.reviewing.comment import fitted

MOST_ERRORS = 20
"""Of those that stood there before; the annotations and the log have all of them."""
LONGEST_ERROR = 500


def review_page(
    comparison: Comparison,
    *,
    marker: str,
    errors: Sequence[Finding] = (),
    failed_gates: Iterable[str] = (),
) -> str:
    """The comment, which begins with its marker; the summary of a run is the same.

    `errors` are those of the changed files; the ones that the comparison tells are not told twice.
    """
    told = {item for diff in comparison.profiles for item in diff.appeared}
    told |= {item for unread in comparison.unread for item in unread.findings}
    sections = (
        ("#### Gates", [f"- failed: {sentence(text)}" for text in failed_gates]),
        ("#### Not valid", list(_errors([item for item in errors if item not in told]))),
    )
    shown = ["\n".join((heading, "", *lines)) for heading, lines in sections if lines]
    return fitted("\n".join([markdown(comparison, marker=marker), *(f"{it}\n" for it in shown)]))


def _errors(errors: Sequence[Finding]) -> Iterator[str]:
    for item in errors[:MOST_ERRORS]:
        yield f"- {sentence(wording.finding_text(item)[:LONGEST_ERROR])}"
    if len(errors) > MOST_ERRORS:
        yield f"- and {len(errors) - MOST_ERRORS:,} more"
