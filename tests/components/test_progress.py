from components import _progress
from components._progress import with_progress


def test_a_line_about_once_a_second(monkeypatch, capsys):
    clock = iter([100.0, 100.5, 101.0, 101.9, 104.0])  # at the start, then after each item
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    assert list(with_progress("ingest", "abcd", 8)) == list("abcd")
    assert capsys.readouterr().out.splitlines() == [
        "ingest: 2 of 8 images, 2 images/s, 3 s left",
        "ingest: 4 of 8 images, 1 images/s, 4 s left",
    ]
