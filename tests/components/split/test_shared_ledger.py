"""One ledger for many runs, here and in a bucket."""

import sys
from pathlib import Path

import pytest

from components._errors import InputError
from components._objects import read_generation, replace_object
from components.split.assignment import SPLITS
from components.split.changes import changes
from components.split.ledger import parse_ledger, read_ledger
from components.split.parameters import SplitParameters
from components.split.report.page import write_report
from components.split.split_datasets import write_split_datasets
from tests.page_parser import Page

ROOT = Path(__file__).parents[3]
MEMBERS = [("coast", f"c{number}") for number in range(60)] + [("forest", f"f{number}") for number in range(30)]
MORE = [("coast", f"more{number}") for number in range(30)]


@pytest.fixture(params=["local", "gs"])
def ledger_uri(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "shared" / "ledger.parquet")
    return request.getfixturevalue("gs").uri + "/scenes/ledger.parquet"


def _split(images, folder, ledger_uri, today="2024-01-31", **parameters):
    outputs = {split: folder / split for split in SPLITS}
    return write_split_datasets(images, outputs, folder / "ledger", SplitParameters(**parameters), today, ledger_uri)


def _report(folder):
    write_report({split: folder / split for split in SPLITS}, folder / "ledger", folder.with_suffix(".html"))
    return folder.with_suffix(".html")


def _tree(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_ledger_is_made_kept_and_repeated_without_a_trace(write_images, tmp_path, ledger_uri):
    first, grown = write_images(MEMBERS), write_images([*MEMBERS, *MORE], "grown")
    assert _split(first, tmp_path / "one", ledger_uri).changes is None
    found = read_generation(ledger_uri)
    assert found[0] == (tmp_path / "one" / "ledger" / "ledger.parquet").read_bytes()
    _split(first, tmp_path / "again", ledger_uri, today="2024-02-01")
    assert _tree(tmp_path / "again") == _tree(tmp_path / "one")
    assert read_generation(ledger_uri) == found  # not even written again
    assert _split(grown, tmp_path / "two", ledger_uri, today="2024-02-29").changes.new_groups == 30
    split_of = {entry.group: entry.split for entry in read_ledger(tmp_path / "two" / "ledger").entries}
    kept = {entry.group: entry.split for entry in read_ledger(tmp_path / "one" / "ledger").entries}
    assert kept.items() <= split_of.items()
    again = _split(grown, tmp_path / "three", ledger_uri, today="2024-03-01").changes
    assert (again.new_images, again.vanished_images, again.new_groups, again.moved) == (30, 0, 30, ())
    assert _tree(tmp_path / "three") == _tree(tmp_path / "two")
    page = Page(_report(tmp_path / "three")).text
    assert "30 new images and 0 gone, 30 new groups and 0 gone since 2024-01-31." in page
    assert "Moved groups none" in page


def test_a_ledger_that_is_not_there_is_said_to_begin_anew_where_it_was_looked_for(
    write_images, tmp_path, ledger_uri, capsys
):
    images = write_images(MEMBERS)
    said = f"split: found no ledger at {ledger_uri}: a new one begins there"
    _split(images, tmp_path / "one", ledger_uri)
    assert said in capsys.readouterr().out
    _split(images, tmp_path / "two", ledger_uri)
    assert said not in capsys.readouterr().out


def test_what_is_refused_leaves_the_ledger_and_the_outputs_alone(write_images, tmp_path, ledger_uri):
    _split(write_images(MEMBERS), tmp_path / "one", ledger_uri)
    found = read_generation(ledger_uri)
    with pytest.raises(InputError, match="new ones: barn"):
        _split(write_images([*MEMBERS, *[("barn", "b")] * 3], "more"), tmp_path / "two", ledger_uri)
    with pytest.raises(InputError, match="nothing is left for"):
        _split(write_images([("coast", "c1"), ("forest", "f1")], "few"), tmp_path / "two", ledger_uri)
    with pytest.raises(InputError, match="--folds: expected 0"):
        _split(write_images(MEMBERS, "folds"), tmp_path / "two", ledger_uri, folds=5)
    assert read_generation(ledger_uri) == found
    assert not (tmp_path / "two").exists()


def test_another_file_is_no_ledger_and_stays(write_images, tmp_path, ledger_uri):
    replace_object(ledger_uri, b"mine", "0")
    with pytest.raises(InputError, match=rf"{ledger_uri}: expected a ledger that split wrote"):
        _split(write_images(MEMBERS), tmp_path / "one", ledger_uri)
    assert read_generation(ledger_uri)[0] == b"mine"


def test_a_run_that_is_overtaken_reads_again(write_images, tmp_path, ledger_uri, monkeypatch, capsys):
    images, others = write_images(MEMBERS), write_images([*MEMBERS, *MORE], "others")
    overtaken = []

    def overtake(uri):
        found = read_generation(uri)
        if not overtaken:
            overtaken.append(True)
            _split(others, tmp_path / "other", ledger_uri)
        return found

    monkeypatch.setattr("components.split.shared_ledger.read_generation", overtake)
    _split(images, tmp_path / "one", ledger_uri)
    assert f"split: another run has replaced the ledger {ledger_uri}: reading it again\n" in capsys.readouterr().out
    ledger = read_ledger(tmp_path / "one" / "ledger")
    assert len(ledger.runs) == 2
    assert changes(ledger).vanished_groups == 30
    assert read_generation(ledger_uri)[0] == (tmp_path / "one" / "ledger" / "ledger.parquet").read_bytes()


@pytest.mark.slow
def test_four_processes_at_once_agree(write_images, tmp_path, ledger_uri, start):
    parts = [MEMBERS + [("coast", f"only{part}/{number}") for number in range(20)] for part in range(4)]
    processes = []
    for part, members in enumerate(parts):
        folder = tmp_path / f"run{part}"
        flags = [f"--{name}={folder / name}" for name in (*SPLITS, "ledger", "report")]
        flags += [f"--images={write_images(members, f'images{part}')}", f"--ledger-uri={ledger_uri}"]
        processes.append(start([sys.executable, "-m", "components.split", *flags], ROOT))
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    splits = [
        {
            image: entry.split
            for entry in read_ledger(tmp_path / f"run{part}" / "ledger").entries
            for image in entry.images
        }
        for part in range(4)
    ]
    whole = max(splits, key=len)
    assert len(whole) == len(MEMBERS) + 80
    assert all(of_run.items() <= whole.items() for of_run in splits)
    assert len(parse_ledger(read_generation(ledger_uri)[0], ledger_uri).runs) == 4
