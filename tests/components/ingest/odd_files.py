"""Odd and bad image files, made on the spot: every variant of a format that people send, and what breaks decoders.

Each is a `Odd`: what decodes comes with the pixels it should give, everything else with why it is refused.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from components.ingest.rejected import Kind

WIDTH_PX, HEIGHT_PX = 160, 120

Pixels = np.ndarray

# The formats that carry EXIF and profiles.
LOSSLESS_IF_POSSIBLE: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
}  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """A file and what should come of it.

    Attributes:
        name: With the suffix people give it.
        data: Its bytes.
        expected: The picture at full size, RGB; None if it is refused.
        tolerance: How far the mean absolute difference may be from it, in levels of 255.
        kind: Why it is refused.
        reason: Regular expression that the reason matches.
    """

    name: str
    data: bytes
    expected: Pixels | None = None
    tolerance: float = 3
    kind: Kind | None = None
    reason: str = ""


def picture() -> Image.Image:
    """Soft blotches and a black and a white corner, so that no orientation looks like another."""
    blotches = np.random.default_rng(1).integers(40, 216, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(blotches).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
    image.paste("black", (0, 0, 24, 16))
    image.paste("white", (WIDTH_PX - 24, 0, WIDTH_PX, 16))
    return image


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def odd_files() -> list[Odd]:
    makers = (jpegs, pngs, other_formats, tiffs, orientations, profiles, cut_short, not_images, bombs, broken)
    return [odd for maker in makers for odd in maker()]


def jpegs() -> Iterator[Odd]:
    rgb, grey = picture(), picture().convert("L")
    plain = encoded(rgb, "JPEG", quality=95)
    as_rgb = np.asarray(rgb)
    yield Odd("baseline.jpg", plain, as_rgb)
    yield Odd("progressive.jpg", encoded(rgb, "JPEG", quality=95, progressive=True), as_rgb)
    yield Odd("444.jpg", encoded(rgb, "JPEG", quality=95, subsampling=0), as_rgb)
    yield Odd("restarts.jpg", encoded(rgb, "JPEG", quality=95, restart_marker_blocks=1), as_rgb)
    yield Odd("grey.jpg", encoded(grey, "JPEG", quality=95), np.asarray(grey.convert("RGB")))
    yield Odd("as-rgb-not-ycc.jpg", encoded(rgb, "JPEG", quality=95, keep_rgb=True), as_rgb)
    cmyk = encoded(rgb.convert("CMYK"), "JPEG", quality=95)
    yield Odd("cmyk-adobe-inverted.jpg", cmyk, as_rgb)
    yield Odd("ycck.jpg", ycck(rgb), as_rgb)
    yield Odd("trailing-garbage.jpg", plain + b"\0garbage" * 500, as_rgb)
    yield Odd("polyglot-zip.jpg", plain + b"PK\3\4" + bytes(26) + b"PK\5\6" + bytes(18), as_rgb)
    yield Odd("wrong-suffix.png", plain, as_rgb)
    yield Odd("no-suffix", plain, as_rgb)
    yield Odd(
        "huge-exif.jpg", encoded(rgb, "JPEG", quality=95, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(65_000)), as_rgb
    )
    yield Odd("exif-garbage.jpg", encoded(rgb, "JPEG", quality=95, exif=b"Exif\0\0\xff\0garbage"), as_rgb)
    yield Odd("exif-loops.jpg", encoded(rgb, "JPEG", quality=95, exif=exif_that_loops()), as_rgb)
    yield Odd("comment.jpg", encoded(rgb, "JPEG", quality=95, comment=b"<?php ?>" * 4000), as_rgb)
    yield Odd("sos-of-some-phones.jpg", plain.replace(b"\x11\x03\x11\0\x3f\0", b"\x11\x03\x11\0\0\0", 1), as_rgb)
    yield Odd("motion-jpeg-without-tables.jpg", plain.replace(b"\xff\xc4", b"\xff\xfe"), as_rgb)
    yield Odd(
        "several.mpo", encoded(rgb, "MPO", quality=95, save_all=True, append_images=[grey.convert("RGB")]), as_rgb
    )
    yield Odd("non-interleaved.jpg", non_interleaved(), np.full((16, 16, 3), 128, np.uint8))


def ycck(rgb: Image.Image) -> bytes:
    """A CMYK file's samples taken as YCCK: Adobe's marker says which (transform 2)."""
    cmyk = np.asarray(rgb.convert("CMYK"))
    ycc = np.asarray(Image.fromarray(np.ascontiguousarray(cmyk[..., :3])).convert("YCbCr"))
    stored = np.concatenate([255 - ycc, cmyk[..., 3:]], -1)  # Pillow inverts what it writes
    data = encoded(Image.fromarray(stored, "CMYK"), "JPEG", quality=95)
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\2" + data[at + 1 :]


def exif_that_loops() -> bytes:
    """A directory of no entries whose next directory is itself."""
    return b"Exif\0\0" + b"II*\0" + struct.pack("<IHI", 8, 0, 8)


def marker(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def hand_made_jpeg(frame: int, scans: list[bytes], size_px: tuple[int, int] = (16, 16), bits: int = 8) -> bytes:
    """A JPEG of three components whose every Huffman code is the bit 0, for the symbol 0: no difference, no more."""
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    tables = b"".join(bytes([table, 1]) + bytes(15) + b"\0" for table in (0x00, 0x10))
    return (
        b"\xff\xd8"
        + marker(0xDB, b"\0" + b"\1" * 64)
        + marker(frame, struct.pack(">BHHB", bits, *size_px[::-1], 3) + components)
        + marker(0xC4, tables)
        + b"".join(scans)
        + b"\xff\xd9"
    )


def non_interleaved() -> bytes:
    """One scan a component, as libjpeg then has to hold all coefficients; four blocks of two zero bits each."""
    return hand_made_jpeg(0xC0, [marker(0xDA, bytes([1, n, 0, 0, 63, 0])) + b"\0" for n in (1, 2, 3)])


def pngs() -> Iterator[Odd]:
    rgb = picture()
    grey = rgb.convert("L")
    as_rgb, as_grey = np.asarray(rgb), np.asarray(grey.convert("RGB"))
    palette = rgb.quantize(64)
    in_palette = np.asarray(palette.convert("RGB"))
    yield Odd("rgb.png", encoded(rgb, "PNG"), as_rgb, 0)
    yield Odd("palette.png", encoded(palette, "PNG"), in_palette, 0)
    yield Odd("bits-1.png", encoded(rgb.convert("1"), "PNG"), np.asarray(rgb.convert("1").convert("RGB")), 0)
    yield Odd("grey.png", encoded(grey, "PNG"), as_grey, 0)
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield Odd("grey-16.png", encoded(sixteen, "PNG"), as_grey, 0)
    grey_keyed = np.where(as_grey == 0, np.uint8(255), as_grey)
    yield Odd("grey-16-one-value-transparent.png", encoded(sixteen, "PNG", transparency=0), grey_keyed, 0)
    yield Odd("rgb-16.png", png(WIDTH_PX, HEIGHT_PX, 16, 2, np.asarray(rgb).astype(">u2") * 257), as_rgb, 0)
    half = np.full((HEIGHT_PX, WIDTH_PX), 128, np.uint8)
    half[:40], half[80:] = 0, 255
    on_white = np.asarray(Image.composite(rgb, Image.new("RGB", rgb.size, "white"), Image.fromarray(half)))
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray(half))
    yield Odd("rgba.png", encoded(rgba, "PNG"), on_white, 0)
    grey_alpha = grey.copy()
    grey_alpha.putalpha(Image.fromarray(half))
    grey_on_white = np.asarray(
        Image.composite(grey.convert("RGB"), Image.new("RGB", rgb.size, "white"), Image.fromarray(half))
    )
    yield Odd("grey-alpha.png", encoded(grey_alpha, "PNG"), grey_on_white, 0)
    deep = np.concatenate([np.asarray(rgb), half[..., None]], -1).astype(">u2") * 257
    yield Odd("rgba-16.png", png(WIDTH_PX, HEIGHT_PX, 16, 6, deep), on_white, 0)
    transparent = in_palette.copy()
    transparent[np.asarray(palette) == 5] = 255
    yield Odd("palette-transparent.png", encoded(palette, "PNG", transparency=5), transparent, 0)
    keyed = as_rgb.copy()
    keyed[(as_rgb == 0).all(-1)] = 255
    yield Odd("rgb-one-colour-transparent.png", encoded(rgb, "PNG", transparency=(0, 0, 0)), keyed, 0)
    yield Odd("interlaced.png", interlaced_png(np.asarray(rgb)), as_rgb, 0)
    yield Odd("animated.png", encoded(rgb, "PNG", save_all=True, append_images=[grey.convert("RGB")]), as_rgb, 0)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 100_000, zip=True)
    yield Odd("text.png", encoded(rgb, "PNG", pnginfo=text), as_rgb, 0)
    yield Odd("one-pixel.png", encoded(Image.new("RGB", (1, 1), "red"), "PNG"), np.array([[[255, 0, 0]]], np.uint8), 0)
    yield Odd("line.png", encoded(Image.new("RGB", (1, 5000), "red"), "PNG"), np.full((5000, 1, 3), (255, 0, 0)), 0)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    width_px: int, height_px: int, bits: int, colour_type: int, rows: np.ndarray | bytes, interlaced: int = 0
) -> bytes:
    """A PNG without filters, of samples [height, ...] in network byte order, or of raw bytes."""
    raw = rows if isinstance(rows, bytes) else b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width_px, height_px, bits, colour_type, 0, 0, interlaced)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in chunks)


def interlaced_png(pixels: Pixels) -> bytes:
    """Adam7 (PNG specification, section 8.2): start and step of each pass, across and down."""
    passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    rows = (pixels[y::dy, x::dx] for x, dx, y, dy in passes)
    raw = b"".join(b"\0" + row.tobytes() for part in rows for row in part)
    return png(pixels.shape[1], pixels.shape[0], 8, 2, raw, interlaced=1)


def other_formats() -> Iterator[Odd]:
    rgb = picture()
    as_rgb, other = np.asarray(rgb), picture().convert("L").convert("RGB")
    rgba = rgb.copy()
    rgba.putalpha(255)
    rgba.paste((0, 0, 0, 0), (0, 60, WIDTH_PX, HEIGHT_PX))
    on_white = as_rgb.copy()
    on_white[60:] = 255
    yield Odd("lossy.webp", encoded(rgb, "WEBP", quality=95), as_rgb)
    yield Odd("lossless.webp", encoded(rgb, "WEBP", lossless=True), as_rgb, 0)
    yield Odd("transparent.webp", encoded(rgba, "WEBP", lossless=True), on_white, 0)
    yield Odd("animated.webp", encoded(rgb, "WEBP", lossless=True, save_all=True, append_images=[other]), as_rgb, 0)
    yield Odd("plain.gif", encoded(rgb, "GIF"), as_rgb, 12)
    yield Odd("animated.gif", encoded(rgb, "GIF", save_all=True, append_images=[other]), as_rgb, 12)
    yield Odd("transparent.gif", encoded(rgba, "GIF"), on_white, 12)
    yield Odd("24-bit.bmp", encoded(rgb, "BMP"), as_rgb, 0)
    yield Odd("palette.bmp", encoded(rgb.convert("L"), "BMP"), np.asarray(other), 0)
    yield Odd("phone.heic", encoded(rgb, "HEIF", quality=95), as_rgb)
    yield Odd("transparent.heic", encoded(rgba, "HEIF", quality=95), on_white)
    deep = pillow_heif.from_bytes("RGB;16", rgb.size, (np.asarray(rgb).astype("<u2") * 257).tobytes())
    stream = io.BytesIO()
    deep.save(stream, quality=95)
    yield Odd("10-bit.heic", stream.getvalue(), as_rgb)
    yield Odd("plain.avif", encoded(rgb, "AVIF", quality=95), as_rgb)
    yield Odd("transparent.avif", encoded(rgba, "AVIF", quality=95), on_white)


def tiffs() -> Iterator[Odd]:
    rgb, grey = picture(), picture().convert("L")
    as_rgb, as_grey = np.asarray(rgb), np.asarray(grey.convert("RGB"))
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        tolerance = 3 if compression == "jpeg" else 0
        data = encoded(rgb, "TIFF", compression=compression, **({"quality": 95} if compression == "jpeg" else {}))
        yield Odd(f"{compression}.tif", data, as_rgb, tolerance)
    fax = rgb.convert("1")
    yield Odd("fax.tif", encoded(fax, "TIFF", compression="group4"), np.asarray(fax.convert("RGB")), 0)
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield Odd("grey-16.tif", encoded(sixteen, "TIFF"), as_grey, 0)
    negative = (255 - np.asarray(grey)).astype("<u2") * 257
    yield Odd("grey-16-white-is-zero.tif", tiff(grey.size, (16,), 0, negative.tobytes()), as_grey, 0)
    negative_8 = (255 - np.asarray(grey)).tobytes()
    yield Odd("grey-8-white-is-zero.tif", tiff(grey.size, (8,), 0, negative_8), as_grey, 0)
    yield Odd("grey-12.tif", tiff(grey.size, (12,), 1, packed_12(np.asarray(grey) * np.uint16(257) >> 4)), as_grey, 0)
    yield Odd("rgb-16.tif", rgb_16_tiff(as_rgb), as_rgb, 0)
    yield Odd("cmyk.tif", encoded(rgb.convert("CMYK"), "TIFF"), as_rgb, 0)
    yield Odd("pages.tif", encoded(rgb, "TIFF", save_all=True, append_images=[grey]), as_rgb, 0)
    looping = bytearray(encoded(rgb, "TIFF", compression="raw"))
    at = struct.unpack_from("<I", looping, 4)[0]
    struct.pack_into("<I", looping, at + 2 + 12 * struct.unpack_from("<H", looping, at)[0], at)
    yield Odd("directories-loop.tif", bytes(looping), as_rgb, 0)
    floats = Image.fromarray(np.asarray(grey, np.float32))
    yield Odd("float.tif", encoded(floats, "TIFF"), kind="not an image", reason="mode F without a known range")


def rgb_16_tiff(pixels: Pixels) -> bytes:
    return tiff(pixels.shape[1::-1], (16, 16, 16), 2, (pixels.astype("<u2") * 257).tobytes())


def tiff(size_px: tuple[int, int], bits: tuple[int, ...], photometric: int, samples: bytes) -> bytes:
    """Little-endian, one strip, no compression (TIFF 6.0, sections 4 and 6)."""
    width_px, height_px = size_px
    # A single value lies in its field, several lie before the samples.
    depths = struct.pack(f"<{len(bits)}H", *bits) if len(bits) > 1 else b""
    fields = [(256, 3, 1, width_px), (257, 3, 1, height_px), (258, 3, len(bits), 8 if depths else bits[0]),
              (259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, 8 + len(depths)), (277, 3, 1, len(bits)),
              (278, 3, 1, height_px), (279, 4, 1, len(samples))]  # fmt: skip
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *field) for field in fields) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(depths) + len(samples)) + depths + samples + directory


def packed_12(values: np.ndarray) -> bytes:
    """Rows of 12-bit values without gaps, the first bit first (TIFF 6.0, FillOrder 1)."""
    bits = (values[..., None] >> np.arange(11, -1, -1)) & 1
    return np.packbits(bits.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def orientations() -> Iterator[Odd]:
    rgb = picture()
    exif = Image.Exif()
    for file_format, how in LOSSLESS_IF_POSSIBLE.items():
        for orientation in range(1, 9):
            exif[0x0112] = orientation
            with Image.open(io.BytesIO(encoded(rgb, "PNG", exif=exif))) as tagged:
                upright = np.asarray(ImageOps.exif_transpose(tagged))
            # Given the tag as bytes, pillow-heif also writes the file's own turn, which is the one that counts.
            data = encoded(rgb, file_format, exif=exif.tobytes(), **how)
            yield Odd(f"orientation-{orientation}.{file_format.lower()}", data, upright)
    yield Odd("tag-without-turn.heic", encoded(rgb, "HEIF", exif=exif, quality=95), np.asarray(rgb))
    exif[0x0112] = 6
    plain = encoded(rgb, "PNG")
    behind = plain[:-12] + png_chunk(b"eXIf", exif.tobytes()[6:]) + plain[-12:]
    yield Odd("orientation-behind-the-pixels.png", behind, np.asarray(rgb.transpose(Image.Transpose.ROTATE_270)), 0)


def profiles() -> Iterator[Odd]:
    rgb = picture()
    as_rgb = np.asarray(rgb)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield Odd("srgb-profile.png", encoded(rgb, "PNG", icc_profile=srgb), as_rgb, 0)
    wide = swapped_primaries(srgb)
    seen = ImageCms.profileToProfile(rgb, io.BytesIO(wide), ImageCms.createProfile("sRGB"))
    for file_format, how in LOSSLESS_IF_POSSIBLE.items():
        data = encoded(rgb, file_format, icc_profile=wide, **how)
        yield Odd(f"other-primaries.{file_format.lower()}", data, np.asarray(seen), 4)
    yield Odd("broken-profile.jpg", encoded(rgb, "JPEG", quality=95, icc_profile=srgb[:200]), as_rgb)
    yield Odd("profile-is-text.png", encoded(rgb, "PNG", icc_profile=b"no profile"), as_rgb, 0)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    yield Odd("profile-of-another-space.jpg", encoded(rgb, "JPEG", quality=95, icc_profile=lab), as_rgb)


def swapped_primaries(srgb: bytes) -> bytes:
    """A profile whose red and green are each other's: no colour but grey stays what it was."""
    return srgb.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")


