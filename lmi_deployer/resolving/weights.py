"""The weights of a profile: what is known of the model, and how large it is as it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lmi_deployer import catalog, known_models, rules
from lmi_deployer.catalog.rows import BackendSupport, QuantizeMethod
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import MergedProfile, Origin
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.nearest import nearest
from lmi_deployer.resolving.deciding import Decisions
from lmi_deployer.spec import GIB, Weights

if TYPE_CHECKING:
    from lmi_deployer.lockfile import Lock, LockedModel

KEY = "model.weights_gib"


_known: dict[tuple[object, ...], tuple[Lock | None, ModelFacts | None]] = {}


def find_facts(merged: MergedProfile) -> ModelFacts | None:
    """What is known of the model: of the lock, else of the catalog.

    The same question has the same object for an answer, by which sizing knows again what it worked
    out of a shape before.
    """
    model_id, lock = str(merged.get("model.id")), merged.lock
    revision = cast("str | None", merged.get("model.revision"))
    source = cast("str | None", merged.get("model.source"))
    key = (id(lock), model_id, revision, source)
    if key not in _known:  # the entry keeps its lock alive, so the id is still that lock's
        facts = known_models.find(model_id, lock, revision=revision, source=source)
        _known[key] = (lock, facts)
    return _known[key][1]


def make_weights(
    decisions: Decisions,
    support: BackendSupport,
    facts: ModelFacts | None,
    dtype: str,
    method: QuantizeMethod | None,
    *,
    compiles_ahead: bool,
) -> Weights:
    """The weights. Raises ProfileError where nobody knows how large they are."""
    merged = decisions.merged
    locked = _locked(merged)
    stated_gib = merged.get(KEY)
    if stated_gib is not None:
        download_bytes = int(cast(float, stated_gib) * GIB)
        gpu_bytes = int(download_bytes * rules.shrinkage(dtype, method))
    elif facts is not None and facts.weight_bytes is not None:
        download_bytes = facts.weight_bytes
        gpu_bytes = rules.gpu_bytes(facts, dtype, method)
        source = "catalog" if locked is None or locked.facts_from == "catalog" else "lmi.lock"
        origin = Origin(f"{source}: {merged.get('model.id')}", merged.place(KEY))
        decisions.origin[KEY] = origin
    else:
        raise _without_size(decisions, facts)
    model = merged.settings.model
    assert model is not None  # model.id is required
    return Weights(
        model_id=str(model.id),
        revision=model.revision
        if model.source
        else decisions.decide(
            "model.revision",
            lambda: rules.revision(support, locked, compiles_ahead=compiles_ahead),
        ),
        source=model.source,
        dtype=dtype,
        quantize=method,
        download_bytes=download_bytes,
        gpu_bytes=gpu_bytes,
        facts=facts,
    )


def _locked(merged: MergedProfile) -> LockedModel | None:
    """What the lock beside the profile holds of its model."""
    model, lock = merged.settings.model, merged.lock
    if lock is None or model is None or model.id is None:
        return None
    return lock.find(model.id, revision=model.revision, source=model.source)


def _without_size(decisions: Decisions, facts: ModelFacts | None) -> ProfileError:
    """With what is wrong with the lock, which would know the size if it were right."""
    from lmi_deployer.locking.checks import checks_of_lock

    merged = decisions.merged
    model_id, lock = str(merged.get("model.id")), merged.lock
    if facts is not None:
        problem = f"is required: nobody counted the weight files of {model_id}"
    elif lock is None:
        problem = f"is required: the catalog does not hold {model_id}, and there is no lock"
    else:
        problem = f"is required: neither {lock.file} nor the catalog knows these weights"
    fix = "`lmi-deploy lock` asks the hub; or state the size, such as model.weights_gib: 13.5"
    near = nearest(model_id, catalog.names("models"))
    fix += f"; or did you mean {near!r}?" if near else ""
    about_lock = checks_of_lock(
        lock,
        model_id=model_id,
        revision=cast("str | None", merged.get("model.revision")),
        source=cast("str | None", merged.get("model.source")),
        place=merged.place,
    )
    return ProfileError([*about_lock, decisions.problem("LMI004", problem, key=KEY, fix=fix)])
