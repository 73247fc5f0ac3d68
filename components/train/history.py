"""What a training writes down about itself: the format of `history.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypedDict  # Python 3.11's own can't be checked by pydantic

from components._errors import InputError
from components.formats.dataset import Dataset
from components.train.parameters import Monitor

HISTORY_FILE = "history.json"
CURVES_FILE = "curves.png"
SAMPLES_FILE = "augmentation.png"


class EpochRow(TypedDict):
    """One epoch of the training history; losses in nats, times in seconds."""

    phase: str
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    val_macro_f1: float
    learning_rate: float
    seconds: float
    images_per_s: float


class ClassExposure(TypedDict):
    """One class of a phase.

    `images` is how many training images it has and `share_of_images` their share of all; `sampling` how often an epoch
    draws each on average, `weight` its factor in the loss, `logit_shift` what is added to its logit in training, in
    nats; `exposure` the share of all loss, in [0, 1], that falls on its labels.
    """

    images: int
    share_of_images: float
    sampling: float
    weight: float
    logit_shift: float
    exposure: float


class DataSummary(BaseModel, frozen=True, extra="forbid"):
    """Which images.

    Attributes:
        digest: Of the dataset.
        counts: Images of each class, in label order.
    """

    digest: str
    counts: dict[str, int] = Field(min_length=1)

    @classmethod
    def of(cls, dataset: Dataset) -> "DataSummary":
        """Sums a dataset up."""
        return cls(digest=dataset.digest, counts=dict(dataset.counts))

    @property
    def rows(self) -> int:
        """Number of images."""
        return sum(self.counts.values())


class History(BaseModel, frozen=True, extra="forbid"):
    """A training from its first epoch to its last, interruptions or not.

    Attributes:
        format_version: Version of this format.
        epochs: In the order of training.
        monitor: Score on the validation images that chose the best epoch; by default, what did before it was told.
        exposure: By phase and class, how much was learned from it.
        parameters: All of the step, by name.
        weights: What the backbone began with: `imagenet`, `none`, or a path or URI.
        train: The images learned from.
        validation: The images that chose the best epoch.
        setup_seconds: By phase, how long it took to get ready: to compute features, above all.
        speed: How steps were computed and what was measured to choose that, by phase, as `Speed.facts` returns it;
            under `features of PHASE`, how its features were; under `batch_size`, as `BatchSize.facts` returns it, how
            that was found.
    """

    format_version: Literal[1] = 1
    epochs: list[EpochRow] = Field(min_length=1)
    monitor: Monitor = "macro_f1"
    exposure: dict[str, dict[str, ClassExposure]]
    parameters: dict[str, Any]
    weights: str
    train: DataSummary
    validation: DataSummary
    setup_seconds: dict[str, float]
    speed: dict[str, dict[str, Any]]

    @property
    def best(self) -> EpochRow:
        """The epoch whose weights the model has."""
        return max(self.epochs, key=lambda row: merit(row, self.monitor))


def merit(logs: EpochRow | Mapping[str, float], monitor: Monitor) -> tuple[float, float]:
    """Returns what epochs are compared by: macro-F1 or accuracy on the validation images, then a low loss.

    The loss alone would prefer the head's epochs: fine-tuning makes a model both better and surer of
    itself, and the loss punishes the few mistakes that are left the more.
    """
    return logs[f"val_{monitor}"], -logs["val_loss"]  # type: ignore[literal-required]


def write_history(folder: Path, history: History) -> None:
    """Writes `history.json` into a folder; write it inside `whole_folder`."""
    (folder / HISTORY_FILE).write_text(history.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_history(folder: Path) -> History:
    """Reads what `write_history` wrote.

    Raises:
        InputError: If the folder holds no history that this version understands.
    """
    try:
        return History.model_validate_json((folder / HISTORY_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            f"{folder / HISTORY_FILE}: expected a training history of format version 1. Received: {error}. "
            "Give the `history` that the train step wrote, or train again with this version of Scenery."
        ) from error
