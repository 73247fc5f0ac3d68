import ctypes
import errno
import hashlib
import io
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageCms

from components._errors import InputError
from components._objects import UnreachableError
from components.formats import pixels
from components.ingest.decode import images as decoding
from components.ingest.decode import one_image, pool, reading
from components.ingest.decode.memory import SMALL_BYTES, decoding_bytes
from components.ingest.decode.one_image import Picture
from components.ingest.decode.perceptual_hash import perceptual_hash
from components.ingest.decode.planes import encode_jpeg, planes
from components.ingest.decode.process import DecodingProcess, Task
from components.ingest.decode.quality import quality
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import Rejected
from components.ingest.source.files import SourceFile, local_file
from components.ingest.source.listing import SourceImage

# Stand for decoders that misbehave; all of them can be pickled.
CRASH = partial(ctypes.string_at, 0)
HANG = partial(time.sleep, 600)

CHILDREN = f"/proc/{os.getpid()}/task/{os.getpid()}/children"


def decode_images(images, parameters, workers):
    """Decodes images, and sees that nothing is left of what was copied."""
    with TemporaryDirectory() as scratch:
        yield from decoding.decode_images(images, parameters, Path(scratch), workers)
        assert not list(Path(scratch).iterdir())


def image_of(read, name="image", size_bytes=1000):
    return SourceImage(name, "coast", "house 1", SourceFile(size_bytes, "", read))


def remote_image_of(read, name="image"):
    return SourceImage(name, "coast", "house 1", SourceFile(0, "", read, lambda file: file.write_bytes(read())))


@pytest.fixture
def images(tmp_path, picture):
    """Forty local images: more than one batch for each of two processes."""
    files = [tmp_path / f"{number:02d}.jpg" for number in range(40)]
    for number, file in enumerate(files):
        file.write_bytes(picture(number))
    return [SourceImage(file.name, "coast", None, local_file(file)) for file in files]


def names_of(results):
    return [result.source_uri if isinstance(result, Rejected) else result[0].source_uri for result in results]


def rejections_of(results):
    return {result.source_uri: (result.kind, result.reason) for result in results if isinstance(result, Rejected)}


def decoding_processes():
    """Returns the ids of processes that decode; Python's resource tracker is none of them."""
    children = Path(CHILDREN).read_text().split()
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_what_is_known_of_a_stored_image(picture):
    data = picture(1, size_px=(600, 400))
    [(stored, jpeg)] = decode_images([image_of(partial(bytes, data))], IngestParameters(), 1)
    decoded = pixels.decode_opened(pixels.read_header(data), data, 256)
    scaled = planes(decoded.pixels, 256, decoded.size_px)
    measured = quality(scaled.luma, (600, 400))
    assert jpeg == encode_jpeg(scaled)
    assert stored == decoding.StoredImage(
        id=hashlib.sha256(data).hexdigest(),
        label="coast",
        image_bytes=len(jpeg),
        width_px=384,
        height_px=256,
        source_uri="image",
        source_width_px=600,
        source_height_px=400,
        group_key="house 1",
        perceptual_hash=perceptual_hash(scaled.luma),
        sharpness=measured.sharpness,
        brightness=measured.brightness,
        entropy_bits=measured.entropy_bits,
        quality_flags=measured.flags,
    )


def test_results_come_in_source_order_and_are_the_same_for_any_number_of_processes(images):
    one, three = (list(decode_images(images, IngestParameters(), workers)) for workers in (1, 3))
    assert one == three
    assert names_of(one) == [image.source_uri for image in images]


def test_a_decoder_that_crashes_or_hangs_costs_only_its_image(images):
    odd = [image_of(CRASH, "crash"), image_of(HANG, "hang"), image_of(partial(os._exit, 3), "exit")]
    odd.append(image_of(partial(signal.raise_signal, signal.SIGKILL), "killed"))
    given = [*images[:3], odd[0], *images[3:8], *odd[1:], *images[8:]]
    results = list(decode_images(given, IngestParameters(image_timeout_s=1), 2))
    assert names_of(results) == [image.source_uri for image in given]
    assert rejections_of(results) == {
        "crash": ("damaged", "its decoder crashed (SIGSEGV)"),
        "hang": ("too slow", "not decoded within 1 s (--image-timeout-s)"),
        "exit": ("damaged", "its decoder crashed (exit code 3)"),
        "killed": ("too large", "the system ended its decoder (SIGKILL), as it does when memory runs out"),
    }


