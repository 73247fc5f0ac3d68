"""The reports in a real browser: what it runs and fetches, whether they fit a phone, and how dark they get.

Every page is loaded by one page of the test's own, in frames of the same origin, which measures them.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluate.decision import decide
from components.evaluate.metrics import score
from components.evaluate.parameters import EvaluateParameters
from components.evaluate.report import write_report as write_evaluate_report
from components.evaluate.scores import Evaluation
from components.ingest.rejected import Rejected
from components.ingest.report.page import write_report as write_ingest_report
from components.split.report.page import write_report as write_split_report
from components.train.report.page import write_report as write_train_report
from tests.image_artifact import write_images_artifact
from tests.page_parser import HOSTILE
from tests.split_artifact import GroupOf, outputs_of, write_split_artifacts
from tests.training_artifact import history, write_training_artifact

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no chromium, chromium-browser or google-chrome on PATH")
pytestmark = [needs_browser, pytest.mark.slow]

QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
PHONE_PX, DESK_PX = 390, 1200
LIGHT, DARK = 1, 0  # blink's preferred colour schemes
ACTIVE = [
    "<img src=http://elsewhere.example/pixel.png onerror=\"document.title='owned'\">",
    "</title></style><script>document.title='owned'</script>",
]
NAMES = [*HOSTILE, *ACTIVE]
SPLITS = ("train", "validation", "test")
MEASURING = """<!DOCTYPE html><title>measured</title><body><script>
const frames = FRAMES, results = {};
for (const [name, page, width] of frames) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900;
  frame.onload = () => {
    const seen = frame.contentDocument, root = seen.documentElement;
    results[name] = {
      title: seen.title, scripts: seen.scripts.length, width: root.clientWidth, content: root.scrollWidth,
      background: getComputedStyle(seen.body).backgroundColor, ink: getComputedStyle(seen.body).color,
      broken: [...seen.images].filter(image => image.complete && !image.naturalWidth).length,
      fetched: frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name),
      images: seen.images.length, sections: seen.querySelectorAll("h2").length,
    };
    if (Object.keys(results).length == frames.length) {
      const text = document.createElement("pre");
      text.textContent = JSON.stringify(results); document.body.append(text);
    }
  };
  frame.src = page;
  document.body.append(frame);
}
</script>"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[Path, str]]:
    """A folder of pages, and the address it is served at."""
    folder = tmp_path_factory.mktemp("site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def measure(site, tmp_path_factory) -> Callable[..., dict[str, dict[str, Any]]]:
    """Loads pages at the widths of a phone and a desk; returns what was measured by page and width."""
    folder, address = site

    def measure_pages(pages, *options):
        frames = [(f"{page} {width}", page, width) for page in pages for width in (PHONE_PX, DESK_PX)]
        (folder / "measuring.html").write_text(MEASURING.replace("FRAMES", json.dumps(frames)))
        profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
        command = [CHROMIUM, *QUIET, profile, *options, "--dump-dom", f"{address}/measuring.html"]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        assert "<title>measured</title>" in dom
        return json.loads(unescape(dom[dom.index("<pre>") + 5 : dom.index("</pre>")]))

    return measure_pages


def write_ingest_page(folder, page):
    rows = [
        {
            "label": name,
            "source_uri": f"{name}/{number}.jpg",
            "group": f"g{number}",
            "size_px": (40 + 80 * number, 60),
            "source_width_px": 300 * (number + 1),
            "quality_flags": ["dark"],
        }
        for name in NAMES
        for number in range(4)
    ]
    rejected = [Rejected(f"{name}/x.jpg", name, kind, name) for name in NAMES for kind in ("damaged", "label conflict")]
    write_ingest_report(write_images_artifact(folder / "images", rows, rejected), page)


def write_split_page(folder, page):
    groups = [GroupOf([name], split, first_run=1) for name in NAMES for split in SPLITS]
    groups.append(GroupOf([NAMES[0]], "test", moved_from="train", name=NAMES[1] * 3))
    write_split_artifacts(folder / "split", groups, [["old", NAMES[2]], NAMES])
    write_split_report(outputs_of(folder / "split"), folder / "split" / "ledger", page)


def write_train_page(folder, page):
    counts = {name: 10 * number + 4 for number, name in enumerate(NAMES)}
    write_train_report(write_training_artifact(folder / "history", history(counts, weights=ACTIVE[0])), page)


def write_evaluate_page(folder, page):
    labels = np.arange(len(NAMES))
    scores = score(NAMES, labels, np.eye(len(NAMES), dtype=np.float32)[np.roll(labels, 1)])
    evaluation = Evaluation(**dict(scores), decision=decide(scores, EvaluateParameters(min_support=1)))
    write_evaluate_report(page, evaluation, [])


PAGES = {
    "ingest.html": (write_ingest_page, 6),
    "split.html": (write_split_page, 2),
    "train.html": (write_train_page, 6),
    "evaluate.html": (write_evaluate_page, 5),
}


@pytest.fixture(scope="module")
def measured(site, measure, tmp_path_factory):
    """What the browser makes of all reports, in the light and in the dark."""
    for name, (write, _) in PAGES.items():
        write(tmp_path_factory.mktemp("artifacts"), site[0] / name)
    return tuple(measure(PAGES, f"--blink-settings=preferredColorScheme={scheme}") for scheme in (LIGHT, DARK))


def test_reports_run_nothing_and_show_everything(measured):
    for name, (_, sections) in PAGES.items():
        for width in (PHONE_PX, DESK_PX):
            seen = measured[0][f"{name} {width}"]
            assert (seen["scripts"], seen["broken"], seen["sections"]) == (0, 0, sections)
            assert "owned" not in seen["title"]
    assert measured[0][f"ingest.html {DESK_PX}"]["images"] > 4 * len(NAMES)


def test_reports_fetch_nothing(measured):
    assert [seen["fetched"] for seen in measured[0].values()] == [[]] * 2 * len(PAGES)


@pytest.mark.parametrize("width", [PHONE_PX, DESK_PX])
@pytest.mark.parametrize("page", PAGES)
def test_reports_fit_the_width(page, width, measured):
    seen = measured[0][f"{page} {width}"]
    assert seen["content"] <= seen["width"] == width


@pytest.mark.parametrize("page", PAGES)
def test_reports_follow_the_reader_into_the_dark(page, measured):
    light, dark = (of_scheme[f"{page} {DESK_PX}"] for of_scheme in measured)
    assert brightness(light["background"]) > 0.9 > 0.2 > brightness(light["ink"])
    assert brightness(dark["background"]) < 0.2 < 0.8 < brightness(dark["ink"])


def brightness(colour: str) -> float:
    """Returns the mean of `rgb(r, g, b)`, in [0, 1]."""
    return sum(int(value) for value in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3 / 255


def test_a_page_that_does_harm_would_be_seen(site, measure):
    """Shows that the checks above can fail: names that are not escaped, and a paragraph too wide."""
    (site[0] / "harmful.html").write_text("<title>harmful</title>" + "".join(ACTIVE) + "<p style='width:2000px'>wide")
    seen = measure(["harmful.html"])[f"harmful.html {PHONE_PX}"]
    assert seen["scripts"] > 0
    assert seen["title"] == "owned"
    assert seen["content"] > seen["width"]
    assert seen["broken"] == 1
    assert seen["fetched"] == ["http://elsewhere.example/pixel.png"]
