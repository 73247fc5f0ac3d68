"""Memory while large files come from a network."""

import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.decoding import family_memory_mb

PROGRAM = """
import sys
from pathlib import Path
import components.ingest.image_dataset  # with all that the step loads
from components.ingest.decode.images import decode_images
from components.ingest.parameters import IngestParameters
from components.ingest.source.listing import SourceImage
from components.ingest.source.remote import remote_file

if __name__ == "__main__":
    images = [SourceImage(str(number), "class", None, remote_file(sys.argv[1])) for number in range(10)]
    results = list(decode_images(images, IngestParameters(), Path(sys.argv[2]), 2))
    assert all(isinstance(result, tuple) for result in results), results
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Says nothing of requests."""

    def copyfile(self, source, outputfile):
        try:
            super().copyfile(source, outputfile)
        except ConnectionError:
            self.close_connection = True  # who asks how large it is does not wait for all of it


@pytest.mark.slow
def test_large_remote_files_don_t_pile_up(tmp_path):
    """Ten of 72 MB from a server, whose size is unknown until they come."""
    pixels = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.tif")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "scratch").mkdir()
    peak_mb = 0.0
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        command = [
            sys.executable,
            tmp_path / "program.py",
            f"http://127.0.0.1:{server.server_address[1]}/large.tif",
            tmp_path / "scratch",
        ]
        environment = {"PYTHONPATH": str(Path(__file__).parents[3])}
        with subprocess.Popen(command, env=environment) as program:
            while program.poll() is None:
                peak_mb = max(peak_mb, family_memory_mb(program.pid)["PSS"])
                time.sleep(0.02)
        server.shutdown()
    assert program.returncode == 0
    assert 200 < peak_mb < 600  # what the libraries share counted once
