"""Building the component images with the Docker engine."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import docker

from components import _image
from components._errors import InputError

ROOT = Path(__file__).parent.parent
DOCKERFILE = "images/Dockerfile"

Say = Callable[[str], None]


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


def build_images(client: docker.DockerClient, components: Sequence[str], build: Build, say: Say) -> list[str]:
    """Builds the components' images, one after the other; shared layers are built once.

    Args:
        client: Of a running engine.
        components: Names.
        build: How.
        say: Told of each image and of each build step.

    Returns:
        The images' references, in the order of `components`.

    Raises:
        InputError: If a build fails; holds the last lines of its log.
    """
    references = []
    for component in components:
        began_s = time.monotonic()
        reference = _image.reference(component, registry=build.registry, tag=build.tag)
        image_id = _build_image(client, component, reference, build, say)
        size_mb = client.images.get(image_id).attrs["Size"] / 1e6
        say(f"{reference}: {size_mb:,.0f} MB, {time.monotonic() - began_s:.1f} s")
        references.append(reference)
    return references


def _build_image(client: docker.DockerClient, component: str, reference: str, build: Build, say: Say) -> str:
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
    image_id = ""
    for event in events:
        text = event.get("stream", "").rstrip()
        if text:
            log.append(text)
        if text.startswith("Step "):
            say(f"{component}: {text}")
        image_id = event.get("aux", {}).get("ID", image_id)
        if "error" in event:
            last_lines = "\n".join([*log[-20:], event["error"]])
            raise InputError(f"{reference}: the build failed.\n{last_lines}")
    return image_id
