"""The component images, and `scenery run --runner docker`: the same pipeline in real containers."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from pipelines.compile import COMPONENTS
from pipelines.images import IMAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def engine():
    try:
        client = docker.from_env()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="module")
def images(engine, run_scenery, tmp_path_factory) -> dict[str, docker.models.images.Image]:
    result = run_scenery("images", "build", cwd=tmp_path_factory.mktemp("build"))
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return {component: engine.images.get(f"scenery-{component}") for component in IMAGES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("a user's containers")


def is_of(folder: Path, container: dict) -> bool:
    """Tells our containers from those of another run on the same engine."""
    return any(Path(mount["Source"]).is_relative_to(folder) for mount in container["Mounts"])


@pytest.fixture(scope="module")
def containers(engine, folder):
    """What the engine says of each of our containers when it starts, by component."""
    seen: dict[str, dict] = {}
    events = engine.events(decode=True, filters={"type": "container", "event": "start"})

    def watch():
        for event in events:
            image = event["Actor"]["Attributes"]["image"]
            with suppress(docker.errors.NotFound):  # another run's, and gone already
                if "scenery-" in image and is_of(folder, container := engine.api.inspect_container(event["id"])):
                    seen[image.split("scenery-")[1].split(":")[0]] = container

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield seen
    events.close()


@pytest.fixture(scope="module")
def docker_run(images, containers, folder, sample, run_scenery) -> Path:
    result = run_scenery("run", "--data", sample, "--runner", "docker", cwd=folder)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder / "runs/latest"


def run_in(engine, component: str, *command: str) -> str:
    return engine.containers.run(f"scenery-{component}", list(command[1:]), entrypoint=command[0], remove=True).decode()


@pytest.mark.parametrize("component", IMAGES)
def test_image_explains_itself_without_arguments_of_its_own(component, images, engine):
    told = engine.containers.run(f"scenery-{component}", ["--help"], remove=True, network_mode="none").decode()
    assert f"python -m components.{component}" in told
    assert "example:" in told


@pytest.mark.parametrize("component", IMAGES)
def test_image_holds_its_own_step_and_no_root(component, images, engine):
    assert run_in(engine, component, "id", "-u").strip() == "65532"
    steps = {"train", "tune"} if component == "tune" else {component}  # a trial is a training
    assert set(run_in(engine, component, "ls", "/app/components").split()) & set(IMAGES) == steps
    installed = run_in(engine, component, "pip", "list", "--format", "freeze")
    assert "kfp==" not in installed
    assert ("tensorflow" in installed) == (component not in ("ingest", "split"))


def test_shared_layers_are_shared(images):
    layers = {component: image.attrs["RootFS"]["Layers"] for component, image in images.items()}
    in_all = set.intersection(*map(set, layers.values()))
    with_tensorflow = set.intersection(
        *(set(layers[component]) for component in ("train", "tune", "evaluate", "export"))
    )
    assert len(in_all) >= 3, "the base image and the packages of all steps"
    assert with_tensorflow > in_all


def test_run_in_containers_counts_and_scores_like_one_on_the_host(docker_run, sample, tmp_path, run_scenery):
    assert run_scenery("run", "--data", sample, cwd=tmp_path).returncode == 0
    host_run = tmp_path / "runs/latest"
    for dataset in ("ingest/images", "split/train", "split/validation", "split/test"):
        in_docker, on_host = (
            json.loads((run / dataset / "dataset.json").read_text()) for run in (docker_run, host_run)
        )
        assert in_docker == on_host, dataset
    in_docker, on_host = (
        json.loads((run / "evaluate/metrics.json").read_text())["summary"] for run in (docker_run, host_run)
    )
    assert in_docker == pytest.approx(on_host, abs=0.02)


def test_outputs_are_the_callers(docker_run):
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in docker_run.resolve().rglob("*")}
    assert owners == {(os.getuid(), os.getgid())}
    assert (docker_run / "export/saved_model/1/saved_model.pb").is_file()


@pytest.mark.parametrize("component", COMPONENTS)
def test_container_was_locked_down(component, docker_run, containers):
    container = containers[component]
    assert container["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in container["HostConfig"]["SecurityOpt"]
    writable = [mount["Destination"] for mount in container["Mounts"] if mount["RW"]]
    others = [Path(path).name for path in writable if Path(path).name != component]
    assert len(others) == len(writable) - 1
    assert others == ([".checkpoints"] if component == "train" else []), "a step writes to its own folder only"


def containers_of(folder: Path, engine) -> list[docker.models.containers.Container]:
    return [container for container in engine.containers.list(all=True) if is_of(folder, container.attrs)]


def test_no_container_is_left(docker_run, folder, engine):
    assert not containers_of(folder, engine)


def test_ctrl_c_removes_the_container(images, engine, tmp_path, sample, start):
    process = start([sys.executable, "-m", "pipelines.cli", "run", "--data", sample, "--runner", "docker"], tmp_path)
    assert any("train | begins" in line for line in process.stdout)
    time.sleep(3)
    assert containers_of(tmp_path, engine)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert not containers_of(tmp_path, engine)
    owners = {path.lstat().st_uid for path in tmp_path.rglob("*")}
    assert owners == {os.getuid()}, "what the container had written is the caller's, too"


def test_a_failing_container_shows_its_own_error_and_log(images, engine, folder, tmp_path, sample, run_scenery):
    data = shutil.copytree(sample, tmp_path / "photos")
    for file in sorted((data / "hall").iterdir())[2:]:
        file.unlink()
    began_s = time.monotonic()
    result = run_scenery("run", "--data", data, "--runner", "docker", cwd=folder)
    assert result.returncode == 1
    assert "ingest failed" in result.stderr
    assert "at least 3 usable images" in result.stderr.replace("\n", " ")
    assert Path(result.stderr.rpartition("log: ")[2].replace("\n", "")).is_file()
    assert time.monotonic() - began_s < 60


def test_weights_on_this_machine_reach_the_container(docker_run, folder, sample, tmp_path, run_scenery):
    weights = tmp_path / "rooms.weights.h5"
    weights.write_bytes(b"none")
    settings = ("--cache", "--set", f"weights={weights}")
    result = run_scenery("run", "--data", sample, "--runner", "docker", *settings, cwd=folder)
    assert result.returncode == 1
    assert "file signature not found" in result.stderr.replace("\n", " "), "it was opened, which takes that it is there"


def test_a_missing_engine_is_named_before_anything_starts(engine, tmp_path, sample, run_scenery, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    result = run_scenery("run", "--data", sample, "--runner", "docker", cwd=tmp_path)
    assert result.returncode == 2
    assert "expected a running Docker engine" in result.stderr