def test_an_image_that_damages_its_decoder_costs_the_next_one_at_most(images):
    """Whether or not its own answer was out when the next one met the damage."""
    given = [*images[:3], image_of(partial(_damage, images[3].file.read), "damaging"), *images[4:]]
    for _ in range(2):
        results = list(decode_images(given, IngestParameters(), 1))
        assert rejections_of(results) == {images[4].source_uri: ("damaged", "its decoder crashed (exit code 3)")}


def _damage(read):
    one_image._read = lambda _: os._exit(3)
    return read()


def test_a_process_that_is_killed_while_idle_costs_no_image(tmp_path, picture, monkeypatch):
    """Whatever it would have been given next: files to read, or an image that waits for memory."""
    started = []
    monkeypatch.setattr(
        pool, "DecodingProcess", lambda parameters: started.append(DecodingProcess(parameters)) or started[-1]
    )
    (tmp_path / "0.jpg").write_bytes(picture(0))
    here = partial((tmp_path / "0.jpg").read_bytes)
    large = Task(2, 1000, here, granted_bytes=SMALL_BYTES + 1)

    def tasks():
        yield Task(0, pool.BATCH_BYTES, here)
        for task in (Task(1, pool.BATCH_BYTES, here), large):
            _kill(started[-1])
            yield task

    finished = []
    outcomes = list(pool.decode_in_order(tasks(), IngestParameters(), 1, finished.append))
    assert [type(outcome) for outcome in outcomes] == [Picture] * 3
    assert finished == [0, 1, 2]
    assert len(started) == 3


def _kill(process):
    """Kills a process, and returns once its end of the connection is closed."""
    process._process.kill()
    process._process.join()


def test_no_process_outlives_the_run(images):
    results = decode_images(images, IngestParameters(), 2)
    next(results)
    assert decoding_processes()
    results.close()
    assert not decoding_processes()
    assert len(list(decode_images(images, IngestParameters(), 2))) == len(images)
    assert not decoding_processes()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_parent(ending, start, tmp_path):
    """Not even one that hangs; and Ctrl-C, which a terminal sends to all of them, shows no stack trace of theirs."""
    program = tmp_path / "program.py"
    program.write_text(
        "import time\nfrom functools import partial\nfrom pathlib import Path\n"
        "from components.ingest.decode.images import decode_images\n"
        "from components.ingest.parameters import IngestParameters\n"
        "from components.ingest.source.files import SourceFile\n"
        "from components.ingest.source.listing import SourceImage\n"
        "if __name__ == '__main__':\n"
        "    images = [SourceImage('a', 'b', None, SourceFile(0, '', partial(time.sleep, 600)))] * 40\n"
        "    next(decode_images(images, IngestParameters(), Path(), 2))\n"
    )
    parent = start(["env", f"PYTHONPATH={Path(__file__).parents[3]}", sys.executable, program], tmp_path)
    children = _eventually(lambda: _children(parent.pid, 3))  # two decoders and Python's resource tracker
    time.sleep(0.5)
    if ending == signal.SIGINT:  # the parent last: it ends the others as soon as it is told
        for child in children:
            os.kill(child, ending)
        time.sleep(0.5)
        assert _children(parent.pid, 3) == children
    os.kill(parent.pid, ending)
    _, said = parent.communicate(timeout=20)
    assert said.count("Traceback") == (ending == signal.SIGINT)
    assert _eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def _children(pid, count):
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children if len(children) >= count else None


def _eventually(condition, within_s=20):
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_a_process_that_cannot_even_start_is_a_bug_not_a_bad_image(images):
    with pytest.raises(RuntimeError, match="before it began to work"):
        list(decode_images(images, _EndsWhatUnpicklesIt(), 1))


class _EndsWhatUnpicklesIt(IngestParameters):
    def __reduce__(self):
        return sys.exit, (4,)


def test_remote_files_are_read_at_once_and_given_in_order(picture):
    at_once, most, lock = Counter(), [0], threading.Lock()

    def read(data):
        with lock:
            at_once["now"] += 1
            most[0] = max(most[0], at_once["now"])
        time.sleep(0.05)
        with lock:
            at_once["now"] -= 1
        return data

    files = [picture(number) for number in range(32)]
    given = [remote_image_of(partial(read, data), str(number)) for number, data in enumerate(files)]
    results = list(decode_images(given, IngestParameters(), 2))
    assert [stored.id for stored, _ in results] == [hashlib.sha256(data).hexdigest() for data in files]
    assert 8 <= most[0] <= reading.READS


