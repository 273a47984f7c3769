"""Folders on S3: which are taken, and how an address falls into bucket and prefix."""

from __future__ import annotations

import re

S3_FOLDER = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([A-Za-z0-9_=+@:.-]*[A-Za-z0-9_=+@:-]/)*$"
"""`s3://bucket/` or `s3://bucket/a/b/`: no empty part, no "." or "..", and only characters
that stand for themselves in addresses and in tags.

Source: Amazon S3 user guide, bucket naming rules and object key naming guidelines.
"""
MAX_FOLDER_CHARACTERS = 200
"""With a deployment's name (54) below it, an address still fits into a tag (256)."""
FOLDER_FORM = "must be of the form s3://bucket/folder/, ending in '/'"


def is_folder(uri: str) -> bool:
    """True for an address that may be used as a folder."""
    return len(uri) <= MAX_FOLDER_CHARACTERS and re.fullmatch(S3_FOLDER, uri) is not None


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The two parts of an address, taken literally: `?` and `#` have no meaning in a key.

    >>> bucket_and_key("s3://acme/models#1/a.txt")
    ('acme', 'models#1/a.txt')
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
