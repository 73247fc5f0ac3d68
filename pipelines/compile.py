"""Compiling the pipelines, and which images a compiled one names."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from kfp import components as kfp_components
from kfp.compiler import pipeline_spec_builder
from kfp.dsl.base_component import BaseComponent

from components import _image
from components._errors import InputError
from components._storage import whole_file

PIPELINE_FILE = Path(__file__).parent.parent / "pipeline.yaml"
COMPONENTS = ("ingest", "split", "train", "evaluate", "export")

PipelineName = Literal["scene-classification", "tuning"]

_COMPONENT_OF_IMAGE = re.compile(r"scenery-(\w+)")


def compile_pipeline(
    output: Path, *, registry: str = "", tag: str = _image.VERSION, pipeline: PipelineName = "scene-classification"
) -> None:
    """Compiles a DAG.

    Args:
        output: The YAML file to write.
        registry: Where the cluster pulls the images from; "" for images that exist on this machine only.
        tag: The images' tag.
        pipeline: Which one.
    """
    dag = _dag(pipeline)
    set_images(dag, lambda name: _image.reference(name, registry=registry, tag=tag))
    with whole_file(output) as file:
        named_yaml = file.with_name(f"{file.name}.yaml")  # kfp insists on the suffix
        pipeline_spec_builder.write_pipeline_spec_to_file(
            pipeline_spec=dag.pipeline_spec,
            pipeline_description=dag.description,
            platform_spec=dag.platform_spec,
            package_path=str(named_yaml),
        )
        named_yaml.replace(file)


def _dag(pipeline: PipelineName) -> BaseComponent:
    """Returns a DAG as KFP builds it, which takes a second."""
    if pipeline == "tuning":
        from pipelines.tuning import tuning  # noqa: PLC0415

        return tuning
    from pipelines.scene_classification import scene_classification  # noqa: PLC0415

    return scene_classification


def load_pipeline(file: Path) -> BaseComponent:
    """Reads a compiled pipeline.

    Raises:
        InputError: If the file is not a compiled pipeline.
    """
    try:
        return kfp_components.load_component_from_file(str(file))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file}: expected a compiled pipeline; `scenery compile` writes one. {error}") from error


def set_images(pipeline: BaseComponent, image_of: Callable[[str], str]) -> None:
    """Renames the image of every component.

    Args:
        pipeline: Compiled or loaded; changed in place.
        image_of: From a component's name to its image.
    """
    for executor in pipeline.pipeline_spec.deployment_spec["executors"].values():
        container = executor["container"]
        container["image"] = image_of(component_of(container["image"]))


def component_of(image: str) -> str:
    """Returns the component that an image reference names."""
    match = _COMPONENT_OF_IMAGE.search(image.rpartition("/")[2])
    if not match:
        raise InputError(f"expected an image named scenery-COMPONENT. Received: {image!r}.")
    return match[1]