def test_few_files_are_read_ahead(tmp_path):
    begun = []
    given = (remote_image_of(lambda: begun.append(None) or b"x") for _ in range(50))
    tasks = reading.read_ahead(given, tmp_path)
    task = next(tasks)
    assert (task.read(), task.size_bytes) == (b"x", 1)
    tasks.close()
    assert len(begun) <= reading.READS + 1


def test_copies_go_when_their_pictures_come(tmp_path, picture):
    given = [remote_image_of(partial(picture, number), str(number)) for number in range(3 * reading.READS)]
    results = decoding.decode_images(given, IngestParameters(), tmp_path, 1)
    for _ in range(2 * reading.READS):
        next(results)
    [copies] = tmp_path.iterdir()
    assert not (copies / "0.remote").exists()
    assert len(list(copies.iterdir())) <= reading.READS
    results.close()
    assert not list(tmp_path.iterdir())


def test_copies_go_although_an_earlier_image_takes_its_time(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(pool, "BATCH_IMAGES", 4)
    slow = image_of(HANG, "slow")
    given = [slow, *(remote_image_of(partial(picture, number), str(number)) for number in range(100))]
    results = decoding.decode_images(given, IngestParameters(image_timeout_s=3), tmp_path, 2)
    assert next(results).kind == "too slow"
    [copies] = tmp_path.iterdir()
    left = len(list(copies.iterdir()))
    results.close()
    assert left <= reading.READS + 2 * 4


def test_nothing_new_is_begun_while_many_images_wait_for_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "POSTPONED_IMAGES", 2)
    monkeypatch.setattr(pool, "BATCH_IMAGES", 1)
    Image.new("RGB", (4000, 2500)).save(tmp_path / "large.png")
    large = SourceImage("large", "coast", None, local_file(tmp_path / "large.png"))
    taken = []
    given = (taken.append(image) or image for image in [large] * 40)
    results = decode_images(given, IngestParameters(image_memory_mb=64), 2)  # one at a time
    assert not isinstance(next(results), Rejected)
    assert len(taken) < reading.READS + 8
    assert len(list(results)) == 39


def test_a_file_that_cannot_be_read_is_rejected_but_a_lost_network_or_a_full_disk_ends_the_run(tmp_path, picture):
    def fail(error):
        raise error

    given = [
        SourceImage("gone", "coast", None, local_file(tmp_path / "gone.jpg")),
        remote_image_of(partial(fail, TypeError("a client's own")), "odd"),
        remote_image_of(partial(fail, InputError("access is refused")), "refused"),
        remote_image_of(partial(picture, 1), "good"),
    ]
    results = list(decode_images(given, IngestParameters(), 1))
    rejections = rejections_of(results)
    assert {kind for kind, _ in rejections.values()} == {"unreadable"}
    assert rejections["gone"][1].startswith("FileNotFoundError: ")
    assert rejections["odd"][1] == "TypeError: a client's own"
    assert rejections["refused"][1] == "access is refused"
    assert len(results) == 4
    for error in (UnreachableError("no route"), OSError(errno.ENOSPC, "no space")):
        with pytest.raises(type(error), match="no "):
            list(decode_images([remote_image_of(partial(fail, error))], IngestParameters(), 1))


def test_images_of_poor_quality_are_rejected_on_request(picture):
    stream = io.BytesIO()
    Image.new("RGB", (300, 300), (3, 3, 3)).save(stream, "PNG")
    dark = image_of(partial(bytes, stream.getvalue()), "dark")
    [(stored, _)] = decode_images([dark], IngestParameters(), 1)
    assert stored.quality_flags == ("blurred", "dark", "featureless")
    parameters = IngestParameters(dropped_flags=["dark", "blurred", "bright"])
    [rejected] = decode_images([dark], parameters, 1)
    reason = "blurred, dark (sharpness 0, brightness 0.01, entropy 0.0 bits)"
    assert rejected == Rejected("dark", "coast", "poor quality", reason)


def test_limits_come_from_the_parameters(picture):
    image = image_of(partial(bytes, picture(1, (400, 300))))
    [rejected] = decode_images([image], IngestParameters(max_image_pixels=2**16), 1)
    assert (rejected.kind, rejected.reason) == ("too large", "400 x 300: more than 65536 pixels")


def test_images_that_take_much_memory_share_a_budget(tmp_path, images, monkeypatch):
    Image.new("RGB", (4000, 2500)).save(tmp_path / "large.png")  # takes 53 MB: two at once, but not three
    large = SourceImage("large", "coast", None, local_file(tmp_path / "large.png"))
    given = [large, *images[:10], large, large, *images[10:], large, large, large, large]
    at_once = []
    granted = pool._Pool._granted_bytes
    monkeypatch.setattr(pool._Pool, "_granted_bytes", lambda pool: at_once.append(granted(pool)) or at_once[-1])
    results = list(decode_images(given, IngestParameters(image_memory_mb=120), 3))
    assert names_of(results) == [image.source_uri for image in given]
    assert not rejections_of(results)
    assert 100e6 < max(at_once) <= 120e6


