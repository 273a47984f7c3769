"""ListModels: its filters, its order and its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.sagemaker.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lmi_deployer.sandbox.records import Request, SandboxModel

# Small, so that a client which forgets NextToken notices; ListEndpoints documents the same default.
DEFAULT_PAGE = 10


def page_of_models(models: Iterable[SandboxModel], sent: Request) -> dict[str, Any]:
    """Page of ListModels that this request asks for."""
    matching = [model for model in models if _matches(model, sent)]
    by_name = sent.get("SortBy") == "Name"
    matching.sort(
        key=lambda model: (() if by_name else (model.creation_time,), model.model_name),
        reverse=sent.get("SortOrder", "Descending") == "Descending",
    )
    start = _start(sent.get("NextToken"))
    end = start + sent.get("MaxResults", DEFAULT_PAGE)
    page: dict[str, Any] = {"Models": [model.summary() for model in matching[start:end]]}
    if end < len(matching):
        page["NextToken"] = str(end)
    return page


def _matches(model: SandboxModel, sent: Request) -> bool:
    name, created = model.model_name, model.creation_time
    return (
        sent.get("NameContains", "") in name
        and created >= _naive(sent.get("CreationTimeAfter"), created)
        and created <= _naive(sent.get("CreationTimeBefore"), created)
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
