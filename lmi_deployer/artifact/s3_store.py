"""A store on S3, over a client of botocore's shape: boto3's on a host, botocore's in a container.

`create` and `replace` need a botocore that knows conditional writes (1.35.71, November 2024); an
older one refuses their parameters, and no way around is taken. The rest needs 1.24 (2022).
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set

from lmi_deployer.artifact.store import (
    CHUNK_BYTES,
    MAX_READ_BYTES,
    StoredFile,
    StoreError,
    checked_path,
)

PART_BYTES = 64 * 1024**2
"""Of a multipart upload; s3transfer raises it where a file would have more than 10,000 parts."""
THREADS = 10
"""Parts under way at once; as many connections as botocore keeps by default."""
DELETED_AT_ONCE = 1000  # Amazon S3 API reference, DeleteObjects
SHA256_METADATA = "sha256"
"""A multipart upload's own checksum is one over its parts, so the file's stands beside it."""
ABSENT = ("404", "NoSuchKey", "NotFound")
CHANGED = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")


class S3Store:
    """Objects below a prefix of a bucket. Errors of the client are raised as they are."""

    def __init__(
        self, client: Any, root: str, *, owner: Optional[str] = None, part_bytes: int = PART_BYTES
    ) -> None:
        """`root` is `s3://bucket/folder/`; `owner` is the only account whose bucket will do."""
        scheme, _, rest = root.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket or (prefix and not prefix.endswith("/")):
            raise StoreError(f"{root!r} is not of the form s3://bucket/folder/")
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._owner = {} if owner is None else {"ExpectedBucketOwner": owner}
        self._part_bytes = part_bytes
        self._lock = Lock()
        self._manager: Any = None
        self._under_way: Set[Any] = set()
        self._is_stopped = False
        self.root = f"s3://{bucket}/{prefix}"

    def files(self, prefix: str = "") -> Dict[str, StoredFile]:
        """All objects whose path begins so, by path; without hashes, which listings lack."""
        return {
            item["Key"][len(self._prefix) :]: _stored(item, item["Size"])
            for item in self._pages("list_objects_v2", "Contents", prefix)
            if not item["Key"].endswith("/")  # a folder, as the console makes them
        }

    def folders(self) -> List[str]:
        """What stands before the first "/" of the paths of all objects."""
        found = self._pages("list_objects_v2", "CommonPrefixes", "", Delimiter="/")
        return [item["Prefix"][len(self._prefix) :].rstrip("/") for item in found]

    def find(self, path: str) -> Optional[StoredFile]:
        """One object, with the hash that `send` left in its metadata."""
        with _absent() as found:
            answer = self._client.head_object(**self._at(path))
            sha256 = answer.get("Metadata", {}).get(SHA256_METADATA)
            found.append(_stored(answer, answer["ContentLength"], sha256))
        return found[0] if found else None

    def read(self, path: str) -> Optional[bytes]:
        """The content of a small object, or None where there is none."""
        with _absent() as found:
            answer = self._client.get_object(**self._at(path))
            if answer["ContentLength"] > MAX_READ_BYTES:
                raise StoreError(f"{self.root}{path} is too large to be read whole")
            found.append(answer["Body"].read())
        return found[0] if found else None

    def digest(self, path: str) -> Optional[str]:
        """SHA-256 of an object, from every byte of it; None where there is none."""
        with _absent() as found:
            body = self._client.get_object(**self._at(path))["Body"]
            digest = hashlib.sha256()
            for piece in body.iter_chunks(CHUNK_BYTES):
                if self._is_stopped:
                    raise StoreError(f"reading {self.root}{path} was given up")
                digest.update(piece)
            found.append(digest.hexdigest())
        return found[0] if found else None

    def write(self, path: str, content: bytes) -> None:
        """Write a small object, whatever was there."""
        self._put(path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Write a small object where there is none; False where there is one already."""
        return self._put_if(path, content, IfNoneMatch="*")

    def replace(self, path: str, content: bytes, version: str) -> bool:
        """Write a small object over that version of it; False where it has changed or gone."""
        return self._put_if(path, content, IfMatch=version)

    def send(self, source: Path, path: str, sha256: str) -> None:
        """Upload a file in parallel parts, with checksums that S3 compares with what it gets."""
        checked_path(path)
        extra = {
            "ChecksumAlgorithm": "SHA256",
            "Metadata": {SHA256_METADATA: sha256},
            **self._owner,
        }
        key = self._prefix + path
        self._await(self._transfers.upload(str(source), self._bucket, key, extra_args=extra))

    def receive(self, path: str, target: Path) -> None:
        """Download an object into a new file; it has its name once it is whole."""
        if target.exists():
            raise StoreError(f"{target} is there already")
        if self.find(path) is None:
            raise StoreError(f"there is no {self.root}{path}")
        key = self._prefix + path
        extra = dict(self._owner)
        self._await(self._transfers.download(self._bucket, key, str(target), extra_args=extra))

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; what is gone already is fine."""
        keys = [{"Key": self._prefix + path} for path in paths]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = {"Objects": keys[start : start + DELETED_AT_ONCE], "Quiet": True}
            answer = self._client.delete_objects(Bucket=self._bucket, Delete=some, **self._owner)
            errors = answer.get("Errors", [])
            if errors:
                first = errors[0]
                raise StoreError(
                    f"{len(errors)} of {len(keys)} objects could not be deleted; "
                    f"s3://{self._bucket}/{first['Key']}: {first.get('Message')}"
                )

    def clean(self, prefix: str) -> None:
        """Abort multipart uploads that nobody has finished.

        Raises StoreError where the credentials may not list or abort them, as few roles may.
        """
        uploads: List[Dict[str, Any]] = []
        with self._permitted("s3:ListBucketMultipartUploads"):
            uploads = self._pages("list_multipart_uploads", "Uploads", prefix)
        for upload in uploads:
            with self._permitted("s3:AbortMultipartUpload"), _absent("NoSuchUpload"):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket,
                    Key=upload["Key"],
                    UploadId=upload["UploadId"],
                    **self._owner,
                )

    def stop(self) -> None:
        """Cancel the transfers under way; parts that are being sent are the last."""
        with self._lock:
            self._is_stopped = True
            for transfer in self._under_way:
                transfer.cancel()

    # How it is done

    @property
    def _transfers(self) -> Any:
        """What moves large files; one for all threads, so that they share its connections."""
        from s3transfer.manager import TransferConfig, TransferManager

        with self._lock:
            if self._manager is None:
                config = TransferConfig(
                    multipart_threshold=self._part_bytes,
                    multipart_chunksize=self._part_bytes,
                    max_request_concurrency=THREADS,
                )
                self._manager = TransferManager(self._client, config)
            return self._manager

    def _await(self, transfer: Any) -> None:
        """Wait for a transfer to end; it can be cancelled until then."""
        with self._lock:
            self._under_way.add(transfer)
            if self._is_stopped:
                transfer.cancel()
        try:
            transfer.result()
        except Exception as error:
            if self._is_stopped:
                raise StoreError("the transfer was given up") from error
            raise
        finally:
            with self._lock:
                self._under_way.discard(transfer)

    @contextmanager
    def _permitted(self, action: str) -> Iterator[None]:
        """Raise StoreError where the block is refused for want of a permission."""
        with _absent("AccessDenied") as permitted:
            yield
            permitted.append(True)
        if not permitted:
            raise StoreError(f"{action} is denied on {self._bucket}")

    def _at(self, path: str) -> Dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + path, **self._owner}

    def _put(self, path: str, content: bytes, **conditions: str) -> None:
        self._client.put_object(
            **self._at(checked_path(path)),
            Body=content,
            ChecksumAlgorithm="SHA256",
            Metadata={SHA256_METADATA: hashlib.sha256(content).hexdigest()},
            **conditions,
        )

    def _put_if(self, path: str, content: bytes, **condition: str) -> bool:
        with _absent(*CHANGED, *ABSENT):
            self._put(path, content, **condition)
            return True
        return False

    def _pages(self, operation: str, member: str, prefix: str, **more: str) -> List[Dict[str, Any]]:
        paginator = self._client.get_paginator(operation)
        request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, **more, **self._owner}
        return [item for page in paginator.paginate(**request) for item in page.get(member, ())]


@contextmanager
def _absent(*codes: str) -> Iterator[List[Any]]:
    """A list for what is found; it stays empty where the client's error has one of the codes."""
    from botocore.exceptions import ClientError

    found: List[Any] = []
    try:
        yield found
    except ClientError as error:
        if error.response["Error"]["Code"] not in (codes or ABSENT):
            raise


def _stored(item: Dict[str, Any], size_bytes: int, sha256: Optional[str] = None) -> StoredFile:
    modified, etag = item["LastModified"].timestamp(), item["ETag"]
    return StoredFile(size_bytes, etag, modified, sha256, etag.strip('"'))
