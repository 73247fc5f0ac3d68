import os
import pty
import subprocess
import sys
import termios

from components import _progress
from components._progress import with_progress


def test_a_line_about_once_a_second_and_one_in_the_end(monkeypatch, capsys):
    clock = iter([100.0, 100.5, 101.0, 101.9, 104.0, 104.0])  # at the start, after each item, in the end
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    assert list(with_progress("ingest", "abcd", 8)) == list("abcd")
    assert capsys.readouterr().out.splitlines() == [
        "ingest: 2 of 8 images, 2 images/s, 3 s left",
        "ingest: 4 of 8 images, 1 images/s, 4 s left",
        "ingest: 4 of 8 images in 4.0 s, 1 images/s",
    ]


def test_nothing_to_do_takes_no_time(monkeypatch, capsys):
    monkeypatch.setattr(_progress.time, "monotonic", lambda: 100.0)
    assert list(with_progress("split", [], 0)) == []
    assert capsys.readouterr().out == "split: 0 of 0 images in 0.0 s, 0 images/s\n"


def test_a_bar_at_a_terminal():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    code = "from components._progress import with_progress; list(with_progress('ingest', range(300), 300))"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, check=True, text=True)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.stdout == ""
    assert "ingest: 100%" in shown
    assert "300/300" in shown
    assert "images/s]" in shown
