"""The image reference of each component, fixed when the pipeline is compiled."""

VERSION = "0.1.0"


def reference(component: str, *, registry: str = "", tag: str = VERSION) -> str:
    """Names a component's image.

    Args:
        component: `ingest`, `split`, `train`, `tune`, `evaluate` or `export`.
        registry: Host and path that the image is pushed under, `europe-docker.pkg.dev/acme/ml` for
            example. Empty for images that exist on this machine only.
        tag: The image's tag.

    Returns:
        `[registry/]scenery-COMPONENT:tag`.
    """
    name = f"scenery-{component}:{tag}"
    return f"{registry.rstrip('/')}/{name}" if registry else name
