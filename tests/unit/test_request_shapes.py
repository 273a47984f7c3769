from __future__ import annotations

from io import BytesIO

from lmi_deployer.request_shapes import walk


def test_a_value_of_a_sensitive_shape_is_told_by_its_length_alone() -> None:
    shape = {"type": "string", "sensitive": True, "pattern": "[a-z]+"}
    assert list(walk({}, shape, "geheim")) == []
    (violation,) = walk({}, shape, "Geheim 1")
    assert violation.problem.startswith("is a text of 8 characters")


def test_a_document_is_whatever_json_can_hold() -> None:
    shape = {"type": "structure", "document": True}
    assert list(walk({}, shape, {"any": ["thing", 1, None]})) == []
    (violation,) = walk({}, shape, {"any": {1, 2}}, "Input")
    assert violation[:2] == ("Input", "is an object that JSON cannot hold")


def test_a_stream_of_events_is_left_to_botocore() -> None:
    assert list(walk({}, {"type": "structure", "eventstream": True}, BytesIO())) == []
