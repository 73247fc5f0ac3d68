"""What split writes, by hand: three datasets of examples, and a ledger."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from components.formats.dataset import ENCODED, ID, LABEL, TEXT, write_dataset
from components.split.assignment import SPLITS, Split
from components.split.ledger import LEDGER_FILE, LEDGER_SCHEMA, Entry, Ledger, Run, Tally, ledger_bytes
from components.split.run_record import run_record, write_run_record
from components.split.tfrecord import example, record


@dataclass(frozen=True)
class GroupOf:
    """Images of one group and what the ledger says of it."""

    labels: Sequence[str]
    split: Split
    fold: int | None = None
    first_run: int = 0
    last_run: int | None = None  # the last there is
    moved_from: Split | None = None
    name: str = field(default="")
    earlier_labels: Sequence[str] = ()


def write_split_artifacts(
    folder: Path,
    groups: Iterable[GroupOf],
    class_names_of_run: Sequence[Sequence[str]],
    folds: int = 0,
    fold: int | None = None,
    tally: Tally | None = None,
) -> Path:
    """Writes `train`, `validation`, `test` and `ledger` below a folder.

    In runs with folds, the groups of `fold` are those for validation.
    """
    last = len(class_names_of_run) - 1
    names = class_names_of_run[last]
    examples: dict[Split, list[tuple[str, str]]] = {split: [] for split in SPLITS}  # label, image id
    entries = []
    for number, group in enumerate(groups):
        images = [hashlib.sha256(f"{number}/{index}".encode()).hexdigest() for index in range(len(group.labels))]
        last_run = last if group.last_run is None else group.last_run
        split: Split = "validation" if fold is not None and group.fold == fold else group.split
        if last_run == last:
            examples[split] += zip(group.labels, images, strict=True)
        moved_run = last if group.moved_from else None
        entries.append(
            Entry(
                group=group.name or f"group {number:04d}",
                split=group.split,
                fold=group.fold,
                first_seen="2026-10-01",
                labels=sorted({*group.labels, *group.earlier_labels}),
                last_labels=sorted(set(group.labels)),
                images=sorted(images),
                keys=[],
                hashes=[],
                first_run=group.first_run,
                last_run=last_run,
                moved_from=group.moved_from,
                moved_run=moved_run,
            )
        )
    for split, members in examples.items():
        _write_examples(folder / split, members, names)
    runs = tuple(
        Run(images=f"{number}", date=f"2026-1{number}-01", class_names=tuple(of_run), parameters="")
        for number, of_run in enumerate(class_names_of_run)
    )
    (folder / "ledger").mkdir()
    ledger_data = ledger_bytes(ledger_of(entries, runs, folds, tally))
    (folder / "ledger" / LEDGER_FILE).write_bytes(ledger_data)
    for split in SPLITS:
        write_run_record(folder / split, run_record(ledger_data, fold))
    return folder


def ledger_of(entries: Sequence[Entry], runs: tuple[Run, ...], folds: int, tally: Tally | None = None) -> Ledger:
    """Makes a ledger of entries."""
    rows = sorted((entry._asdict() for entry in entries), key=lambda row: row["group"])
    return Ledger(pa.Table.from_pylist(rows, LEDGER_SCHEMA).combine_chunks(), runs, folds, tally)


def outputs_of(folder: Path) -> Mapping[Split, Path]:
    """Returns the folder of each split."""
    return {split: folder / split for split in SPLITS}


def _write_examples(folder: Path, members: Sequence[tuple[str, str]], names: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    shard = f"{folder.name}-00000-of-00001.tfrecord"
    (folder / shard).write_bytes(
        b"".join(
            record(example({ENCODED: b"\xff\xd8", LABEL: names.index(label), TEXT: label.encode(), ID: image.encode()}))
            for label, image in members
        )
    )
    labels = [label for label, _ in members]
    write_dataset(folder, "examples", {name: labels.count(name) for name in names}, {shard: len(members)}, 256)
