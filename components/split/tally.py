"""What a run has changed in single images and in folds: the ledger's table, of groups, doesn't tell."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.split.assignment import NONE
from components.split.image_rows import ImageRows
from components.split.kinship import Kin
from components.split.ledger import FoldMove, Ledger, Tally
from components.split.list_columns import owners_of


def tally_of(rows: ImageRows, previous: Ledger | None, kin: Kin, now: Ledger) -> Tally:
    """Compares this run with the one before.

    Args:
        rows: Of this run.
        previous: The ledger so far; None for the first run.
        kin: Of all groups and entries.
        now: The next ledger so far, an entry for each kin.

    Returns:
        What the next ledger is to say of this run.
    """
    if not previous:
        return Tally(new_images=len(rows.ids), vanished_images=0)
    images = now.column("images").flatten()
    is_absent = pc.invert(pc.is_in(images, value_set=rows.ids))
    vanished = pc.is_in(_images_of_last_run(previous), value_set=images.filter(is_absent))
    return Tally(
        new_images=len(images) - len(previous.column("images").flatten()),
        vanished_images=pc.sum(vanished).as_py() or 0,
        absent_images=np.packbits(is_absent.to_numpy(zero_copy_only=False)).tobytes(),
        fold_moves=_fold_moves(previous, kin, now),
    )


def _images_of_last_run(ledger: Ledger) -> pa.Array:
    """Returns the ids of the images of a ledger's last run, string [images]; with no record, of all its groups ever."""
    images = ledger.column("images")
    if ledger.tally:
        bits = np.unpackbits(np.frombuffer(ledger.tally.absent_images, np.uint8))[: len(images.flatten())]
        is_present = np.ones(len(images.flatten()), np.bool_)
        is_present[: len(bits)] = bits == 0
    else:
        is_present = (ledger.numbers("last_run") == len(ledger.runs) - 1)[owners_of(images)]
    return images.flatten().filter(pa.array(is_present))


def _fold_moves(previous: Ledger, kin: Kin, now: Ledger) -> tuple[FoldMove, ...]:
    """Returns the folds that entries have left for another; what went to test is none of it."""
    of_kin = now.numbers("fold")
    before, after = previous.numbers("fold"), of_kin[kin.of_entry]
    moved = (before != NONE) & (after != NONE) & (before != after)
    pairs = np.unique(np.stack([kin.of_entry[moved], before[moved]], axis=1), axis=0)
    return tuple(
        FoldMove(group=kin.names[number].as_py(), from_fold=from_fold, to_fold=int(of_kin[number]))
        for number, from_fold in pairs.tolist()
    )