def cut_short() -> Iterator[Odd]:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8))
    for file_format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"):
        data = encoded(noise, file_format)
        for share in (0.5, 0.98):
            name = f"cut-at-{share:.0%}.{file_format.lower()}"
            yield Odd(name, data[: int(len(data) * share)], kind="damaged", reason=r"damaged|header cannot be read")
    jpeg = encoded(noise, "JPEG")
    yield Odd("without-end.jpg", jpeg[:-2], kind="damaged", reason="Premature end of JPEG file")
    yield Odd(
        "header-only.jpg", jpeg[: jpeg.index(b"\xff\xda")], kind="damaged", reason="header cannot be read|damaged"
    )
    yield Odd("header-only.png", encoded(noise, "PNG")[:33], kind="damaged", reason="damaged|header cannot be read")


def not_images() -> Iterator[Odd]:
    texts = {
        "empty.jpg": b"",
        "zeros.jpg": bytes(4096),
        "text.jpg": b"not a picture\n",
        "page.png": b"<!DOCTYPE html><html></html>",
        "drawing.svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "document.jpg": b"%PDF-1.7\n1 0 obj\n",
        "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "jpeg2000.jpg": encoded(picture(), "JPEG2000"),
        "icon.png": encoded(picture().resize((32, 32)), "ICO"),
        "targa.bmp": encoded(picture(), "TGA"),
    }
    for name, data in texts.items():
        yield Odd(name, data, kind="not an image", reason="^empty file$" if not data else "^not an image: not JPEG")


