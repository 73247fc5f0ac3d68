"""The command line as a person meets it."""

import os
import re
import signal
import subprocess
import sys

import pytest

from pipelines.parameters import Parameters

COMMANDS = [
    (),
    ("run",),
    ("tune",),
    ("sample",),
    ("parameters",),
    ("presets",),
    ("backbones",),
    ("inspect",),
    ("compile",),
    ("images",),
    ("images", "build"),
]
GROUPS = {(), ("images",)}


def scenery(*words, cwd) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
    environment = os.environ | {"COLUMNS": "100", "TERMINAL_WIDTH": "100"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def message(result) -> str:
    """Returns what it complained of, in one line."""
    assert "Traceback" not in result.stderr
    return re.sub(r"[\s│]+", " ", result.stderr)


@pytest.mark.parametrize("words", [words for words in COMMANDS if words not in GROUPS], ids=" ".join)
def test_help_shows_an_example_that_names_the_command(words, tmp_path):
    result = scenery(*words, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert re.search(rf"For example:\s+scenery {' '.join(words)}\b", result.stdout)


def test_help_lists_every_command(tmp_path):
    listed = scenery("--help", cwd=tmp_path).stdout + scenery("images", "--help", cwd=tmp_path).stdout
    assert all(words[-1] in listed for words in COMMANDS if words)


def test_help_does_not_wait_for_kfp(tmp_path):
    code = "import sys; sys.argv[1:] = ['run', '--help']; from pipelines.cli import main\ntry: main()\n"
    code += "finally: assert not {'kfp', 'docker', 'tensorflow', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run",), "Missing option '--data'"),
        (("run", "--data", ".", "--runner", "cloud"), "'cloud' is not one of 'host', 'docker'"),
        (("run", "--dta", "."), "No such option: --dta"),
        (("fly",), "No such command 'fly'"),
        (("sample", "photos", "--images", "3"), "Invalid value for '--images'"),
        (
            ("run", "--data", "nowhere"),
            "error: --data: expected class folders or a manifest, here or at gs://, s3:// or",
        ),
        (("run", "--data", ""), "here or at gs://, s3:// or https://, found nothing at ."),
        (("run", "--data", "https://acme.example/photos"), "at https:// there can be archives and manifests only"),
        (("run", "--data", ".", "--ledger", "."), "error: --ledger: expected a file, or none yet, found a folder at"),
        (("run", "--data", ".", "--set", "head_epoch=3"), "--set: head_epoch: no such parameter. The nearest is 'hea"),
        (("run", "--data", ".", "--preset", "quik"), "The nearest is 'quick'"),
        (("tune", "--data", ".", "--search", "dropot"), "error: search: expected one of image_size_px"),
        (("tune", "--data", ".", "--trials", "-1"), "error: --trials: expected int in [0, 100000]. Received: -1."),
        (("images", "build", "--component", "bake"), "error: --component: expected one of ingest, split, train, eva"),
    ],
)
def test_a_wrong_call_is_one_message_and_status_2(words, complaint, tmp_path):
    result = scenery(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert complaint in message(result)
    assert list(tmp_path.iterdir()) == []


def test_messages_and_paths_are_shown_as_they_are(tmp_path):
    name = "[bold]photos[/bold] :cat: [/] " + "of a long summer " * 8
    result = scenery("run", "--data", name, cwd=tmp_path)
    assert result.stderr.endswith(f"found nothing at {name}.\n")


def test_sample_keeps_off_other_peoples_folders(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = scenery("sample", ".", cwd=tmp_path)
    assert result.returncode == 2
    assert "mine.txt" in message(result)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("command", ["run", "tune"])
def test_augmentation_that_keras_refuses_ends_a_run_before_it_begins(command, tmp_path):
    (tmp_path / "photos").mkdir()
    policy = """augmentation=[{"layer": "RandomFlip", "mod": "vertical"}]"""
    result = scenery(command, "--data", "photos", "--set", policy, cwd=tmp_path)
    assert result.returncode == 2
    assert "error: augmentation: RandomFlip takes probability, mode. Received: mod." in message(result)
    assert not (tmp_path / "runs").exists()


def test_a_file_in_place_of_the_runs_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "runs").write_text("mine")
    result = scenery("run", "--data", "photos", cwd=tmp_path)
    assert result.returncode == 2
    assert "'runs' is a file" in message(result)


def test_a_failing_step_is_its_own_error_its_log_and_status_1(tmp_path):
    (tmp_path / "[bold]photos").mkdir()
    result = scenery("run", "--data", "[bold]photos", cwd=tmp_path)
    assert result.returncode == 1
    assert f"ingest failed: --source {tmp_path}/[bold]photos: expected one folder of images per class" in result.stderr
    log = result.stderr.splitlines()[-1].removeprefix("log: ")
    assert "expected one folder of images per class" in (tmp_path / log).read_text()
    assert "Traceback" not in result.stdout + result.stderr
    assert [line.split("|")[1].split()[0] for line in result.stdout.splitlines() if "|" in line] == ["begins", "failed"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ending_it_says_so_and_exits_with_130(ending, tmp_path, start):
    process = start([sys.executable, "-m", "pipelines.cli", "sample", "photos", "--images", "100000"], tmp_path)
    while not any(tmp_path.iterdir()):
        assert process.poll() is None
    process.send_signal(ending)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.endswith("stopped; nothing is left running\n")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_job_that_nohup_started_outlives_its_terminal(tmp_path, start):
    command = ["nohup", sys.executable, "-m", "pipelines.cli", "sample", "photos", "--images", "36"]
    process = start(command, tmp_path)
    while not any(tmp_path.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "photos/kitchen").is_dir()


def test_compile_writes_the_pipeline(tmp_path):
    result = scenery("compile", "--registry", "registry.example.com/ml", "--tag", "v7", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "wrote pipeline.yaml\n")
    assert "image: registry.example.com/ml/scenery-train:v7\n" in (tmp_path / "pipeline.yaml").read_text()


def test_presets_and_parameters_are_listed_whole(tmp_path):
    assert re.search(r"^quick\n(  \w+: .+\n)+", scenery("presets", cwd=tmp_path).stdout, re.MULTILINE)
    listed = [line.split()[0] for line in scenery("parameters", cwd=tmp_path).stdout.splitlines() if line[0] != " "]
    assert listed == ["parameter", *Parameters.model_fields]


def test_backbones_are_listed_with_parameters_image_size_and_where_weights_come_from(tmp_path):
    lines = [re.split(r"\s{2,}", line.strip()) for line in scenery("backbones", cwd=tmp_path).stdout.splitlines()]
    assert ["efficientnet_lite0", "3.4 M", "224 px", "in the image"] in lines
    assert ["efficientnet_v2_s", "20.3 M", "384 px", "download by Keras"] in lines
    assert ["vit_small_data", "3.5 M", "224 px", "none"] in lines
    assert lines[-1] == ["keras_hub:PRESET", "KerasHub, hf:// or a folder"]
