"""Runs a container component in a real container, locked down."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import Mount
from kfp import local
from kfp.local import docker_task_handler, status

from components._errors import InputError
from pipelines.local.step import Progress, Step, Stopwatch

IMAGE_USER = 65532  # the images' own user, when the caller is root


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
        mounts = [*self.runner.container_run_args["mounts"], Mount(str(step.folder), str(step.folder), "bind")]
        arguments = self.runner.container_run_args | {"mounts": mounts}
        with _ownership(step.folder) as user, _container(self.image, step.command, user, arguments) as container:
            tail = step.follow(_lines(container), self._progress)
            exit_status = container.wait()["StatusCode"]
        step.conclude(exit_status, tail, clock.seconds, self._progress)
        return status.Status.SUCCESS


def container_runner(run_folder: Path, source: Path | None) -> local.DockerRunner:
    """Returns kfp.local's runner for containers.

    Args:
        run_folder: Holds all runs; mounted read-only, each step's own folder writable.
        source: A local data folder or archive, mounted read-only at its own path.
    """
    read_only = [path for path in (run_folder, source) if path]
    return local.DockerRunner(
        mounts=[Mount(str(path), str(path), "bind", read_only=True) for path in read_only],
        read_only=True,
        tmpfs={"/tmp": "rw,mode=1777"},  # noqa: S108 - inside the container
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )


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


@contextmanager
def _ownership(folder: Path) -> Iterator[str]:
    """Yields the user to run as; afterwards what it wrote belongs to the caller.

    Containers never run as root: for a caller who is root, the folder is lent to the images' user.
    """
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        yield f"{uid}:{gid}"
        return
    os.chown(folder, IMAGE_USER, IMAGE_USER)
    try:
        yield f"{IMAGE_USER}:{IMAGE_USER}"
    finally:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, uid, gid, follow_symlinks=False)


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
