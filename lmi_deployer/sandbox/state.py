"""The sandbox's state in a file, so that it outlives the process that serves it.

moto's backends can only be kept as pickles. A pickle can run code when it is read, so the reader
takes nothing but plain values and the record classes that moto and this package keep.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import struct
from typing import TYPE_CHECKING, Any

import moto
from moto.backends import get_backend
from moto.core.base_backend import BackendDict, BaseBackend
from moto.s3.models import s3_backends

from lmi_deployer.errors import InputError
from lmi_deployer.sandbox.held_file import HeldFile, InUseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = "lmi-deploy sandbox state 2"

# What a deployment touches. Other services work in a running sandbox and are forgotten with it;
# moto's ECR and KMS hold locks and keys, which cannot be pickled.
SAVED_SERVICES = (
    "application-autoscaling",
    "cloudwatch",
    "iam",
    "logs",
    "s3",
    "sagemaker",
    "sns",
    "sts",
)

# Backends that a saved one may refer to: application-autoscaling's holds on to that of ECS.
REFERENCES = (*SAVED_SERVICES, "ecs")

PLAIN_TYPES = {
    "builtins": {"set", "frozenset", "bytearray", "complex", "list", "dict", "tuple", "str", "int"},
    "collections": {"OrderedDict", "defaultdict", "deque"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "requests.structures": {"CaseInsensitiveDict"},
    "uuid": {"UUID", "SafeUUID"},
}
# Not all of moto: moto.core holds the machinery itself, and some services' classes start threads or
# containers when they are made.
RECORD_MODULES = re.compile(
    r"moto\.(applicationautoscaling|cloudwatch|iam|logs|s3|sagemaker|sns|sts)(\.\w+)*"
    r"|moto\.utilities\.(tagging_service|utils)"
    r"|lmi_deployer\.sandbox\.(records|lifecycle|faults|jobs\.(machine|training_records|optimization))"
)


class StateFile:
    """Where the state is kept, and what was written there last.

    One sandbox at a time holds it: of two, each would undo what the other has done.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = b""
        self._file = HeldFile(path)

    def save(self) -> None:
        """Write the state if it has changed: to a new file first, which then takes the place.

        Raises InputError when the place cannot be written to, or is another sandbox's.
        """
        content = encode()
        if content == self.written:
            return
        try:
            self._file.write(content)
        except InUseError as error:
            raise self._in_use() from error
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from error
        self.written = content

    def restore(self) -> None:
        """Take up what the file holds, if there is one. Raises InputError if it is of no use."""
        try:
            content = self._file.read()
        except FileNotFoundError:
            return
        except InUseError as error:
            raise self._in_use() from error
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            decode(content)
        except UnusableStateError as error:
            raise InputError(
                f"{self.path} cannot be restored: {error}",
                fix=f"delete {self.path} to start with an empty sandbox, or name another file",
            ) from error
        self.written = content

    def close(self) -> None:
        """Leave it to the next sandbox."""
        self._file.let_go()

    def _in_use(self) -> InputError:
        return InputError(
            f"another sandbox is using {self.path}",
            fix="wait until it has ended, name another file, or let commands share what "
            "`lmi-deploy sandbox serve` runs",
        )


# What reading and putting back can end in when the bytes are whole but make no sense.
DAMAGE = (
    pickle.UnpicklingError,
    struct.error,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)


class UnusableStateError(Exception):
    """Why a saved state cannot be restored."""


def encode() -> bytes:
    """State of this process's moto: a line of JSON that says what follows, and the pickle."""
    buffer = io.BytesIO()
    _Writer(buffer, protocol=5).dump(dict(_collected()))
    body = buffer.getvalue()
    header = {"format": FORMAT, "moto": moto.__version__, "sha256": _sha256(body)}
    return json.dumps(header).encode() + b"\n" + body


