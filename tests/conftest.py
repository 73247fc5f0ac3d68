"""What tests of whole programs share."""

import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.signals import take_signals
from tests.storage_servers import Bucket, FaultProxy, fault_proxy, google_storage, new_bucket, no_faults, s3

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs as a person would, in the foreground; none outlives the test."""
    processes: list[subprocess.Popen[str]] = []

    def start_one(command, cwd) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # PLW1509: what runs before the program only sets signals, which no thread can disturb.
        processes.append(subprocess.Popen(command, cwd=cwd, text=True, preexec_fn=take_signals, **pipes))  # noqa: PLW1509
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def signals_restored() -> Iterator[None]:
    """Gives this process, in the end, the handlers that it had."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def gs_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """A server of Google Cloud Storage's API, behind a proxy that can do it wrong."""
    with google_storage(tmp_path_factory.mktemp("google") / "objects") as address, fault_proxy(address) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def s3_proxy() -> Iterator[FaultProxy]:
    """A server of S3's API, behind a proxy that can do it wrong."""
    with s3() as address, fault_proxy(address) as proxy:
        yield proxy


@pytest.fixture
def make_bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Bucket]]:
    """Makes buckets that this process and its children reach through a proxy; of scheme `gs` or `s3`.

    Patience is short: a wait of a second in production is one of a few hundredths here.
    """
    made: list[Bucket] = []

    def make(scheme: str) -> Bucket:
        made.append(new_bucket(scheme, request.getfixturevalue(f"{scheme}_proxy")))
        for name, value in (made[-1].environment | {"SCENERY_STORAGE_PATIENCE_S": "3"}).items():
            monkeypatch.setenv(name, value)
        return made[-1]

    yield make
    for bucket in made:
        bucket.proxy.plan = no_faults()
        bucket.proxy.faults.clear()


@pytest.fixture
def gs(make_bucket: Callable[[str], Bucket]) -> Bucket:
    """A bucket on Google Cloud Storage."""
    return make_bucket("gs")


@pytest.fixture(params=["gs", "s3"])
def bucket(request: pytest.FixtureRequest, make_bucket: Callable[[str], Bucket]) -> Bucket:
    """A bucket, once of each kind."""
    return make_bucket(request.param)
