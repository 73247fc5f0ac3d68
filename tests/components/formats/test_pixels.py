import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from components.formats.pixels import (
    ImageError,
    decode,
    decode_opened,
    jpeg_eighths,
    orient,
    read_header,
)
from components.formats.shrinking import shrink
from tests.components.ingest.odd_files import packed_12, tiff

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]


def _encode(pixels, file_format="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, file_format, **options)
    return stream.getvalue()


def _blocks(height_px, width_px):
    """Four blocks of one colour each: black, red / green, blue."""
    pixels = np.zeros((height_px, width_px, 3), np.uint8)
    pixels[: height_px // 2, width_px // 2 :, 0] = 255
    pixels[height_px // 2 :, : width_px // 2, 1] = 255
    pixels[height_px // 2 :, width_px // 2 :, 2] = 255
    return pixels


def _upright_size_px(data):
    decoded = decode_opened(read_header(data), data, 64)
    return decoded.source_width_px, decoded.source_height_px


def _exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format(file_format):
    pixels = _blocks(64, 96)
    data = _encode(pixels, file_format)
    assert _upright_size_px(data) == (96, 64)
    decoded = decode(data, 64)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - pixels).mean() < 6  # chroma subsampling blurs the blocks' edges


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_as_pillow_turns_them(file_format, orientation):
    pixels = _blocks(40, 64)
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = _encode(pixels, file_format, exif=_exif(orientation), **options)
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # to Image.Transpose
    image = Image.fromarray(pixels)
    upright = image.transpose(Image.Transpose(turned[orientation])) if orientation > 1 else image
    assert _upright_size_px(data) == upright.size
    decoded = decode(data, 64)
    assert decoded.shape == np.asarray(upright).shape
    assert np.abs(decoded.astype(int) - np.asarray(upright)).mean() < 12


def test_orientation_6_turns_the_top_row_to_the_right_column():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2)  # 0 1 2 / 3 4 5
    assert orient(pixels, 6)[..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow says so, which is fair
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x05"]
)
def test_a_damaged_exif_block_says_nothing(exif):
    data = _encode(_blocks(40, 64), "JPEG", exif=exif)
    assert _upright_size_px(data) == (64, 40)
    assert decode(data, 64).shape == (40, 64, 3)


def _photo_like(width_px, height_px):
    """Blotches of all sizes, edges, and a sensor's grain."""
    rng = np.random.default_rng(3)
    picture = np.full((height_px, width_px, 3), 128, np.float32)
    for octave in range(2, 9):
        coarse = Image.fromarray(rng.integers(0, 256, (3 * 2**octave // 4, 2**octave, 3), dtype=np.uint8))
        picture += (
            np.asarray(coarse.resize((width_px, height_px), Image.Resampling.BICUBIC), np.float32) - 128
        ) / octave
    picture[height_px // 3 : height_px // 2, width_px // 4 : width_px // 2] += 60
    picture += 4 * rng.standard_normal((height_px, width_px, 1), np.float32)
    return picture.clip(0, 255).astype(np.uint8)


def _ssim(one, other):
    """Structural similarity of luma in Gaussian windows (Wang et al. 2004, section III)."""
    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float) for picture in (one, other))
    mean_x, mean_y, xx, yy, xy = (cv2.GaussianBlur(values, (11, 11), 1.5) for values in (x, y, x * x, y * y, x * y))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    return (luminance * structure)[5:-5, 5:-5].mean()


@pytest.mark.parametrize(
    "size_px", [(3840, 2880), (3843, 2883), (2001, 1537), (1632, 1224), (1027, 771), (960, 640), (547, 365), (400, 300)]
)
@pytest.mark.parametrize("orientation", [1, 3, 5])
def test_a_shrunk_picture_looks_as_if_decoded_in_full_and_filtered_by_lanczos(size_px, orientation):
    """Where a fraction of the size is no whole number of pixels, too, at whichever edge that is once it is turned."""
    data = _encode(_photo_like(*size_px), "JPEG", quality=88, exif=_exif(orientation))
    decoded = decode(data, 256)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        full = np.asarray(upright.resize(decoded.shape[1::-1], Image.Resampling.LANCZOS))
    assert _ssim(decoded, full) >= 0.985


@pytest.mark.parametrize("size_px", [(547, 365), (200, 150)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_what_is_left_to_scale_is_no_smaller_than_asked_for(size_px, mode):
    """Colours that have to be converted are scaled down first."""
    stream = io.BytesIO()
    Image.fromarray(_photo_like(*size_px)).convert(mode).save(stream, "JPEG")
    data = stream.getvalue()
    height_px, width_px, _ = decode_opened(read_header(data), data, 256).pixels.shape
    assert (width_px, height_px) == (size_px if mode == "RGB" else decode(data, 256).shape[1::-1])


@pytest.mark.parametrize(
    ("shorter_px", "eighths"), [(3024, 1), (2848, 2), (1224, 4), (800, 4), (700, 8), (365, 8), (100, 8)]
)
def test_jpegs_are_decoded_at_1_4_times_what_is_asked_for_and_more(shorter_px, eighths):
    assert jpeg_eighths(shorter_px, 256) == eighths


def test_in_strips_it_is_the_same_picture():
    whole = _photo_like(1200, 900)
    strips = decode(_encode(whole, "PNG"), 256)
    assert np.abs(strips.astype(int) - shrink(whole, 256)).max() <= 2


@pytest.mark.parametrize(
    ("size_px", "limit", "expected"),
    [((300, 200), 100, (150, 100)), ((200, 301), 100, (100, 150)), ((80, 60), 100, (80, 60)), ((1, 500), 64, (1, 500))],
)
def test_the_shorter_side_meets_the_limit(size_px, limit, expected):
    zeros = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    assert decode(_encode(zeros), limit).shape == (expected[1], expected[0], 3)
    assert decode(_encode(zeros, "JPEG"), limit).shape == (expected[1], expected[0], 3)


def test_a_large_jpeg_decoded_at_a_fraction_looks_like_the_whole():
    coarse = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(coarse).resize((1500, 1000), Image.Resampling.BICUBIC))
    data = _encode(large, "JPEG", quality=95)
    assert np.abs(decode(data, 100).astype(int) - shrink(large, 100)).mean() < 4


def test_transparency_becomes_white():
    rgba = np.zeros((10, 10, 4), np.uint8)
    assert decode(_encode(rgba), 64).min() == 255


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65_535, 64, dtype=np.uint16)[None].repeat(64, 0)
    expected = (ramp >> 8)[..., None].repeat(3, 2)
    assert np.array_equal(decode(_encode(ramp), 64), expected)


def test_of_sixteen_bits_only_the_very_value_is_transparent():
    values = np.arange(5000, 5064, dtype=np.uint16)[None].repeat(64, 0)
    expected = np.where(values == 5007, 255, values >> 8)[..., None].repeat(3, 2)
    assert np.array_equal(decode(_encode(values, transparency=5007), 64), expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_sixteen_bits_of_a_tiff_in_either_order_are_scaled(order, compression):
    ramp = np.linspace(0, 65_535, 64, dtype=np.uint16)[None].repeat(64, 0)
    data = _encode(ramp.astype(f"{order}u2"), "TIFF", compression=compression)
    assert np.array_equal(decode(data, 64), (ramp >> 8)[..., None].repeat(3, 2))


@pytest.mark.parametrize(("photometric", "bits"), [(0, 16), (1, 16), (1, 12)])
def test_strips_of_a_tiff_keep_its_depth_and_its_white(photometric, bits):
    grey = _photo_like(1201, 900)[..., 0]
    stored = (grey if photometric else 255 - grey).astype("<u2") * 257 >> (16 - bits)
    samples = packed_12(stored) if bits == 12 else stored.tobytes()
    decoded = decode(tiff((1201, 900), (bits,), photometric, samples), 256)
    assert np.array_equal(decoded, decode(_encode(grey, "TIFF"), 256))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(mode):
    stream = io.BytesIO()
    Image.fromarray(_blocks(40, 64)).convert(mode).save(stream, "TIFF")
    assert decode(stream.getvalue(), 64).shape == (40, 64, 3)


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty file"), (b"<html></html>", "it begins with b'<html>")])
def test_what_is_no_image(data, reason):
    with pytest.raises(ImageError, match=reason) as raised:
        read_header(data)
    assert raised.value.kind == "not an image"


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_cut_short_is_refused(file_format):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    data = _encode(noise, file_format)
    with pytest.raises(ImageError):
        decode(data[: len(data) // 2], 64)


def test_more_pixels_than_any_camera_takes_are_refused():
    bomb = (
        b"BM" + bytes(12) + (40).to_bytes(4, "little") + (20_000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)
    )
    with pytest.raises(ImageError, match="more than 178956970 pixels"):
        decode(bomb, 64)
