"""Runs `pipeline.yaml` on this machine: the same file, tasks and artifacts as on a cluster."""

import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from kfp import dsl, local
from kfp.dsl.base_component import BaseComponent
from kfp.local import cache as kfp_cache
from kfp.local import docker_task_handler, executor_input_utils, subprocess_task_handler
from kfp.local.io import IOStore
from kfp.local.orchestrator.enhanced_dag_orchestrator import ConditionEvaluator

from components._storage import local_path
from components.train.backbones.given import version_of
from pipelines.compile import component_of, load_pipeline
from pipelines.local.cache import StepCache, code_on_this_machine
from pipelines.local.container import ContainerTaskHandler, container_runner, engine, image_id
from pipelines.local.data import source_mounts
from pipelines.local.host import HostTaskHandler, host_runner
from pipelines.local.step import Progress, Step, Stopwatch, write_step_folders

Runner = Literal["host", "docker"]

KFP_LOG = "kfp.log"


@dataclass(frozen=True)
class RunRequest:
    """What to run and how.

    Attributes:
        pipeline: The compiled pipeline.
        arguments: Pipeline parameters by name.
        runs: Folder that holds all runs; each gets a folder of its own in it.
        runner: `host` for processes, `docker` for containers.
        source: The data, if it is on this machine.
        reuse: Whether to take unchanged steps from earlier runs.
        link: What in `runs` points to the run once it has finished.
        backbone_files: Paths and URIs of what the trained backbone is made from, as `given_files` returns them.
    """

    pipeline: Path
    arguments: Mapping[str, Any]
    runs: Path
    runner: Runner
    source: Path | None
    reuse: bool
    link: str = "latest"
    backbone_files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunResult:
    """Where a finished run's outputs are.

    Attributes:
        folder: The run's own folder; reused steps lie in an earlier run's.
        outputs: By step, then by output name: a path for an artifact, a value for a parameter.
        seconds: Wall time.
    """

    folder: Path
    outputs: dict[str, dict[str, Any]]
    seconds: float


def run_pipeline(request: RunRequest, progress: Progress) -> RunResult:
    """Runs the pipeline to its end.

    Args:
        request: What to run and how.
        progress: Shows it to a person.

    Returns:
        Where everything is.

    Raises:
        InputError: If the pipeline or the backbone's weights can't be read or, with Docker, the engine or an image is
            missing.
        StepFailedError: If a step fails; what earlier steps wrote stays in the run's folder.
    """
    clock = Stopwatch()
    pipeline = load_pipeline(request.pipeline)
    mounts = source_mounts(request.source) if request.source and request.runner == "docker" else []
    mounts += [path for place in request.backbone_files.values() if (path := local_path(place))]
    code_digest = _image_digests(pipeline) if request.runner == "docker" else code_on_this_machine
    digest = _with_version(code_digest, version_of(request.backbone_files))
    folder = _new_folder(request.runs.resolve())
    cache = StepCache(folder.parent / ".cache", digest, progress, reuse=request.reuse)
    with _kfp_local(folder, cache, progress):
        local.init(
            runner=container_runner(folder.parent, mounts) if request.runner == "docker" else host_runner(),
            pipeline_root=str(folder.parent),
            workspace_root=str(folder / ".workspace"),
        )
        pipeline(**request.arguments)
    outputs = _outputs(folder, cache)
    if outputs.get("evaluate", {}).get("decision") == "bless" and "export" not in outputs:
        raise RuntimeError(f"evaluate blessed the model, but kfp.local skipped export; see {folder / KFP_LOG}")
    write_step_folders(folder, {step: _folder_of(written) for step, written in outputs.items()})
    _point_to(folder, request.link)
    return RunResult(folder, outputs, clock.seconds)


def _with_version(code_digest: Callable[[str], str], of_backbone: str) -> Callable[[str], str]:
    """Returns digests of steps: of their code and, of train's, the version of what its backbone is made from."""

    def digest(step: str) -> str:
        code = code_digest(step)
        if step != "train" or not of_backbone:
            return code
        return hashlib.sha256(f"{code} {of_backbone}".encode()).hexdigest()

    return digest


def _image_digests(pipeline: BaseComponent) -> Callable[[str], str]:
    """Looks every image up before the first step runs, so that a missing one is known at once."""
    client = engine()
    executors = pipeline.pipeline_spec.deployment_spec["executors"].values()
    images = [executor["container"]["image"] for executor in executors]
    digests = {component_of(image): image_id(client, image).removeprefix("sha256:") for image in images}
    client.close()
    return digests.__getitem__


@contextmanager
def _kfp_local(folder: Path, cache: StepCache, progress: Progress) -> Iterator[None]:
    """Puts our handlers, cache and folder name into kfp.local, and its own talk into a file."""
    replacements: list[tuple[Any, str, Any]] = [
        (subprocess_task_handler, "SubprocessTaskHandler", partial(HostTaskHandler, progress=progress)),
        (docker_task_handler, "DockerTaskHandler", partial(ContainerTaskHandler, progress=progress)),
        (executor_input_utils, "get_local_pipeline_resource_name", lambda _: folder.name),
        (kfp_cache, "get_local_cache", lambda: cache),
        (ConditionEvaluator, "_resolve_pipeline_channel", staticmethod(_value_of_channel)),
    ]
    with ExitStack() as stack:
        for module, name, replacement in replacements:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, replacement)
        log = stack.enter_context((folder / KFP_LOG).open("w", encoding="utf-8"))
        stack.enter_context(redirect_stdout(log))
        stack.enter_context(redirect_stderr(log))
        yield


def _value_of_channel(channel: str, io_store: IOStore) -> Any:  # noqa: ANN401 - any parameter's value
    """Resolves the output that a condition asks for, `pipelinechannel--TASK-OUTPUT`.

    kfp.local's own does so for outputs named `Output` only; it takes others for parameters of the
    pipeline, finds none, and skips the branch without an error.

    Raises:
        ValueError: If no task has such an output.
    """
    words = channel.removeprefix("pipelinechannel--").split("-")
    for end in range(1, len(words)):
        with suppress(KeyError, ValueError):
            return io_store.get_task_output("-".join(words[:end]), "-".join(words[end:]))
    raise ValueError(f"no task has the output that the condition on {channel} asks for")


def _new_folder(runs: Path) -> Path:
    """Makes the run's folder, named after the time in UTC."""
    name = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d-%H%M%S")
    for suffix in ["", *(f"-{number}" for number in range(2, 100))]:
        folder = runs / f"{name}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{runs}: a hundred runs began in the same second")


def _outputs(folder: Path, cache: StepCache) -> dict[str, dict[str, Any]]:
    """Collects what the steps of this run wrote, and what came from earlier runs."""
    reused = {
        step: {name: Path(v.uri) if isinstance(v, dsl.Artifact) else v for name, v in outputs.items()}
        for step, outputs in cache.hits.items()
    }
    steps = [Step(path.parent.name, (), path.parent) for path in folder.rglob("executor_output.json")]
    return reused | {step.name: step.outputs() for step in steps}


def _folder_of(outputs: Mapping[str, Any]) -> Path:
    return next(value.parent for value in outputs.values() if isinstance(value, Path))


def _point_to(folder: Path, name: str) -> None:
    link = folder.parent / f".{name}-{folder.name}"  # two runs may end at the same time
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(folder.parent / name)
