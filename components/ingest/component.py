"""KFP's face of ingest."""

from kfp import dsl

from components import _image


@dsl.container_component
def ingest(
    source: str,
    source_digest: str,
    images: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    class_pattern: str,
    group_pattern: str,
    class_map: dict[str, str],
    ignored_folders: list[str],
    class_names: list[str],
    unknown_classes: str,
    min_class_images: int,
    max_image_pixels: int,
    image_memory_mb: int,
    image_timeout_s: float,
    shorter_side_px: int,
    dropped_flags: list[str],
    near_duplicate_distance: int,
    label_conflicts: str,
) -> dsl.ContainerSpec:
    """Reads labelled images into one dataset of upright, scaled RGB images."""
    return dsl.ContainerSpec(
        image=_image.reference("ingest"),
        command=["python", "-m", "components.ingest"],
        args=[
            "--source", source,
            "--source-digest", source_digest,
            "--images", images.path,
            "--report", report.path,
            "--class-pattern", class_pattern,
            "--group-pattern", group_pattern,
            "--class-map", class_map,
            "--ignored-folders", ignored_folders,
            "--class-names", class_names,
            "--unknown-classes", unknown_classes,
            "--min-class-images", min_class_images,
            "--max-image-pixels", max_image_pixels,
            "--image-memory-mb", image_memory_mb,
            "--image-timeout-s", image_timeout_s,
            "--shorter-side-px", shorter_side_px,
            "--dropped-flags", dropped_flags,
            "--near-duplicate-distance", near_duplicate_distance,
            "--label-conflicts", label_conflicts,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
