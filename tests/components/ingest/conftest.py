"""Pictures and class folders, made on the spot."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Picture = Callable[..., bytes]


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Encodes a picture of soft blotches; two seeds give pictures that no hash takes for one another."""

    def encode(seed: int, size_px: tuple[int, int] = (96, 80), file_format: str = "JPEG") -> bytes:
        blotches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(blotches).resize(size_px, Image.Resampling.BICUBIC).save(stream, file_format)
        return stream.getvalue()

    return encode


@pytest.fixture
def source(tmp_path: Path, picture: Picture) -> Path:
    """A folder of two classes with four pictures each, one class name as awkward as they come."""
    folder = tmp_path / "source"
    for number, name in enumerate(("coast", '<script>"küche" 客厅')):
        (folder / name).mkdir(parents=True)
        for index in range(4):
            (folder / name / f"{index}.jpg").write_bytes(picture(10 * number + index))
    return folder