def bombs() -> Iterator[Odd]:
    huge = 60_000
    too_many = r"^60000 x 60000: more than \d+ pixels$"
    yield Odd("bomb.png", png(huge, huge, 8, 2, b""), kind="too large", reason=too_many)
    gif = bytearray(encoded(picture(), "GIF"))
    struct.pack_into("<HH", gif, 6, huge, huge)
    yield Odd("bomb.gif", bytes(gif), kind="too large", reason=too_many)
    bmp = bytearray(encoded(picture(), "BMP"))
    struct.pack_into("<ii", bmp, 18, huge, huge)
    yield Odd("bomb.bmp", bytes(bmp), kind="too large", reason=too_many)
    tif = bytearray(rgb_16_tiff(np.asarray(picture())))
    at = struct.unpack_from("<I", tif, 4)[0] + 2
    struct.pack_into("<I", tif, at + 8, huge)
    struct.pack_into("<I", tif, at + 12 + 8, huge)
    yield Odd("bomb.tif", bytes(tif), kind="too large", reason=too_many)
    big = png(12_000, 12_000, 8, 2, b"")
    much = r"^decoding takes about \d+ MB of memory, more than 270 \(--image-memory-mb\)"
    yield Odd("large.png", big, kind="too large", reason=much)
    thread = encoded(Image.new("L", (1, 70_000)), "PNG")
    yield Odd("thread.png", thread, kind="too large", reason="longer side would be 70000 when stored")


def broken() -> Iterator[Odd]:
    rgb = picture()
    crc = bytearray(encoded(rgb, "PNG"))
    crc[29] ^= 0xFF  # of IHDR
    yield Odd("crc-of-header.png", bytes(crc), kind="damaged", reason="header cannot be read|damaged")
    data = bytearray(encoded(rgb, "PNG"))
    data[len(data) // 2] ^= 0xFF
    yield Odd("flipped-byte.png", bytes(data), kind="damaged", reason="damaged PNG")
    scan = marker(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])) + bytes(4)
    yield Odd("12-bit.jpg", hand_made_jpeg(0xC1, [scan], bits=12), kind="damaged", reason="header cannot be read")
    yield Odd("hierarchical.jpg", hand_made_jpeg(0xC5, [scan]), kind="damaged", reason="damaged JPEG")
    yield Odd(
        "no-size.jpg", hand_made_jpeg(0xC0, [scan], (0, 0)), kind="damaged", reason="header cannot be read|damaged"
    )
