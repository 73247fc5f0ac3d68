"""Files on web servers, read only."""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from components._objects.retrying import CONNECTIONS, patience, retry_after_s
from components._objects.stored_object import StorageError, StoredObject, Write

_CHUNK_BYTES = 2**20
_MD5_BYTES = 16


def stat(uri: str) -> StoredObject:
    """Describes a file, by asking for its first byte: links that are signed for GET refuse HEAD.

    Raises:
        StorageError: If the request fails; with status 404 if there is no such file.
    """
    with closing(_get(uri, {"Range": "bytes=0-0"})) as response, _failures():
        if response.status_code == 206:
            _ = response.content  # so that the connection can be used again
        name, size_bytes = unquote(urlsplit(uri).path), _size_bytes(response)
        return StoredObject(uri, name, size_bytes, _version(response.headers), _checksum(response))


def receive(stored: StoredObject, start: int, write: Write) -> str:
    """Reads a file from a position on, if it has not been replaced; servers that can't do so send all of it.

    Returns:
        Its checksum, as in `StoredObject`.

    Raises:
        StorageError: If the request fails, also while chunks come; with status 412 if the file was replaced.
    """
    headers = {"Range": f"bytes={start}-", "If-Range": stored.version} if start else {}
    response = _get(stored.uri, headers)
    partial = response.status_code == 206
    # All of one size from one answer is whole, even of a server that names another version in each.
    if _version(response.headers) != stored.version and (start or _size_bytes(response) != stored.size_bytes):
        response.close()
        raise StorageError("the server has another version now", 412)
    if partial and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        raise StorageError(f"asked from byte {start}, the server sent {response.headers.get('Content-Range')}")
    for chunk in _chunks(response, 0 if partial else start):
        write(chunk)
    return _checksum(response)


def _get(uri: str, headers: Mapping[str, str]) -> requests.Response:
    limits = patience()
    with _failures():
        response = _session().get(
            uri,
            headers={"Accept-Encoding": "identity", **headers},  # sizes and positions are of the file itself
            timeout=(limits.connect_timeout_s, limits.read_timeout_s),
            stream=True,
        )
    if response.status_code >= 400:
        response.close()
        raise StorageError(response.reason, response.status_code, retry_after_s(response.headers))
    return response


def _chunks(response: requests.Response, skipped_bytes: int) -> Iterator[bytes]:
    with closing(response):
        chunks = response.iter_content(_CHUNK_BYTES)
        while True:
            with _failures():
                chunk = next(chunks, b"")
            if not chunk:
                return
            if rest := chunk[skipped_bytes:]:
                yield rest
            skipped_bytes = max(0, skipped_bytes - len(chunk))


def _size_bytes(response: requests.Response) -> int | None:
    headers = response.headers
    if "Content-Encoding" in headers:  # the size on the way
        return None
    told = headers.get("Content-Range", "").partition("/")[2] if response.status_code == 206 else ""
    told = told or headers.get("Content-Length", "")
    return int(told) if told.isdigit() else None


def _version(headers: Mapping[str, str]) -> str:
    """Returns a strong validator (RFC 9110, section 8.8): equal ones mean equal bytes."""
    if "Content-Encoding" in headers:  # compressed on the way: positions in it mean nothing
        return ""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def _checksum(response: requests.Response) -> str:
    """Returns the crc32c that Google Cloud Storage sends with public links, too, or the MD5 that some others send."""
    headers = response.headers
    if found := re.search(r"\bcrc32c=([\w+/=]+)", headers.get("x-goog-hash", "")):
        return f"crc32c:{base64.b64decode(found[1]).hex()}"
    if response.status_code != 200 or "Content-Encoding" in headers:
        return ""
    try:
        md5 = base64.b64decode(headers.get("Content-MD5", ""), validate=True)  # RFC 1864: of what is sent, here all
    except ValueError:
        return ""
    return f"md5:{md5.hex()}" if len(md5) == _MD5_BYTES else ""  # some servers send hex digits


@cache
def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return session


@contextmanager
def _failures() -> Iterator[None]:
    """Turns what requests raises into StorageError."""
    try:
        yield
    except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
        raise StorageError(str(error), 400) from error
    except (requests.RequestException, HTTPError) as error:
        raise StorageError(f"{type(error).__name__}: {error}") from error
