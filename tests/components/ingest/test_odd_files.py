"""What people upload, however odd: decoded right, or refused with the reason; and nothing else happens."""

import gc
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from components.formats import pixels
from components.ingest.decode.images import decode_images
from components.ingest.decode.one_image import Picture, Refusal, store_image
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import Rejected
from components.ingest.source.files import local_file
from components.ingest.source.listing import SourceImage
from tests.components.ingest.odd_files import Odd, odd_files

ODD_FILES = odd_files()
KEPT = [odd for odd in ODD_FILES if odd.expected is not None]
REFUSED = [odd for odd in ODD_FILES if odd.expected is None]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow's, on odd metadata


def _stored(odd: Odd):
    return store_image(partial(bytes, odd.data), len(odd.data), IngestParameters(), granted_bytes=10**9)


@pytest.mark.parametrize("odd", KEPT, ids=lambda odd: odd.name)
def test_it_decodes_to_the_picture_that_it_shows(odd):
    picture = _stored(odd)
    assert isinstance(picture, Picture), picture
    height_px, width_px, _ = odd.expected.shape
    assert (picture.source_width_px, picture.source_height_px) == (width_px, height_px)
    decoded = pixels.decode(odd.data, 256).astype(int)
    assert decoded.shape == odd.expected.shape
    assert np.abs(decoded - odd.expected).mean() <= odd.tolerance


@pytest.mark.parametrize("odd", REFUSED, ids=lambda odd: odd.name)
def test_it_is_refused_with_the_reason(odd):
    refusal = _stored(odd)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == odd.kind
    assert re.search(odd.reason, refusal.reason)


def test_every_kind_has_a_name_of_its_own():
    assert len({odd.name for odd in ODD_FILES}) == len(ODD_FILES)


def test_all_of_them_in_one_run(tmp_path):
    """Through the processes, in which none crashes or hangs, and in source order."""
    images = []
    for odd in ODD_FILES:
        (tmp_path / odd.name).write_bytes(odd.data)
        images.append(SourceImage(odd.name, "odd", None, local_file(tmp_path / odd.name)))
    results = list(decode_images(images, IngestParameters(image_timeout_s=20), tmp_path, 2))
    kinds = {result.source_uri: result.kind for result in results if isinstance(result, Rejected)}
    assert kinds == {odd.name: odd.kind for odd in REFUSED}
    names = [result.source_uri if isinstance(result, Rejected) else result[0].source_uri for result in results]
    assert names == [odd.name for odd in ODD_FILES]


def test_repeating_them_does_not_grow_memory():
    def all_of_them() -> int:
        for odd in ODD_FILES:
            _stored(odd)
        gc.collect()
        return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)) // 1000

    before_mb = [all_of_them() for _ in range(4)][-1]
    assert [all_of_them() for _ in range(6)][-1] <= before_mb + 10