def test_a_file_too_large_for_memory_is_not_even_read():
    parameters = IngestParameters(image_timeout_s=5)
    [rejected] = decode_images([image_of(HANG, size_bytes=271_000_000)], parameters, 1)
    reason = "decoding takes about 271 MB of memory, more than 270 (--image-memory-mb); allow more, or save it smaller "
    assert (rejected.kind, rejected.reason) == ("too large", reason + "or as JPEG")


def test_more_memory_can_be_allowed(tmp_path):
    Image.new("RGB", (5000, 4000)).save(tmp_path / "large.webp", method=0)
    given = [SourceImage("large", "coast", None, local_file(tmp_path / "large.webp"))]
    [rejected] = decode_images(given, IngestParameters(), 1)
    assert rejected.kind == "too large"
    [(stored, _)] = decode_images(given, IngestParameters(image_memory_mb=400), 1)
    assert (stored.source_width_px, stored.source_height_px) == (5000, 4000)


def test_waiting_pictures_are_bounded(images, monkeypatch):
    """While the first image takes its time, others are decoded only until their pictures take so much memory."""
    monkeypatch.setattr(pool, "WAITING_BYTES", 1)
    monkeypatch.setattr(pool, "BATCH_IMAGES", 1)
    taken = []
    given = (taken.append(image) or image for image in [image_of(HANG, "slow"), *images])
    results = decode_images(given, IngestParameters(image_timeout_s=2), 2)
    assert next(results).kind == "too slow"
    assert len(taken) < reading.READS + 6
    assert len(list(results)) == len(images)


def _orientation(way):
    exif = Image.Exif()
    exif[pixels.EXIF_ORIENTATION] = way
    return exif


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MEMORY_HUNGRY = {
    "png": ("PNG", {"compress_level": 1}), "webp": ("WEBP", {"method": 0}), "avif": ("AVIF", {"speed": 10}),
    "heif": ("HEIF", {"quality": 50}), "tiff": ("TIFF", {"compression": "tiff_lzw"}), "jpeg": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}), "turned": ("TIFF", {"tiffinfo": {274: 6}}),
    **{f"turned-{way}": ("JPEG", {"exif": _orientation(way)}) for way in (4, 6, 7, 8)},
    "one-strip": ("TIFF", {"compression": "tiff_adobe_deflate", "strip_size": 2**30}),
    "profile": ("PNG", {"icc_profile": SRGB}), "jpeg-profile": ("JPEG", {"icc_profile": SRGB}), "cmyk": ("TIFF", {}),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("name", MEMORY_HUNGRY)
@pytest.mark.parametrize("shorter_side_px", [256, 700, 1480])
def test_the_estimate_of_memory_is_not_exceeded(name, mode, shorter_side_px):
    file_format, options = MEMORY_HUNGRY[name]
    mode = "CMYK" if name == "cmyk" else "RGB" if file_format == "JPEG" else mode
    coarse = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize((2000, 1500)).convert(mode).save(stream, file_format, **options)
    data = stream.getvalue()
    image = pixels.read_header(data)
    estimated = decoding_bytes(image, shorter_side_px)
    pixels.decode(data, shorter_side_px)  # loads what the codec needs once
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_bytes()
    pixels.decode_opened(image, data, shorter_side_px)
    assert _peak_bytes() - before <= estimated
    assert estimated < 150e6


def _peak_bytes():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_a_photograph_is_small():
    stream = io.BytesIO()
    Image.new("RGB", (4032, 3024)).save(stream, "JPEG")
    assert decoding_bytes(pixels.read_header(stream.getvalue()), 256) < SMALL_BYTES / 3


def test_a_phone_s_48_megapixels_of_heic_are_not_too_large():
    size = {"width": 8064, "height": 6048, "size": (8064, 6048)}
    header = SimpleNamespace(format="HEIF", mode="RGB", info={}, **size)  # a mock, for a file takes seconds to make
    assert 8_000_000 + decoding_bytes(header, 256) <= IngestParameters().image_memory_mb * 1e6


def test_a_device_is_not_read(images):
    [rejected] = decode_images([replace(images[0], file=local_file(Path("/dev/zero")))], IngestParameters(), 1)
    assert (rejected.kind, rejected.reason) == ("unreadable", "not a regular file")
