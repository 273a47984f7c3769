"""Reads serving.properties out of a model.tar.gz; nothing is written to disk."""

from __future__ import annotations

import io

from lmi_deployer.errors import InputError
from lmi_deployer.render import PROPERTIES_FILE

MOST_UNPACKED_BYTES = 10_000_000
"""Of an archive; those of `up` come to a few kilobytes."""
GZIP = 31
"""Window bits by which zlib takes gzip's form."""


def properties_in(data: bytes, name: str) -> bytes:
    """serving.properties of the archive that is called `name`.

    Raises InputError where it holds none that can be read, and for one that comes to more than
    MOST_UNPACKED_BYTES.
    """
    import tarfile
    import zlib

    unpacking = zlib.decompressobj(wbits=GZIP)
    try:
        start = unpacking.decompress(data, MOST_UNPACKED_BYTES)
        if unpacking.unconsumed_tail:
            raise InputError(f"{name} comes to more than {MOST_UNPACKED_BYTES:,} bytes")
        with tarfile.open(fileobj=io.BytesIO(start), mode="r:") as archive:
            for entry in archive:
                if entry.name.removeprefix("./") == PROPERTIES_FILE and entry.isreg():
                    file = archive.extractfile(entry)
                    return b"" if file is None else file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{name} is no archive that can be read: {error}") from error
    raise InputError(f"{name} holds no {PROPERTIES_FILE}")