def decode(content: bytes) -> None:
    """Put a saved state in place of this process's. Raises UnusableStateError."""
    head, _, body = content.partition(b"\n")
    try:
        header = json.loads(head)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UnusableStateError("it is not a state that this version of lmi-deploy saved")
    if header.get("moto") != moto.__version__:
        raise UnusableStateError(
            f"it was saved with moto {header.get('moto')}, and this is moto {moto.__version__}"
        )
    if header.get("sha256") != _sha256(body):
        raise UnusableStateError("it is damaged")
    try:
        _put_back(_Reader(io.BytesIO(body)).load())
    except DAMAGE as error:
        raise UnusableStateError("it is damaged") from error


class _Writer(pickle.Pickler):
    """Writes references to backends, of which there is one each, and patterns, as plain values."""

    def persistent_id(self, obj: Any) -> tuple[str | int, ...] | None:
        if isinstance(obj, BaseBackend):
            return ("backend", *self._place(obj))
        if isinstance(obj, re.Pattern):
            return ("pattern", obj.pattern, obj.flags)
        return None

    def _place(self, wanted: BaseBackend) -> tuple[str, str, str]:
        for backends in _in_use():
            for account, region, backend in backends.iter_backends():
                if backend is wanted:
                    return (backends.service_name, account, region)
        raise pickle.PicklingError(f"{wanted} is no backend in use")


# The reader in C, which pickle.Unpickler is, does not let its opcodes be watched.
_PythonUnpickler = pickle._Unpickler  # noqa: SLF001


def _build(reader: Any) -> None:
    """Give a record its attributes. Given to a class, they would replace moto's own methods."""
    if isinstance(reader.stack[-2], type):
        raise UnusableStateError(f"it changes {reader.stack[-2].__qualname__}")
    _PythonUnpickler.dispatch[pickle.BUILD[0]](reader)


class _Reader(_PythonUnpickler):
    """Reads a pickle that consists of plain values and records, and refuses any other."""

    dispatch = _PythonUnpickler.dispatch | {pickle.BUILD[0]: _build}

    def persistent_load(self, pid: Any) -> Any:
        match pid:
            case ("backend", str(service), str(account), str(region)) if service in REFERENCES:
                return _backends_of(service)[account][region]
            case ("pattern", str(pattern), int(flags)):
                return re.compile(pattern, flags)
            case _:
                raise UnusableStateError(f"it refers to {pid!r}")

    def find_class(self, module: str, name: str) -> Any:
        if "." not in name and name in PLAIN_TYPES.get(module, ()):
            return super().find_class(module, name)
        if "." in name or not RECORD_MODULES.fullmatch(module):
            raise UnusableStateError(f"it refers to {module}.{name}")
        found = super().find_class(module, name)
        # A name that a module only imported would open the door to everything moto imports.
        if not isinstance(found, type) or found.__module__ != module:
            raise UnusableStateError(f"it refers to {module}.{name}")
        return found


def _collected() -> Iterator[tuple[str, Any]]:
    """For each service in use, what each of its backends keeps, by account and region."""
    for backends in _in_use():
        if backends.service_name not in SAVED_SERVICES:
            continue
        kept: dict[str, dict[str, Any]] = {}
        for account, region, backend in backends.iter_backends():
            kept.setdefault(account, {})[region] = backend.__dict__
        yield backends.service_name, kept


def _in_use() -> list[Any]:
    """Every service's backends that a call has reached; moto offers no public list."""
    in_use: list[Any] = BackendDict._instances  # type: ignore[misc]  # noqa: SLF001
    return sorted(in_use, key=lambda backends: str(backends.service_name))


def _backends_of(service: str) -> Any:
    return get_backend(service)  # type: ignore[call-overload]


def _put_back(saved: dict[str, dict[str, dict[str, Any]]]) -> None:
    for service, accounts in saved.items():
        if service not in SAVED_SERVICES:
            raise UnusableStateError(f"it refers to {service}")
        backends = _backends_of(service)
        for account, regions in accounts.items():
            for region, attributes in regions.items():
                backends[account][region].__dict__.update(attributes)
    # moto finds the owner of a bucket through this index, which is no part of a backend.
    backend: Any
    for account, partition, backend in s3_backends.iter_backends():
        for bucket in backend.buckets:
            s3_backends.bucket_accounts[bucket] = (partition, account)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
