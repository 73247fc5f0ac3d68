"""`run.json` in each split's folder: which run wrote it, so that no reader mixes up what several have written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components._errors import InputError
from components.split.assignment import Split
from components.split.ledger import LEDGER_FILE

RUN_FILE = "run.json"


class RunRecord(BaseModel):
    """What tells a run of split from all others; equal for all that it has written.

    Attributes:
        ledger_sha256: Of its ledger's file, hex. The ledger names the images and the parameters.
        fold: Which fold validates, from 0; None without folds. The ledger serves all folds alike and names none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ledger_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    fold: int | None = Field(ge=0)


def run_record(ledger_data: bytes, fold: int | None) -> RunRecord:
    """Returns the record of a run that has put out a ledger of these bytes."""
    return RunRecord(ledger_sha256=hashlib.sha256(ledger_data).hexdigest(), fold=fold)


def write_run_record(folder: Path, record: RunRecord) -> None:
    """Writes the record into a split's folder."""
    (folder / RUN_FILE).write_text(record.model_dump_json() + "\n")


def read_run_record(outputs: Mapping[Split, Path], ledger_folder: Path) -> RunRecord:
    """Reads the record that the splits and the ledger of one run have in common.

    Args:
        outputs: The folder of each split.
        ledger_folder: Holds the ledger.

    Returns:
        The record.

    Raises:
        InputError: If a record is missing or can't be read, or if they are not all of one run.
    """
    records = {split: _read(folder) for split, folder in outputs.items()}
    ledger_data = (ledger_folder / LEDGER_FILE).read_bytes()
    expected = run_record(ledger_data, records["train"].fold)
    for split, record in records.items():
        if record != expected:
            raise InputError(
                f"{outputs[split]}: expected what the run of the ledger {ledger_folder} and of {outputs['train']} has "
                f"written ({_told(expected)}), received what another has ({_told(record)}). Name the outputs of one "
                "run of split."
            )
    return expected


def _read(folder: Path) -> RunRecord:
    try:
        return RunRecord.model_validate_json((folder / RUN_FILE).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise InputError(
            f"{folder / RUN_FILE}: expected the record of the run that wrote the folder. Received: {error}. "
            "Run split again with this version of Scenery."
        ) from error


def _told(record: RunRecord) -> str:
    fold = "" if record.fold is None else f", fold {record.fold}"
    return f"ledger {record.ledger_sha256[:12]}{fold}"
