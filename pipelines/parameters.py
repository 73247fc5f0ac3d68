"""The pipeline's parameters: every step's, from presets, files and the command line, checked before a run."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from components._errors import InputError
from components._parameters import checked, nearest
from components._storage import local_path
from components.evaluate.parameters import EvaluateParameters
from components.ingest.parameters import IngestParameters
from components.split.parameters import SplitParameters
from components.train.augmentation_policy import PRESETS as AUGMENTATIONS
from components.train.backbones.given import given_files
from components.train.backbones.table import KERAS_HUB, NONE
from components.train.parameters import TrainParameters

PRESETS = Path(__file__).parent / "presets"


class Parameters(EvaluateParameters, TrainParameters, SplitParameters, IngestParameters, frozen=True, extra="forbid"):
    """All that a caller can set, under the names that `pipeline.yaml` takes.

    Pydantic lists the fields of the last base first: ingest's, split's, train's, evaluate's.
    """


def resolve(preset: str | None = None, config: Path | None = None, settings: Iterable[str] = ()) -> Parameters:
    """Reads parameters from their sources; a later source wins over an earlier one.

    Args:
        preset: Name of a file in `pipelines/presets/`, without its suffix; or a path of one elsewhere.
        config: A YAML file of parameters.
        settings: `name=value` texts; values are read as YAML, those of texts are taken as they are.

    Returns:
        All parameters, defaults included; weights and KerasHub's folders on this machine by absolute paths.

    Raises:
        InputError: If a source can't be read, or a parameter is unknown or out of its range; names the source.
    """
    sources: list[tuple[str, dict[str, Any]]] = []
    if preset:
        sources.append((f"preset {preset}", read_preset(preset)))
    if config:
        sources.append((str(config), _read_yaml(config)))
    sources += [("--set", _read_setting(setting)) for setting in settings]
    origin = {str(name): source for source, values in sources for name in values}
    values = {name: value for _, values in sources for name, value in values.items()}
    return _at_absolute_paths(checked(Parameters, values, lambda name: f"{origin[name]}: {name}"))


def backbone_at_absolute_path(backbone: str) -> str:
    """Names a folder of KerasHub's as containers and later runs have to, which work in another folder."""
    folder = given_files(backbone, NONE).get("backbone")
    return f"{KERAS_HUB}{Path(folder).resolve()}" if folder else backbone


def _at_absolute_paths(parameters: Parameters) -> Parameters:
    changed = {"backbone": backbone_at_absolute_path(parameters.backbone)}
    if file := local_path(given_files(parameters.backbone, parameters.weights).get("weights", "")):
        changed["weights"] = str(file.parent.resolve() / file.name)  # what it links to may be named otherwise
    return parameters.model_copy(update=changed)


def check_augmentation(parameters: Parameters) -> None:
    """Asks Keras about the layers of an augmentation, lest training finds out hours later that there is none.

    Its presets need no asking; of a list, loading Keras takes some seconds.

    Raises:
        InputError: If there is no such layer, it refuses its arguments, or it fails on an image.
    """
    if parameters.augmentation in AUGMENTATIONS:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf  # noqa: PLC0415

    from components.train.augmentation import augmenter  # noqa: PLC0415

    tf.config.set_visible_devices([], "GPU")  # this process outlives the steps, which need its memory
    augmenter(parameters.augmentation, parameters.augmentation_magnitude)


def preset_names() -> list[str]:
    """Returns the names of the presets that come with Scenery."""
    return sorted(file.stem for file in PRESETS.glob("*.yaml"))


def read_preset(name: str) -> dict[str, Any]:
    """Returns the parameters, unchecked, of a preset: Scenery's own by its name, another by its path."""
    if Path(name).suffix == ".yaml":
        return _read_yaml(Path(name))
    known = preset_names()
    if name not in known:
        raise InputError(
            f"preset: expected one of {', '.join(known)}, or the path of a .yaml file. Received: {name!r}."
            f"{nearest(name, known)}"
        )
    return _read_yaml(PRESETS / f"{name}.yaml")


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file}: expected a YAML file of parameters. {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{file}: expected `name: value` lines. Received: {type(values).__name__}.")
    return values


def _read_setting(setting: str) -> dict[str, Any]:
    name, equals, value = setting.partition("=")
    if not equals or not name:
        raise InputError(f"--set: expected name=value, head_epochs=10 for example. Received: {setting!r}.")
    field = Parameters.model_fields.get(name.strip())
    if field and field.annotation is str:
        return {name.strip(): value}  # a pattern may look like YAML of another kind
    try:
        return {name.strip(): yaml.safe_load(value)}
    except yaml.YAMLError as error:
        raise InputError(f"--set {name}: expected a value. Received: {value!r}.") from error
