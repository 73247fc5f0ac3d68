"""Objects in buckets (`gs://`, `s3://`) and on web servers (`https://`, `http://`): found, read, replaced.

Every request is repeated as `retrying` says, and every object is compared with the size and the checksum that
its server tells. All functions may be called from many threads at once.
"""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from components._errors import InputError
from components._objects.clients import BUCKETS, client_of, copy, is_remote, read, scheme_of, without_query
from components._objects.downloading import download_object
from components._objects.replacing import ABSENT, LostRaceError, check_replaceable, read_generation, replace_object
from components._objects.retrying import UnreachableError, persistently
from components._objects.stored_object import StoredObject

__all__ = [
    "ABSENT", "LostRaceError", "StoredObject", "UnreachableError", "check_replaceable", "download_object", "is_remote",
    "list_objects", "read_generation", "read_object", "replace_object", "save_object", "stat_object", "without_query",
]  # fmt: skip


def list_objects(prefix_uri: str) -> Iterator[StoredObject]:
    """Lists the objects of a bucket whose names begin with a prefix.

    Args:
        prefix_uri: `gs://bucket/prefix` or `s3://bucket/prefix`. Plain text: `photos` finds `photos2/a.jpg` too.

    Yields:
        The objects, by name as the server sorts it.

    Raises:
        InputError: If they cannot be listed; UnreachableError if that may pass.
    """
    if scheme_of(prefix_uri) not in BUCKETS:
        raise InputError(f"{prefix_uri}: expected gs://bucket/prefix or s3://bucket/prefix; no other can be listed.")
    bucket, _, prefix = prefix_uri.partition("://")[2].partition("/")
    token = ""
    while True:
        page, token = persistently(prefix_uri, partial(client_of(prefix_uri).list_page, bucket, prefix, token))
        yield from page
        if not token:
            return


def stat_object(uri: str) -> StoredObject:
    """Describes an object.

    Raises:
        InputError: If there is none, or access is refused; UnreachableError if the failure may pass.
    """
    return persistently(uri, partial(client_of(uri).stat, uri))


def read_object(stored: StoredObject, max_bytes: float = math.inf) -> bytes:
    """Returns an object's bytes.

    Args:
        stored: As listed or described; another version is not read.
        max_bytes: What is larger is refused.

    Raises:
        InputError: If it is gone, replaced, too large, or access is refused; UnreachableError if the failure may pass.
    """
    return persistently(stored.uri, partial(read, stored, max_bytes))


def save_object(stored: StoredObject, file: Path, max_bytes: float = math.inf) -> None:
    """Copies an object to a file, and holds little of it in memory; see `download_object` for what takes long.

    Args:
        stored: As listed or described; another version is not read.
        file: Where to; replaced. Complete and checked when this returns, anything when it raises.
        max_bytes: What is larger is refused.

    Raises:
        InputError: If it is gone, replaced, too large, or access is refused; UnreachableError if the failure may pass.
    """
    with file.open("w+b") as stream:
        persistently(stored.uri, partial(copy, stored, stream, max_bytes))
