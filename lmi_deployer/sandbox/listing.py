"""Lists: their filters, their order and their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from moto.sagemaker.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from lmi_deployer.sandbox.records import Request, SandboxModel

# Small, so that a client which forgets NextToken notices; ListEndpoints documents the same default.
DEFAULT_PAGE = 10


class Listed(Protocol):
    """A job in a list."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def status(self) -> str:
        """Its status, in the API's words."""

    creation_time: datetime
    last_modified_time: datetime

    def summary(self) -> dict[str, Any]:
        """Its entry."""


def page_of_models(models: Iterable[SandboxModel], sent: Request) -> dict[str, Any]:
    """Page of ListModels that this request asks for."""
    matching = [m for m in models if _matches(m.model_name, m.creation_time, "Creation", sent)]
    by_name = sent.get("SortBy") == "Name"
    matching.sort(
        key=lambda model: (() if by_name else (model.creation_time,), model.model_name),
        reverse=sent.get("SortOrder", "Descending") == "Descending",
    )
    return page_of([model.summary() for model in matching], sent, member="Models")


def page_of_jobs(jobs: Iterable[Listed], sent: Request, *, member: str) -> dict[str, Any]:
    """Page of a list of jobs that this request asks for; the API documents ascending order."""
    matching = [
        job
        for job in jobs
        if _matches(job.name, job.creation_time, "Creation", sent)
        and _matches(job.name, job.last_modified_time, "LastModified", sent)
        and sent.get("StatusEquals", job.status) == job.status
    ]
    sort_by = sent.get("SortBy", "CreationTime")
    keys = {"Name": lambda job: job.name, "Status": lambda job: (job.status, job.name)}
    matching.sort(
        key=keys.get(sort_by, lambda job: (job.creation_time, job.name)),
        reverse=sent.get("SortOrder", "Ascending") == "Descending",
    )
    return page_of([job.summary() for job in matching], sent, member=member)


def page_of(
    entries: Sequence[Any], sent: Request, *, member: str, default: int = DEFAULT_PAGE
) -> dict[str, Any]:
    """Page of a list that is complete, filtered and in order."""
    start = _start(sent.get("NextToken"))
    end = start + sent.get("MaxResults", default)
    page: dict[str, Any] = {member: list(entries[start:end])}
    if end < len(entries):
        page["NextToken"] = str(end)
    return page


def _matches(name: str, time: datetime, what: str, sent: Request) -> bool:
    return (
        sent.get("NameContains", "") in name
        and time >= _naive(sent.get(f"{what}TimeAfter"), time)
        and time <= _naive(sent.get(f"{what}TimeBefore"), time)
    )


def _naive(limit: Any, otherwise: Any) -> Any:
    """Limit without its time zone, as moto keeps its times."""
    return otherwise if limit is None else limit.replace(tzinfo=None)


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise ValidationError("Invalid pagination token.")
    return int(token)
