"""Building the component images with the Docker engine."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import docker

from components import _image
from components._errors import InputError
from pipelines.compile import COMPONENTS

# Of the pipeline's steps, and of tuning's.
IMAGES = (*COMPONENTS, "tune")
ROOT = Path(__file__).parent.parent
DOCKERFILE = "images/Dockerfile"


@dataclass(frozen=True)
class Build:
    """How to build images.

    Attributes:
        base_image: What the images start from; a Debian with Python 3.11 to 3.13 and pip.
        tensorflow: Which TensorFlow train, evaluate and export get.
        registry: Prefix of the images' names; "" for this machine only.
        tag: Tag of the images.
        network: Docker network of the build's commands. The host's reaches what this machine reaches.
    """

    base_image: str = "python:3.11-slim"
    tensorflow: Literal["cpu", "gpu"] = "cpu"
    registry: str = ""
    tag: str = _image.VERSION
    network: str = "host"


@dataclass(frozen=True)
class Built:
    """An image.

    Attributes:
        reference: Its name.
        size_mb: Of all its layers, 10^6 bytes.
        seconds: What building it took.
    """

    reference: str
    size_mb: float
    seconds: float


def build_images(
    client: docker.DockerClient, components: Sequence[str], build: Build, began: Callable[[str], None]
) -> Iterator[Built]:
    """Builds the components' images, one after the other; shared layers are built once.

    Each image gets its tag and `latest`, which is what `docker run scenery-train` means.

    Args:
        client: Of a running engine.
        components: Names.
        build: How.
        began: Told of each build step.

    Yields:
        Each image when it is there.

    Raises:
        InputError: If there is nothing to build from, or a build fails; holds the last lines of its log.
    """
    if not (ROOT / DOCKERFILE).is_file():
        raise InputError(
            f"{ROOT / DOCKERFILE}: expected the Dockerfile of the images, found none. Images are built from a copy "
            "of the repository: install Scenery from one with `pip install --editable`."
        )
    for component in components:
        began_s = time.monotonic()
        reference = _image.reference(component, registry=build.registry, tag=build.tag)
        _build_image(client, component, reference, build, began)
        image = client.images.get(reference)
        image.tag(_image.reference(component, registry=build.registry, tag="latest"))
        yield Built(reference, image.attrs["Size"] / 1e6, time.monotonic() - began_s)


def _build_image(
    client: docker.DockerClient, component: str, reference: str, build: Build, began: Callable[[str], None]
) -> None:
    log: list[str] = []
    events = client.api.build(
        path=str(ROOT),
        dockerfile=DOCKERFILE,
        tag=reference,
        buildargs={"COMPONENT": component, "BASE_IMAGE": build.base_image, "TENSORFLOW": build.tensorflow},
        network_mode=build.network,
        rm=True,
        forcerm=True,
        decode=True,
    )
    for event in events:
        text = event.get("stream", "").rstrip()
        if text:
            log.append(text)
        if text.startswith("Step "):
            began(f"{component}: {text}")
        if "error" in event:
            last_lines = "\n".join([*log[-20:], event["error"]])
            raise InputError(f"{reference}: the build failed.\n{last_lines}")
