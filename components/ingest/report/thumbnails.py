"""Small pictures of single rows, for pages."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import simplejpeg

from components._page import jpeg_uri
from components.formats.dataset import Dataset
from components.formats.pixels import decode
from components.ingest.report.columns import Picture

_BOX_PX = (240, 160)  # width, height: sharp at the size of a page's thumbnails on most screens
_QUALITIES = (75, 50, 25, 10)
_ENOUGH_BYTES = 6_000  # a page of 300 stays below 3 MB, even of pictures that hardly compress


def thumbnails(images: Path, dataset: Dataset, pictures: Iterable[Picture]) -> dict[int, str]:
    """Makes thumbnails; reads no more than the row groups that hold the pictures.

    Args:
        images: The dataset's folder.
        dataset: Its manifest.
        pictures: In any order, repeated or not.

    Returns:
        By row, the source of an <img> that fits into 240 x 160 pixels.
    """
    picture_at = {picture.row: picture for picture in pictures}
    jpegs = _jpegs(images, dataset, sorted(picture_at))
    return {row: jpeg_uri(_thumbnail(jpeg, picture_at[row])) for row, jpeg in jpegs}


def _jpegs(images: Path, dataset: Dataset, rows: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yields the stored JPEGs of some rows, given in rising order."""
    wanted = np.array(rows, np.int64)
    first = 0
    for shard in dataset.shards:
        with pq.ParquetFile(images / shard.name) as file:
            for number in range(file.num_row_groups):
                end = first + file.metadata.row_group(number).num_rows
                here = wanted[(first <= wanted) & (wanted < end)]
                if len(here):
                    column = file.read_row_group(number, columns=["image"])["image"]
                    yield from ((int(row), column[int(row - first)].as_py()) for row in here)
                first = end


def _thumbnail(jpeg: bytes, picture: Picture) -> bytes:
    size_px = (picture.width_px, picture.height_px)
    scale = min(box / side for box, side in zip(_BOX_PX, size_px, strict=True))
    pixels = decode(jpeg, max(1, round(min(size_px) * scale)))
    for quality in _QUALITIES:
        small = bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB"))
        if len(small) <= _ENOUGH_BYTES:
            break
    return small
