"""Which client a URI's scheme takes; each is imported at first use: steps that read local files need none."""

import io
import math
from types import ModuleType
from typing import BinaryIO

from components._errors import InputError
from components._objects.stored_object import StoredObject, check

BUCKETS = ("gs", "s3")
WEB = ("https", "http")


def scheme_of(uri: str) -> str:
    """Returns `gs` of `gs://bucket/name`, and "" of a local path."""
    return uri.partition("://")[0] if "://" in uri else ""


def without_query(uri: str) -> str:
    """Returns a URI without what a web address may have behind a `?`; names in buckets may hold one."""
    return uri.partition("?")[0] if scheme_of(uri) in WEB else uri


def is_remote(uri: str) -> bool:
    """Tells objects from local paths."""
    return scheme_of(uri) in (*BUCKETS, *WEB)


def client_of(uri: str) -> ModuleType:
    """Returns the module that speaks with the URI's server.

    Raises:
        InputError: If there is none for its scheme, or the URI names no bucket or server.
    """
    if uri.partition("://")[2].startswith("/") or uri.endswith("://"):
        raise InputError(f"{uri}: expected {scheme_of(uri)}:// and a name behind it. Check the address.")
    match scheme_of(uri):
        case "gs":
            from components._objects import gs  # noqa: PLC0415

            return gs
        case "s3":
            from components._objects import s3  # noqa: PLC0415

            return s3
        case "https" | "http":
            from components._objects import web  # noqa: PLC0415

            return web
        case _:
            raise InputError(f"{uri}: expected gs://, s3://, https:// or http://. Check the address.")


def read(stored: StoredObject, max_bytes: float = math.inf) -> bytes:
    """Reads an object once; raises as `copy`."""
    stream = io.BytesIO()
    copy(stored, stream, max_bytes)
    return stream.getvalue()


def copy(stored: StoredObject, stream: BinaryIO, max_bytes: float) -> None:
    """Copies an object once into a stream, which is emptied first.

    Raises:
        StorageError: If the request fails, or other bytes come than the server says.
        InputError: If there are more bytes than `max_bytes`.
    """
    stream.seek(0)
    stream.truncate()

    def write(chunk: bytes) -> None:  # a server need not tell beforehand how much will come
        if (size_bytes := stream.tell() + len(chunk)) > max_bytes:
            raise InputError(f"{stored.uri}: {size_bytes} bytes or more, expected at most {max_bytes}.")
        stream.write(chunk)

    check(stored, client_of(stored.uri).receive(stored, 0, write), stream)
