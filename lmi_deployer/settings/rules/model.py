"""Rules about the model: its family, dtype, code and where it is loaded from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from lmi_deployer.catalog.rows import Dtype
from lmi_deployer.rules.backend import serves_family
from lmi_deployer.settings.values import shown
from lmi_deployer.settings.view import Issue, View

DTYPES: tuple[str, ...] = get_args(Dtype)
MODEL_ID = "option.model_id"
TRUST = "option.trust_remote_code"
NOT_OURS = (None, "custom")
"""Handlers that load code by rules of their own, or that are not known."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_ARCHIVE = re.compile(r"(?i)\.(tar|tgz|tar\.gz|zip)/?$")


def backend_serves_the_model(view: View) -> Iterator[Issue]:
    """LMI104: a family that the image cannot build or load fails after the GPUs are paid for."""
    family = None if view.model is None else view.model.model_type
    backends = view.container.backends
    handler = next((name for name in backends if name == view.handler), None)
    if family is None or handler is None or serves_family(view.container, handler, family):
        return
    able = [name for name in backends if serves_family(view.container, name, family)]
    families = backends[handler].model_types
    problem = f"{handler} on LMI {view.table.version} does not serve {shown(family)}"
    if families:
        problem = f"{handler} on LMI {view.table.version} serves {', '.join(families)}; "
        problem += f"the model is {shown(family)}"
    fix = "another container version"
    if able:
        fix = f"one of {', '.join(able)}" if len(able) > 1 else able[0]
    yield Issue("LMI104", "error", "option.rolling_batch", problem, fix)


def dtype_is_taken(view: View) -> Iterator[Issue]:
    """LMI105: a dtype that the validators let through and the backend is not for."""
    dtype = view.settings.get("option.dtype")
    support = view.support
    if dtype is None or support is None or view.settings.get("option.quantize") is not None:
        return
    named = next((ours for ours, name in support.dtype_names.items() if name == dtype), dtype)
    if named in DTYPES and named not in support.dtypes:
        problem = f"is {dtype}, which {view.handler} on LMI {view.table.version} is not for"
        fix = f"one of {', '.join(support.dtypes)}"
        yield Issue("LMI105", "warning", "option.dtype", problem, fix)


def own_code_is_allowed(view: View) -> Iterator[Issue]:
    """LMI404: a checkpoint that brings its own code does not load unless that is allowed."""
    if view.model is None or not view.model.needs_remote_code or view.handler in NOT_OURS:
        return
    if not view.is_on(TRUST):
        problem = "the model runs Python code that stands beside its weights"
        yield Issue("LMI404", "error", TRUST, problem, f"{TRUST}=true")


def own_code_is_pinned(view: View) -> Iterator[Issue]:
    """LMI404: code from the hub that changes under a running endpoint's next start."""
    model_id = view.settings.get(MODEL_ID, "")
    if view.handler in NOT_OURS or not view.is_on(TRUST):
        return
    if not _HUB_ID.fullmatch(model_id):
        return
    entry = view.entries.entries.get("option.revision")
    if entry is None or not entry.is_used:
        problem = "the model runs Python code from the hub, and this backend reads no revision"
        yield Issue("LMI404", "warning", TRUST, problem, "load the model from a copy on S3")
    elif "option.revision" not in view.settings:
        problem = "the model runs Python code from the hub, from whatever commit is newest"
        yield Issue("LMI404", "warning", TRUST, problem, "set option.revision to a commit")


def model_id_can_be_loaded(view: View) -> Iterator[Issue]:
    """LMI402: the server copies a prefix as it is; it unpacks nothing.

    Source: djl-serving issue 962; LmiUtils.java.
    """
    model_id = view.settings.get(MODEL_ID)
    if model_id is None:
        return
    if _ARCHIVE.search(model_id):
        problem = "names an archive; the server copies files and unpacks none"
        fix = "the s3:// prefix, or the folder, that holds config.json and the weights"
        yield Issue("LMI402", "error", MODEL_ID, problem, fix)
    elif not model_id.strip():
        yield Issue("LMI402", "error", MODEL_ID, "is empty", "a hub id or an s3:// prefix")
    elif _is_gated(view) and _HUB_ID.fullmatch(model_id) and not view.has_hub_token:
        problem = f"{model_id} is gated; the container cannot download it without a token"
        yield Issue("LMI402", "warning", MODEL_ID, problem, "copy the weights to S3")


def _is_gated(view: View) -> bool:
    return view.model is not None and bool(view.model.is_gated)
