"""Objects in S3 and its likes, through s3fs: it finds credentials, region and endpoint as every AWS tool does.

Its own retries are off: `retrying` has the one policy for all storage.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import aiohttp
import botocore.session
import s3fs
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError
from fsspec.asyn import sync

from components._objects.retrying import CONNECTIONS, Patience, patience, retry_after_s
from components._objects.stored_object import StorageError, StoredObject, Write

_CHUNK_BYTES = 2**20
_NO_WHOLE_ANSWER = (
    ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError, ResponseParserError,
    aiohttp.ClientError, OSError,
)  # fmt: skip
_starting = threading.Lock()


def list_page(bucket: str, prefix: str, token: str) -> tuple[list[StoredObject], str]:
    """Returns up to a thousand objects by name, and the token of the next page; "" after the last.

    Raises:
        StorageError: If the request fails.
    """
    page = _call("list_objects_v2", Bucket=bucket, Prefix=prefix, **({"ContinuationToken": token} if token else {}))
    described = [_described(bucket, entry["Key"], entry["Size"], entry["ETag"]) for entry in page.get("Contents", [])]
    return described, page.get("NextContinuationToken", "")


def stat(uri: str) -> StoredObject:
    """Describes an object.

    Raises:
        StorageError: If the request fails; with status 404 if there is no such object.
    """
    bucket, key = _place(uri)
    answer = _call("head_object", Bucket=bucket, Key=key)
    return _described(bucket, key, answer["ContentLength"], answer["ETag"])


def receive(stored: StoredObject, start: int, write: Write) -> str:
    """Reads an object from a position on, if it has not been replaced.

    The client itself checks the checksum fields that S3 sends with a whole object.

    Returns:
        Its checksum, as in `StoredObject`.

    Raises:
        StorageError: If the request fails, also while chunks come; with status 412 if the object was replaced.
    """
    bucket, key = _place(stored.uri)
    only_rest = {"Range": f"bytes={start}-"} if start else {}
    answer = _call("get_object", Bucket=bucket, Key=key, IfMatch=stored.version, **only_rest)
    for chunk in _chunks(answer["Body"]):
        write(chunk)
    return _checksum(bucket, answer)


def _chunks(body: Any) -> Iterator[bytes]:  # noqa: ANN401 - aiobotocore's StreamingBody
    loop = _filesystem().loop
    try:
        while True:
            with _failures():
                chunk: bytes = sync(loop, _next_chunk, body)
            if not chunk:
                return
            yield chunk
    finally:
        loop.call_soon_threadsafe(body.close)


async def _next_chunk(body: Any) -> bytes:  # noqa: ANN401 - aiobotocore's StreamingBody
    """Collects what comes in small pieces: all threads wait for the client's one event loop, now once per chunk."""
    chunk = bytearray()
    while len(chunk) < _CHUNK_BYTES and (piece := await body.read(_CHUNK_BYTES - len(chunk))):
        chunk += piece
    return bytes(chunk)


def _checksum(bucket: str, answer: dict[str, Any]) -> str:
    """Returns the MD5 that an ETag is, where it is one (S3 API reference, "Object": ETag)."""
    etag = answer["ETag"].strip('"')
    in_parts = "-" in etag
    keyed = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    express = bucket.endswith("--x-s3")
    return "" if in_parts or keyed or express else f"md5:{etag}"


def _described(bucket: str, key: str, size_bytes: int, etag: str) -> StoredObject:
    return StoredObject(f"s3://{bucket}/{key}", key, size_bytes, etag)


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _call(method: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - as the S3 API has them
    with _failures():
        return _filesystem().call_s3(method, **arguments)


def _filesystem() -> s3fs.S3FileSystem:
    with _starting:  # or many readers would ask for credentials at once
        environment = frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))
        return _filesystem_for(environment, patience())


@cache
def _filesystem_for(environment: frozenset[tuple[str, str]], limits: Patience) -> s3fs.S3FileSystem:  # noqa: ARG001 - the client reads it itself
    filesystem = s3fs.S3FileSystem(
        anon=botocore.session.get_session().get_credentials() is None,  # a public bucket needs none
        config_kwargs={
            "connect_timeout": limits.connect_timeout_s,
            "read_timeout": limits.read_timeout_s,
            "max_pool_connections": CONNECTIONS,
            "retries": {"total_max_attempts": 1},
        },
        skip_instance_cache=True,
    )
    filesystem.retries = 1
    return filesystem


@contextmanager
def _failures() -> Iterator[None]:
    """Turns what s3fs and the client below it raise into StorageError."""
    try:
        yield
    except _NO_WHOLE_ANSWER as error:
        cause = error.__cause__  # s3fs hides S3's answer behind errors of files
        if isinstance(cause, ClientError):
            raise _answered(cause) from error
        raise StorageError(f"{type(error).__name__}: {error}") from error
    except ParamValidationError as error:
        raise StorageError(str(error), 400) from error
    except BotoCoreError as error:  # no, half or expired credentials, or a profile that does not exist
        raise StorageError(str(error), 401) from error


def _answered(error: ClientError) -> StorageError:
    said, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    reason = ": ".join(filter(None, (said.get("Code"), said.get("Message"))))
    return StorageError(reason, metadata.get("HTTPStatusCode"), retry_after_s(metadata.get("HTTPHeaders", {})))
