"""The page of a dataset of images: what it says, what it escapes, how large it gets."""

from base64 import b64decode
from io import BytesIO

import numpy as np
from PIL import Image

from components.ingest.decode.planes import encode_jpeg, planes
from components.ingest.rejected import Rejected
from components.ingest.report.page import write_report
from tests.image_artifact import write_images_artifact
from tests.page_parser import HOSTILE, Page

ROWS = [
    *({"label": "coast", "group": f"g{number // 2}"} for number in range(6)),
    *({"label": "street", "quality_flags": ["dark"], "brightness": 0.05} for _ in range(4)),
]


def page_of(folder) -> Page:
    write_report(folder, folder.with_name("report.html"))
    return Page(folder.with_name("report.html"))


def test_page_says_what_is_in_the_dataset(tmp_path):
    rejected = [Rejected("street/x.jpg", "street", "damaged", "cut short")]
    page = page_of(write_images_artifact(tmp_path / "images", ROWS, rejected))
    for words in (
        "2 classes out of 11 files",
        "Images 10 Classes 2 Imbalance 1.5 to 1 Groups 7 Doubtful quality 4 40.0 % Rejected 1 9.1 %",
        "coast 6 60.0 % 3 0 street 4 40.0 % 4 1",
        "6 images in 3 clusters of images that look alike",
        "Dark 4 images brightness 0.05",
        "damaged 1 street/x.jpg cut short",
    ):
        assert words in page.text
    assert page.tags.count("img") == 3 + 4 + 6 + 4  # samples of coast and street, clusters, dark ones


def test_sections_without_content_say_so(tmp_path):
    rows = [{"label": label} for label in ("coast", "street") for _ in range(3)]
    text = page_of(write_images_artifact(tmp_path / "images", rows)).text
    assert "✓ Nothing stands out." in text
    assert "None: no two images look alike." in text
    assert "None: no image is blurred" in text
    assert "None: every file is an image of the dataset." in text


def test_names_are_text_and_nothing_else(tmp_path):
    rows = [
        {"label": name, "source_uri": f"{name}/{number}.jpg", "group": "g", "quality_flags": ["blurred"]}
        for name in HOSTILE
        for number in range(3)
    ]
    rejected = [
        Rejected(f"{name}/x.jpg", name, kind, f"because of {name}")
        for name in HOSTILE
        for kind in ("damaged", "label conflict")
    ]
    page = page_of(write_images_artifact(tmp_path / "images", rows, rejected))
    page.assert_harmless()
    for shown in (*HOSTILE[:3], r"\x1b[31mred\x1b]0;title\x07", r"two\nlines\u202e", HOSTILE[5]):
        assert shown in page.text


def test_thumbnails_keep_proportions_and_fit_their_box(tmp_path):
    rows = [
        {"label": "a", "size_px": (600, 300)},
        {"label": "a", "size_px": (300, 600)},
        {"label": "b"},
        {"label": "b"},
    ]
    page = page_of(write_images_artifact(tmp_path / "images", rows))
    pictures = [value for name, value in page.attributes if name == "src"]
    sizes = [Image.open(BytesIO(b64decode(picture.split(",")[1]))).size for picture in pictures]
    np.testing.assert_allclose(sizes, [(240, 120), (80, 160), (40, 30), (40, 30)], atol=1)


def test_pages_are_equal_byte_for_byte(tmp_path):
    folder = write_images_artifact(tmp_path / "images", ROWS)
    assert page_of(folder).html == page_of(folder).html


def test_page_stays_light_whatever_the_data(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (256, 384, 3), dtype=np.uint8)
    jpeg = encode_jpeg(planes(noise, min(noise.shape[:2])))  # compresses as badly as any picture
    flags = ["blurred", "dark", "bright", "featureless", "elongated", "small"]
    rows = [
        {
            "label": f"class {number % 700:04d} " + "x" * 100,
            "image": jpeg,
            "width_px": 384,
            "height_px": 256,
            "source_width_px": 400 + number,
            "source_uri": f"{'deep/' * 20}{number}.jpg",
            "group": f"{number // 3}",
            "quality_flags": flags,
        }
        for number in range(2100)
    ]
    kinds = ("not an image", "damaged", "too large", "label conflict", "exact duplicate")
    rejected = [Rejected(f"{'deep/' * 20}{n}.txt", "?", kinds[n % 5], f"reason {n} {'y' * 200}") for n in range(5000)]
    page = page_of(write_images_artifact(tmp_path / "images", rows, rejected, shard_rows=300))
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    assert page.tags.count("img") <= 200 + 12 * 6 + 6 * 6
    assert "The 200 smallest classes are left away here." in page.text
    assert "1,500 images, spread evenly over all." in page.text
    assert "and 992 more" in page.text
    assert "12 of them, the most suspicious first" in page.text
