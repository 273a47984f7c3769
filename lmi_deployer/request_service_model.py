"""The models that botocore ships of AWS's services, read as plain JSON from its data folder.

Importing `botocore.loaders` would take three times as long as reading the model does, because it
brings the HTTP stack with it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lmi_deployer.errors import MissingExtraError

Shape = Mapping[str, Any]
"""What the model says about a type: its kind, limits and members."""
Shapes = Mapping[str, Shape]

LIMITS_NEWER_THAN_THE_MODEL: Shapes = {
    # "Body" of InvokeEndpoint: 25 MB in SageMaker's hosting FAQ, still 6 MiB in the model.
    "BodyBlob": {"max": 25 * 1024**2},
}


@cache
def service_model(service: str) -> Mapping[str, Any]:
    """Read the newest model of a service: its "operations" and "shapes".

    Raises MissingExtraError when botocore is not installed, and ValueError when it does not know
    the service.
    """
    botocore = find_spec("botocore")
    if botocore is None or botocore.origin is None:
        raise MissingExtraError(
            "requests are checked against botocore's service models, and botocore is not installed",
            fix="pip install 'lmi-deploy[aws]'",
        )
    folder = Path(botocore.origin).parent / "data" / service
    newest = max(folder.glob("*/service-2.json.gz"), default=None)
    if newest is None:
        raise ValueError(f"botocore has no service {service!r}")
    model: Mapping[str, Any] = json.loads(gzip.decompress(newest.read_bytes()))
    return model


def input_shape(model: Mapping[str, Any], operation: str) -> Shape:
    """Look up what an operation takes; an empty structure when it takes nothing."""
    reference = model["operations"][operation].get("input")
    return shape_of(model["shapes"], reference) if reference else {"type": "structure"}


def shape_of(shapes: Shapes, reference: Mapping[str, Any]) -> Shape:
    """Look up the shape that a member refers to, with the traits that stand on the member."""
    name = reference["shape"]
    return {**shapes[name], **reference, **LIMITS_NEWER_THAN_THE_MODEL.get(name, {})}
