"""One account's S3: rendered files, weights, and the caches of compiled engines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER, KEY_CHARACTERS
from lmi_deployer.artifact.store import Store
from lmi_deployer.bundle import MANIFEST_FILE, Bundle
from lmi_deployer.deployment import FOLDER_HASH_CHARACTERS
from lmi_deployer.edges.aws_calls import AwsSettings, Calls, explained
from lmi_deployer.errors import AwsError, InputError, UnreachableError
from lmi_deployer.s3 import bucket_and_key

MAX_READ_BYTES = 1_000_000
OURS_ON_S3 = re.compile(
    rf"[0-9a-f]{{{FOLDER_HASH_CHARACTERS}}}/(manifest\.json|model\.tar\.gz|model/.+)"
)
"""Paths below a deployment's folder that `upload` makes; whatever else lies there is not ours."""
ENGINE_ON_S3 = re.compile(rf"[0-9a-f]{{{KEY_CHARACTERS}}}/({ARTIFACT_FOLDER}|job/)")
"""Paths that tell a compiled engine's folder from a bundle's, whose name has the same form."""


class AwsStorage:
    """The buckets that one account's credentials reach."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self.calls = Calls(settings)
        self.region = self.calls.region

    @property
    def account(self) -> str:
        """Number of the account that the credentials belong to."""
        return self.calls.account

    @property
    def _default_bucket(self) -> str:
        return f"sagemaker-{self.region}-{self.account}"

    # Reading

    def content(self, uri: str) -> bytes | None:
        """What an object holds, or None where there is none. Raises InputError for a large one."""
        bucket, key = bucket_and_key(uri)
        try:
            answer = self.calls.call("s3", "GetObject", Bucket=bucket, Key=key)
        except AwsError as error:
            if "NoSuchKey" in str(error):
                return None
            raise
        with closing(answer["Body"]) as body, explained(f"reading {uri}"):
            if answer["ContentLength"] > MAX_READ_BYTES:
                raise InputError(f"{uri} is larger than {MAX_READ_BYTES:,} bytes")
            return bytes(body.read())

    def store(self, uri: str) -> Store:
        """The artifacts in a folder of S3, which ends in "/"."""
        from lmi_deployer.artifact.s3_store import S3Store
        from lmi_deployer.edges.explained_store import ExplainedStore

        bucket, _ = bucket_and_key(uri)
        owner = self.account if bucket == self._default_bucket else None
        return ExplainedStore(S3Store(self.calls.client("s3"), uri, owner=owner))

    def weights_digest(self, source: str) -> str:
        """SHA-256 over path, size and ETag of every object below a prefix, in hexadecimal.

        An ETag changes with the content, and costs no download. Raises InputError where there is
        nothing.
        """
        bucket, prefix = bucket_and_key(source)
        listed = self._listed(bucket, prefix) or []
        # An object whose name ends in "/" is how consoles draw an empty folder.
        files = [item for item in listed if not item["Key"].endswith("/")]
        if not files:
            raise InputError(
                f"there are no weights in {source}",
                fix="copy them there, or model.source with the folder that holds them",
            )
        lines = sorted(
            (item["Key"].removeprefix(prefix), item["Size"], item["ETag"]) for item in files
        )
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest()

    def has_bucket(self, bucket: str) -> bool:
        """False where there is no bucket of that name; one that may not be read is one."""
        try:
            self._head(bucket)
        except UnreachableError:
            raise
        except AwsError as error:
            return "(404)" not in str(error)
        return True

    def is_elsewhere(self, bucket: str) -> str | None:
        """The region of a bucket, where that is known to be another one; None else."""
        try:
            region = self._head(bucket).get("BucketRegion")
        except UnreachableError:
            raise
        except AwsError:
            return None
        return None if region in {None, self.region} else str(region)

    def _head(self, bucket: str) -> dict[str, Any]:
        return self.calls.call("s3", "HeadBucket", Bucket=bucket, **self._owner(bucket))

    def _listed(self, bucket: str, prefix: str) -> list[dict[str, Any]] | None:
        """Every object below a prefix, or None where there is no such bucket."""
        request = {"Bucket": bucket, "Prefix": prefix, **self._owner(bucket)}
        try:
            return list(self.calls.pages("s3", "ListObjectsV2", "Contents", **request))
        except AwsError as error:
            if "NoSuchBucket" not in str(error):
                raise
            return None

    def objects(self, folders: set[str]) -> tuple[dict[str, str | None], set[str]]:
        """Our objects in some folders with their hashes, and the buckets that do not exist."""
        objects, missing = {}, set()
        for folder in sorted(folders):
            bucket, prefix = bucket_and_key(folder)
            listed = self._listed(bucket, prefix)
            if listed is None:
                missing.add(bucket)
                continue
            paths = [item["Key"].removeprefix(prefix) for item in listed]
            engines = {path.partition("/")[0] for path in paths if ENGINE_ON_S3.match(path)}
            for path, item in zip(paths, listed, strict=True):
                if OURS_ON_S3.fullmatch(path) and path.partition("/")[0] not in engines:
                    objects[f"s3://{bucket}/{item['Key']}"] = self._sha256(bucket, item)
        return objects, missing

    # Changing

    def upload(self, folder: str, bundle: Bundle) -> None:
        """Put every file of the bundle below the folder; the manifest last, to mark the rest."""
        bucket, prefix = bucket_and_key(folder)
        for path, content in {**bundle.files, MANIFEST_FILE: bundle.manifest}.items():
            request = {"Bucket": bucket, "Key": f"{prefix}{path}", **self._owner(bucket)}
            self.calls.call("s3", "PutObject", Body=content, **request)

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket in this region."""
        request: dict[str, Any] = {"Bucket": bucket}
        if self.region != "us-east-1":  # which S3 takes for no constraint, and refuses as one
            request["CreateBucketConfiguration"] = {"LocationConstraint": self.region}
        self.calls.call("s3", "CreateBucket", **request)

    def delete_objects(self, uris: tuple[str, ...]) -> None:
        """Delete objects. Deleting what is gone already is fine."""
        for uri in uris:
            bucket, key = bucket_and_key(uri)
            self.calls.call("s3", "DeleteObject", Bucket=bucket, Key=key, **self._owner(bucket))

    def _sha256(self, bucket: str, item: Mapping[str, Any]) -> str | None:
        """Hash of an object's content; None for one too large to be a rendered file."""
        if item["Size"] > MAX_READ_BYTES:
            return None
        key = item["Key"]
        with explained(f"reading s3://{bucket}/{key}"):
            request = {"Bucket": bucket, "Key": key, **self._owner(bucket)}
            body = self.calls.call("s3", "GetObject", **request)["Body"].read()
        return hashlib.sha256(body).hexdigest()

    def _owner(self, bucket: str) -> dict[str, str]:
        """Anybody could have made a bucket of the default's name; only this account's is used."""
        return {"ExpectedBucketOwner": self.account} if bucket == self._default_bucket else {}
