"""A local run: its folder, how a condition is resolved, and what it leaves when it fails."""

import datetime
import sys
from pathlib import Path

import pytest
from kfp.local.io import IOStore

from components._errors import InputError
from pipelines.compile import PIPELINE_FILE
from pipelines.local import run as run_module
from pipelines.local.run import RunRequest, _new_folder, _point_to, _value_of_channel, _with_version, run_pipeline
from pipelines.local.step import StepFailedError


@pytest.fixture
def store():
    store = IOStore()
    store.put_task_output("evaluate", "decision", "bless")
    store.put_task_output("evaluate-again", "decision", "reject")
    store.put_task_output("count-rows", "min-rows", 3)
    return store


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("pipelinechannel--evaluate-decision", "bless"),
        ("pipelinechannel--evaluate-again-decision", "reject"),
        ("pipelinechannel--count-rows-min-rows", 3),
    ],
)
def test_a_condition_gets_the_output_of_its_task(store, channel, value):
    assert _value_of_channel(channel, store) == value


def test_a_condition_on_an_outer_task_is_resolved(store):
    assert _value_of_channel("pipelinechannel--evaluate-decision", IOStore(parent=store)) == "bless"


@pytest.mark.parametrize("channel", ["pipelinechannel--evaluate-verdict", "pipelinechannel--decision"])
def test_a_condition_on_no_output_is_an_error(store, channel):
    with pytest.raises(ValueError, match=f"no task has the output that the condition on {channel} asks for"):
        _value_of_channel(channel, store)


def test_each_run_has_a_folder_named_after_the_time(tmp_path):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    folder = _new_folder(tmp_path / "my runs")
    began = datetime.datetime.strptime(folder.name, "%Y-%m-%d-%H%M%S").replace(tzinfo=datetime.UTC)
    assert before <= began <= datetime.datetime.now(datetime.UTC)
    assert list(folder.iterdir()) == []


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    class Noon(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 31, 12, tzinfo=tz)

    monkeypatch.setattr(run_module.datetime, "datetime", Noon)
    names = [_new_folder(tmp_path).name for _ in range(3)]
    assert names == ["2026-01-31-120000", "2026-01-31-120000-2", "2026-01-31-120000-3"]


def test_latest_follows_the_newest_run_and_survives_a_move(tmp_path):
    runs = tmp_path / "runs"
    for name in ("first", "second"):
        (runs / name).mkdir(parents=True)
        _point_to(runs / name, "latest")
        assert (runs / "latest").resolve() == runs / name
    moved = runs.rename(tmp_path / "elsewhere")
    assert (moved / "latest").resolve() == moved / "second"
    assert {path.name for path in moved.iterdir()} == {"first", "second", "latest"}


def request(tmp_path, **fields) -> RunRequest:
    wanted = {
        "pipeline": PIPELINE_FILE,
        "arguments": {"source": str(tmp_path / "nowhere")},
        "runs": tmp_path / "runs",
        "runner": "host",
        "source": None,
        "reuse": False,
    }
    return RunRequest(**wanted | fields)


class Silent:
    def __getattr__(self, _):
        return lambda *_: None


def test_what_is_no_pipeline_leaves_no_folder(tmp_path):
    notes = tmp_path / "notes.yaml"
    notes.write_text("shopping: [milk]")
    with pytest.raises(InputError, match="expected a compiled pipeline"):
        run_pipeline(request(tmp_path, pipeline=notes), Silent())
    assert not (tmp_path / "runs").exists()


def test_weights_that_are_not_there_end_a_run_before_it_begins(tmp_path):
    missing = str(tmp_path / "w.h5")
    with pytest.raises(InputError, match=r"weights: expected a file that can be read\. .*w\.h5"):
        run_pipeline(request(tmp_path, backbone_files={"weights": missing}), Silent())
    assert not (tmp_path / "runs").exists()


def test_other_weights_under_the_same_name_are_no_reason_to_reuse_a_step(tmp_path):
    def code(step):
        return f"code of {step}"

    first, second = _with_version(code, "a" * 64), _with_version(code, "b" * 64)
    assert len({each("train")[:16] for each in (first, second, _with_version(code, ""))}) == 3
    assert first("train") != _with_version(lambda step: f"other {code(step)}", "a" * 64)("train")
    for step in ("ingest", "split", "evaluate", "export"):
        assert first(step) == second(step) == code(step)


class Stop(Exception):  # noqa: N818 - no error
    """Before anything runs."""


def test_containers_see_the_weights_and_the_preset_that_are_on_this_machine(tmp_path, monkeypatch):
    def runner(runs, mounts):
        seen.extend(mounts)
        raise Stop

    seen: list[Path] = []
    monkeypatch.setattr(run_module, "_image_digests", lambda _: str)
    monkeypatch.setattr(run_module, "container_runner", runner)
    here = [tmp_path / "w.h5", tmp_path / "preset"]
    here[0].touch()
    here[1].mkdir()
    with pytest.raises(Stop):
        run_pipeline(
            request(tmp_path, runner="docker", backbone_files={"weights": str(here[0]), "backbone": str(here[1])}),
            Silent(),
        )
    assert seen == here


def test_a_failed_run_leaves_its_log_and_latest_as_it_was(tmp_path):
    earlier = tmp_path / "runs" / "earlier"
    earlier.mkdir(parents=True)
    _point_to(earlier, "latest")
    streams = sys.stdout, sys.stderr
    with pytest.raises(StepFailedError) as failure:
        run_pipeline(request(tmp_path), Silent())
    assert failure.value.step == "ingest"
    assert "nowhere: expected a folder" in failure.value.reason
    assert "nowhere: expected a folder" in failure.value.log.read_text()
    assert (tmp_path / "runs" / "latest").resolve() == earlier
    assert (sys.stdout, sys.stderr) == streams
