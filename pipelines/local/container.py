"""Runs a container component in a real container, locked down."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import Mount
from kfp import local
from kfp.local import docker_task_handler, status

from components._errors import InputError
from components._storage import local_path
from pipelines.local.step import Progress, Step, Stopwatch

IMAGE_USER = 65532  # the images' own user, when the caller is root

# What tells clients of buckets and of tracking servers where to go, and who asks.
_CLIENT_PREFIXES = ("AWS_", "MLFLOW_")
_CLIENT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "STORAGE_EMULATOR_HOST", "SCENERY_STORAGE_PATIENCE_S")
# Variables that name a file, and where it is without them.
_CREDENTIAL_FILES = {
    "GOOGLE_APPLICATION_CREDENTIALS": "~/.config/gcloud/application_default_credentials.json",
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
}


class ContainerTaskHandler(docker_task_handler.DockerTaskHandler):
    """kfp.local's Docker handler, with the caller's user, a read-only root and the real exit status.

    The base class lets containers remove themselves and then can't tell a failed one from a finished one
    (kubeflow/pipelines 13332); here a container stays until its exit status has been read, and a missing
    executor output counts as failure.
    """

    def __init__(self, *args: Any, progress: Progress, **kwargs: Any) -> None:  # noqa: ANN401 - as in the base
        super().__init__(*args, **kwargs)
        self._progress = progress

    def run(self) -> status.Status:
        """Runs the step to its end.

        Raises:
            StepFailedError: If its container fails or leaves no executor output.
        """
        step = Step.of(self.full_command)
        step.folder.mkdir(parents=True, exist_ok=True)
        clock = Stopwatch()
        self._progress.started(step.name)
        writable = {step.folder: "**/*"} | _shared_folders(step.command)
        mounts = [Mount(str(folder), str(folder), "bind") for folder in writable]
        arguments = self.runner.container_run_args | {"mounts": [*self.runner.container_run_args["mounts"], *mounts]}
        with _ownership(writable) as user, _container(self.image, step.command, user, arguments) as container:
            tail = step.follow(_lines(container), self._progress)
            exit_status = container.wait()["StatusCode"]
        step.conclude(exit_status, tail, clock.seconds, self._progress)
        return status.Status.SUCCESS


def container_runner(run_folder: Path, sources: Iterable[Path]) -> local.DockerRunner:
    """Returns kfp.local's runner for containers, which reach buckets as the caller does.

    Args:
        run_folder: Holds all runs; mounted read-only, each step's own folder writable.
        sources: Local data, mounted read-only at its own paths.
    """
    credentials = _credential_files()
    read_only = [run_folder, *sources, *credentials.values()]
    return local.DockerRunner(
        environment=_client_settings() | {name: str(path) for name, path in credentials.items()},
        mounts=[Mount(str(path), str(path), "bind", read_only=True) for path in read_only],
        read_only=True,
        tmpfs={"/tmp": "rw,mode=1777"},  # noqa: S108 - inside the container
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )


def _client_settings() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("AWS_", "MLFLOW_")) or name in _CLIENT_VARIABLES
    }


def _credential_files() -> dict[str, Path]:
    """Finds the caller's credentials, by the variable that names the file."""
    files = {name: Path(os.environ.get(name, usual)).expanduser() for name, usual in _CREDENTIAL_FILES.items()}
    return {name: file.resolve() for name, file in files.items() if file.is_file()}


def engine() -> docker.DockerClient:
    """Connects to the Docker engine.

    Raises:
        InputError: If none answers.
    """
    try:
        return docker.from_env()
    except docker.errors.DockerException as error:
        raise InputError(
            f"expected a running Docker engine, found none: {error}. Start Docker, set DOCKER_HOST, or run "
            "without --runner docker."
        ) from error


def image_id(client: docker.DockerClient, image: str) -> str:
    """Returns the id of a local image, which changes with its content.

    Raises:
        InputError: If there is no such image.
    """
    try:
        return str(client.images.get(image).id)
    except docker.errors.ImageNotFound as error:
        raise InputError(f"expected the image {image}, found none. Build it with `scenery images build`.") from error


def _shared_folders(command: tuple[str, ...]) -> dict[Path, str]:
    """Finds what runs share on this machine and a step writes to: the ledger's folder, and that of checkpoints.

    Returns:
        By folder, a pattern of the step's own files in it.
    """
    folders = {}
    if ledger := _path_behind("--ledger-uri", command):
        folders[ledger.parent] = f"*{glob.escape(ledger.name)}*"  # a lock and the next version lie beside it
    if checkpoints := _path_behind("--checkpoints", command):
        folders[checkpoints] = "**/*"
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def _path_behind(flag: str, command: tuple[str, ...]) -> Path | None:
    return local_path(command[command.index(flag) + 1]) if flag in command else None


@contextmanager
def _ownership(writable: Mapping[Path, str]) -> Iterator[str]:
    """Yields the user to run as; afterwards what it wrote belongs to the caller.

    Containers never run as root: for a caller who is root, folders are lent to the images' user.

    Args:
        writable: Folders to write in; for each, a pattern of the files in it that the container may replace.
    """
    if os.getuid() != 0:
        yield f"{os.getuid()}:{os.getgid()}"
        return
    with ExitStack() as returning:
        for folder, pattern in writable.items():
            returning.enter_context(_lent(folder, pattern))
        yield f"{IMAGE_USER}:{IMAGE_USER}"


@contextmanager
def _lent(folder: Path, pattern: str) -> Iterator[None]:
    owner = folder.stat()
    for path in [folder, *folder.glob(pattern)]:
        os.chown(path, IMAGE_USER, IMAGE_USER, follow_symlinks=False)
    try:
        yield
    finally:
        for path in [folder, *folder.glob(pattern)]:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextmanager
def _container(image: str, command: tuple[str, ...], user: str, arguments: dict[str, Any]) -> Iterator[Container]:
    """Starts a container, and removes it however the block is left."""
    client = engine()
    program, *rest = command  # Kubernetes runs a component's command in place of the image's entrypoint
    container = client.containers.create(image, rest, entrypoint=[program], user=user, **arguments)
    try:
        container.start()
        yield container
    finally:
        container.remove(force=True)
        client.close()


def _lines(container: Container) -> Iterator[str]:
    """Cuts the stream of a container's output into lines."""
    rest = ""
    for chunk in container.logs(stream=True, follow=True):
        *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
        yield from (f"{line}\n" for line in lines)
    if rest:
        yield rest + "\n"
