"""The sample: the same bytes every time, all of it or nothing, with flaws that are what they say."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from components._errors import InputError
from pipelines.sample.corpus import SampleSummary, class_counts, write_sample
from pipelines.sample.scenes import SCENES, draw_picture, picture_rng

ORIENTATION = 0x0112


class Written:
    """A sample that was written once for all tests."""

    def __init__(self, folder: Path, images: int) -> None:
        self.folder = folder
        self.summary = write_sample(folder, images=images)
        self.files = contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob("*/*"))}


def decodes(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (UnidentifiedImageError, OSError):
        return False
    return True


def orientation(path: Path) -> int | None:
    with Image.open(path) as image:
        value = image.getexif().get(ORIENTATION)
    return None if value is None else int(value)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("sample") / "data", images=60)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("small") / "data", images=9)


def test_two_folders_are_identical(small: Written, tmp_path: Path) -> None:
    assert Written(tmp_path / "again", images=9).files == small.files


def test_another_seed_draws_other_pictures() -> None:
    first, other = (draw_picture(picture_rng(seed, "kitchen", 1), "kitchen") for seed in (0, 1))
    assert first.tobytes() != other.tobytes()


def test_a_small_sample_is_part_of_a_large_one(small: Written, sample: Written) -> None:
    assert small.files.items() <= sample.files.items()


def test_classes_have_their_shares() -> None:
    counts = class_counts(600)
    assert counts == {
        "backyard": 69,
        "bathroom": 82,
        "bedroom": 135,
        "diningRoom": 10,
        "frontyard": 60,
        "hall": 10,
        "kitchen": 72,
        "livingRoom": 151,
        "plan": 11,
    }
    assert set(class_counts(1).values()) == {4}


def test_summary_counts_what_the_folder_holds(sample: Written) -> None:
    paths = sorted(sample.folder.glob("*/*"))
    usable = [path for path in paths if decodes(path)]
    distinct = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in usable}
    found = SampleSummary(
        classes=dict(sorted(Counter(path.parent.name for path in distinct.values()).items())),
        duplicates=len(usable) - len(distinct),
        corrupt=len(paths) - len(usable),
        rotated=sum(orientation(path) is not None for path in distinct.values()),
    )
    assert found == sample.summary
    assert sample.summary.files == len(paths)
    assert list(sample.summary.classes) == list(SCENES)


def test_every_flaw_is_there(sample: Written) -> None:
    corrupt = sorted(path.stem.split("_")[1] for path in sample.folder.glob("*/*") if not decodes(path))
    assert corrupt == ["empty", "truncated", "webpage"]
    turned = [orientation(path) for path in sample.folder.glob("*/*.jpg") if decodes(path)]
    assert sorted(value for value in turned if value is not None) == [3, 5, 6, 8]
    assert sample.summary.duplicates == 1


def test_copies_share_their_bytes(sample: Written) -> None:
    copies = [name for name in sample.files if "_copy." in name]
    assert len(copies) == sample.summary.duplicates
    for name in copies:
        assert sample.files[name] == sample.files[name.replace("_copy", "")]


def test_turned_pictures_come_upright(sample: Written) -> None:
    turned = [path for path in sample.folder.glob("*/*_0001.jpg") if orientation(path) is not None]
    assert turned
    for path in turned:
        drawn = draw_picture(picture_rng(0, path.parent.name, 1), path.parent.name)
        with Image.open(path) as stored:
            upright = ImageOps.exif_transpose(stored)
            as_stored = stored.resize(drawn.size)
        assert upright.size == drawn.size
        assert difference(upright, drawn) < 0.5 * difference(as_stored, drawn)


def difference(a: Image.Image, b: Image.Image) -> float:
    """Returns the mean absolute difference of two RGB pictures, levels of 255."""
    return float(np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).mean())


def test_sizes_and_formats_vary(sample: Written) -> None:
    sizes, formats = [], Counter[str | None]()
    for path in sample.folder.glob("*/*"):
        if decodes(path):
            with Image.open(path) as stored:
                formats[stored.format] += 1
                sizes.append(ImageOps.exif_transpose(stored).size)
    assert all(320 <= width <= 720 for width, _ in sizes)
    assert any(width > height for width, height in sizes)
    assert any(width < height for width, height in sizes)
    assert formats["JPEG"] > sum(formats.values()) / 2
    assert set(formats) == {"JPEG", "PNG", "WEBP"}


def test_a_finished_folder_is_left_alone(small: Written) -> None:
    before = {path: path.stat().st_mtime_ns for path in small.folder.glob("*/*")}
    calls: list[int] = []
    again = write_sample(small.folder, images=9, progress=lambda done, _: calls.append(done))
    assert again == small.summary
    assert {path: path.stat().st_mtime_ns for path in small.folder.glob("*/*")} == before
    assert calls == []


def test_a_sample_with_other_arguments_is_left_alone(small: Written) -> None:
    with pytest.raises(InputError, match=r"'seed': 7.*'seed': 0"):
        write_sample(small.folder, images=9, seed=7)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"holiday\.jpg"):
        write_sample(tmp_path, images=9)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"mine")
    with pytest.raises(InputError, match="found a file"):
        write_sample(tmp_path / "data", images=9)


def test_no_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="images=0"):
        write_sample(tmp_path / "data", images=0)


def test_an_interrupted_sample_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "data", images=9, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_colour_does_not_tell_the_scene(sample: Written) -> None:
    paths = [path for path in sample.folder.glob("*/*") if decodes(path) and "_copy" not in path.name]
    colours = np.array([mean_and_spread(path) for path in paths])
    colours = (colours - colours.mean(axis=0)) / colours.std(axis=0)
    scenes = np.array([path.parent.name for path in paths])
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    guesses = scenes[distances.argmin(axis=1)]
    recalls = [(guesses[scenes == scene] == scene).mean() for scene in SCENES]
    assert np.mean(recalls) < 0.6  # a blind guess gets 0.11


def mean_and_spread(path: Path) -> list[float]:
    """Returns the mean of each channel and its standard deviation, levels of 255."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((32, 32)))
    return [*pixels.mean(axis=(0, 1)).tolist(), *pixels.std(axis=(0, 1)).tolist()]
