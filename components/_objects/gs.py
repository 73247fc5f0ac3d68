"""Objects in Google Cloud Storage, through its official client.

The client's own retries are off: `retrying` has the one policy for all storage.
"""

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from requests import RequestException
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from components._errors import InputError
from components._objects.retrying import CONNECTIONS, patience, retry_after_s
from components._objects.stored_object import StorageError, StoredObject, Write

_WRITER = "scenery-writer"
_starting = threading.Lock()


def list_page(bucket: str, prefix: str, token: str) -> tuple[list[StoredObject], str]:
    """Returns up to a thousand objects by name, and the token of the next page; "" after the last.

    Raises:
        StorageError: If the request fails.
    """
    with _failures():
        blobs = _client().list_blobs(
            bucket,
            prefix=prefix or None,
            page_token=token or None,
            page_size=1000,
            fields="items(name,size,generation,crc32c),nextPageToken",
            timeout=_timeout_s(),
            retry=None,
        )
        page = next(blobs.pages, ())
        return [_described(blob) for blob in page], blobs.next_page_token or ""


def stat(uri: str) -> StoredObject:
    """Describes an object.

    Raises:
        StorageError: If the request fails; with status 404 if there is no such object.
    """
    with _failures():
        blob = _blob(uri)
        blob.reload(timeout=_timeout_s(), retry=None)
        return _described(blob)


def receive(stored: StoredObject, start: int, write: Write) -> str:
    """Reads that very generation of an object from a position on.

    Returns:
        Its checksum, as in `StoredObject`.

    Raises:
        StorageError: If the request fails, also while chunks come; with status 404 if that generation is gone.
    """
    with _failures():
        _blob(stored.uri, stored.version).download_to_file(
            _Stream(write),
            start=start or None,
            raw_download=True,  # as stored, which is what size and checksum are of
            checksum=None,  # that of the whole object is checked once all of it is there
            timeout=_timeout_s(),
            retry=None,
        )
    return stored.checksum


def replace(uri: str, data: bytes, expected_generation: str, writer: str) -> str | None:
    """Writes an object if its generation is still the expected one.

    Args:
        uri: The object.
        data: Its new content.
        expected_generation: "0" if there must be none yet.
        writer: Text that no other call uses; the same when the call is repeated. An earlier call whose
            answer was lost is recognized by it.

    Returns:
        The new generation; None if somebody else has written.

    Raises:
        StorageError: If a request fails.
    """
    with _failures():
        blob = _blob(uri)
        blob.metadata = {_WRITER: writer}
        try:
            blob.upload_from_string(
                data,
                content_type="application/octet-stream",
                if_generation_match=int(expected_generation),
                checksum="crc32c",
                timeout=_timeout_s(),
                retry=None,
            )
        except GoogleAPICallError as error:
            if error.code != 412:
                raise
            blob = blob.bucket.get_blob(blob.name, timeout=_timeout_s(), retry=None)
            return str(blob.generation) if blob and (blob.metadata or {}).get(_WRITER) == writer else None
        return str(blob.generation)


@dataclass(frozen=True)
class _Stream:
    """As much of a file as the client asks for: it writes some kilobytes at a time."""

    write: Write


def _blob(uri: str, generation: str | None = None) -> storage.Blob:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return _client().bucket(bucket).blob(name, generation=generation)


def _described(blob: storage.Blob) -> StoredObject:
    uri = f"gs://{blob.bucket.name}/{blob.name}"
    checksum = f"crc32c:{base64.b64decode(blob.crc32c).hex()}" if blob.crc32c else ""
    return StoredObject(uri, blob.name, int(blob.size), str(blob.generation), checksum)


def _client() -> storage.Client:
    with _starting:  # or many readers would ask for credentials at once
        return _client_for(os.environ.get("STORAGE_EMULATOR_HOST"))


@cache
def _client_for(emulator: str | None) -> storage.Client:  # noqa: ARG001 - the client reads it from the environment
    try:
        client = storage.Client(project=None)  # objects are found by bucket, without a project
    except DefaultCredentialsError:
        if "GOOGLE_APPLICATION_CREDENTIALS" in os.environ:
            raise
        client = storage.Client.create_anonymous_client()  # a public bucket needs no more
    # The client would ask for the bucket too, in the background, which readers of objects often may not.
    client._bucket_metadata_cache = None
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))
    return client


def _timeout_s() -> tuple[float, float]:
    limits = patience()
    return limits.connect_timeout_s, limits.read_timeout_s


@contextmanager
def _failures() -> Iterator[None]:
    """Turns what the client raises into StorageError."""
    try:
        yield
    except InputError:  # a ValueError, of whoever is given the bytes
        raise
    except GoogleAPICallError as error:
        raise _answered(error) from error
    except (DefaultCredentialsError, RefreshError) as error:
        raise StorageError(str(error), None if error.retryable else 401) from error
    except (GoogleAuthError, RequestException, HTTPError, DataCorruption) as error:
        raise StorageError(f"{type(error).__name__}: {error}") from error
    except ValueError as error:  # a name that no bucket or object can have
        raise StorageError(str(error), 400) from error


def _answered(error: GoogleAPICallError) -> StorageError:
    if error.response is None:
        return StorageError(str(error.message), error.code)
    try:
        reason = error.response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):  # answers to downloads are plain text
        reason = error.response.text.strip()[:200] or error.response.reason
    return StorageError(reason, error.code, retry_after_s(error.response.headers))
