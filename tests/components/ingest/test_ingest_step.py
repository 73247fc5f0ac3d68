import json
import subprocess
import sys

import pytest

from components.ingest.__main__ import main


def _executor_input(folder):
    declared = {name: {"artifacts": [{"name": name, "uri": str(folder / name)}]} for name in ("images", "report")}
    return {"outputs": {"outputFile": str(folder / "out.json"), "artifacts": declared}}


def _outputs(folder):
    return ["--images", str(folder / "images"), "--report", str(folder / "report")]


def test_the_step_tells_kfp_and_people(source, tmp_path, monkeypatch, capsys):
    flags = ["--source", str(source), "--source-digest", "abc", *_outputs(tmp_path)]
    flags += ["--executor-input", json.dumps(_executor_input(tmp_path))]
    monkeypatch.setattr(sys, "argv", ["ingest", *flags])
    main()
    entries = json.loads((tmp_path / "out.json").read_text())["artifacts"]
    assert entries["report"]["artifacts"][0]["uri"] == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    entry = entries["images"]["artifacts"][0]
    assert entry["uri"] == str(tmp_path / "images")
    assert entry["metadata"]["rows"] == 8
    assert entry["metadata"]["groups"] == 8
    assert entry["metadata"]["counts"]["coast"] == 4
    assert entry["metadata"]["source_digest"] == "abc"
    assert "ingest: 8 images in 2 classes, 0 rejected, 8 groups, " in capsys.readouterr().out


def test_wrong_input_is_one_message_and_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ingest", "--source", "nowhere", *_outputs(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.startswith("error: --source nowhere: expected a folder")
    assert list(tmp_path.iterdir()) == []


def test_photographs_are_not_replaced_by_the_dataset(source, tmp_path, monkeypatch, capsys):
    before = sorted(source.rglob("*"))
    flags = ["--source", str(source), "--images", str(source), "--report", str(tmp_path / "report")]
    monkeypatch.setattr(sys, "argv", ["ingest", *flags])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "expected a place apart from --source" in capsys.readouterr().err
    assert sorted(source.rglob("*")) == before


def test_a_folder_s_name_stays_on_its_line(source, tmp_path, monkeypatch, capsys):
    (source / "coast").rename(source / "bath\nerror: pwned\x1b[31m")
    monkeypatch.setattr(sys, "argv", ["ingest", "--source", str(source), *_outputs(tmp_path)])
    main()
    printed = capsys.readouterr().out
    assert "bath\\nerror: pwned\\x1b[31m" in printed
    assert "\x1b" not in printed
    assert not [line for line in printed.splitlines() if line.startswith("error")]


@pytest.mark.parametrize("flag", ["--shorter-side-px=63", "--near-duplicate-distance=17"])
def test_ranges(source, tmp_path, monkeypatch, capsys, flag):
    monkeypatch.setattr(sys, "argv", ["ingest", "--source", str(source), *_outputs(tmp_path), flag])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert f"error: {flag.split('=')[0]}: expected int in [" in capsys.readouterr().err


@pytest.mark.parametrize("step", ["ingest", "split"])
def test_help_loads_nothing_heavy(step):
    heavy = {"cv2", "pyarrow", "kfp", "tensorflow", "PIL"}
    code = (
        f"import sys; from components.{step}.__main__ import parser; parser().format_help(); "
        f"print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
