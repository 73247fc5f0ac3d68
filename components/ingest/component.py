"""KFP's face of ingest."""

from kfp import dsl

from components import _image


@dsl.container_component
def ingest(
    source: str,
    source_digest: str,
    images: dsl.Output[dsl.Dataset],
    shorter_side_px: int,
    near_duplicate_distance: int,
) -> dsl.ContainerSpec:
    """Reads labelled images into one dataset of upright, scaled RGB images."""
    return dsl.ContainerSpec(
        image=_image.reference("ingest"),
        command=["python", "-m", "components.ingest"],
        args=[
            "--source", source,
            "--source-digest", source_digest,
            "--images", images.path,
            "--shorter-side-px", shorter_side_px,
            "--near-duplicate-distance", near_duplicate_distance,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
