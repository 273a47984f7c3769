"""What is deleted has to be what was uploaded, whatever an address holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.s3 import MAX_FOLDER_CHARACTERS, bucket_and_key, is_folder


@pytest.mark.parametrize("uri", ["s3://acme/", "s3://acme/a/", "s3://acme.models/a-b/c_d=1/v1.2/"])
def test_a_folder_is_a_bucket_and_parts_that_end_in_a_slash(uri: str):
    assert is_folder(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *("s3://acme", "s3://acme/a", "acme/a/", "https://acme/a/", "s3:///a/", "s3://A/", "s3://"),
        *("s3://acme//", "s3://acme/a//b/", "s3://acme/../b/", "s3://acme/./", "s3://acme/a?b/"),
        *(
            "s3://acme/a#b/",
            "s3://acme/a b/",
            "s3://acme/\u00e9/",
            "s3://acme/a%2f/",
            "s3://acme/a\n/",
        ),
        "s3://acme/" + "x" * MAX_FOLDER_CHARACTERS + "/",
    ],
)
def test_what_could_mean_another_place_is_no_folder(uri: str):
    assert not is_folder(uri)


@given(st.text(alphabet=st.characters(exclude_characters="/"), min_size=1), st.text())
def test_bucket_and_key_are_taken_literally(bucket: str, key: str):
    assert bucket_and_key(f"s3://{bucket}/{key}") == (bucket, key)
