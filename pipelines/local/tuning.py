"""Tuning on this machine: what the pipeline is asked, and what a person is told in the end."""

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components._parameters import checked
from components._storage import whole_file
from components.ingest.parameters import IngestParameters
from components.split.parameters import SplitParameters
from components.train.backbones.given import given_files
from components.train.parameters import TrainParameters
from components.tune.parameters import TuneParameters
from pipelines.compile import compile_pipeline
from pipelines.local.run import RunRequest, RunResult
from pipelines.parameters import Parameters, backbone_at_absolute_path, resolve

BEST_FILE = "best.yaml"
LINK = "latest-tuning"  # beside `latest`, which has a model
_OF_DATA = {*IngestParameters.model_fields, *SplitParameters.model_fields}


def trial_parameters(parameters: Parameters, given: Mapping[str, Any], runs: Path) -> TuneParameters:
    """Returns the step's parameters.

    Args:
        parameters: What trials begin with.
        given: Values of the step's own parameters.
        runs: Folder whose `studies.db` is the storage, unless another is given.

    Raises:
        InputError: If one is out of its range, or what is searched does not go with the others.
    """
    base = _changed(parameters, set(TrainParameters.model_fields))
    backbones = [backbone_at_absolute_path(backbone) for backbone in given.get("backbones", [])]
    values = {**given, "backbones": backbones, "base": base, "seed": parameters.seed}
    values["storage"] = given["storage"] or f"sqlite:///{runs.resolve() / 'studies.db'}"
    return checked(TuneParameters, values, lambda name: f"--{name.replace('_', '-')}")


@contextmanager
def tuning_request(
    parameters: Parameters, tuning: TuneParameters, where: Mapping[str, Any], runs: Path, source: Path | None
) -> Iterator[RunRequest]:
    """Yields what to run; the compiled pipeline goes away afterwards.

    Args:
        parameters: Of ingest and split.
        tuning: Of the trials.
        where: The data, as arguments of the pipeline.
        runs: Folder for the runs.
        source: The data, if it is on this machine.
    """
    arguments = parameters.model_dump(include=_OF_DATA) | tuning.model_dump(exclude={"worker"}) | dict(where)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(folder) / "tuning.yaml"
        compile_pipeline(pipeline, pipeline="tuning")
        files = given_files(parameters.backbone, parameters.weights)
        yield RunRequest(pipeline, arguments, runs, "host", source, reuse=True, link=LINK, backbone_files=files)


def print_outcome(console: Console, result: RunResult, parameters: Parameters, data: str, ledger: str) -> None:
    """Writes the best parameters, with those of the data, where `scenery run` finds them, and says where.

    Args:
        console: Where to print.
        result: Of the tuning.
        parameters: That the trials began with.
        data: As it was given.
        ledger: As it was given: without it, the run would split anew, and test on images that chose the parameters.
    """
    best = yaml.safe_load(result.outputs["tune"]["best"].read_text(encoding="utf-8"))
    preset = _from_here(result.folder / BEST_FILE)
    others = _changed(parameters, set(Parameters.model_fields) - set(TrainParameters.model_fields))
    with whole_file(result.folder / BEST_FILE) as file:
        file.write_text(yaml.safe_dump(others | best, sort_keys=False, allow_unicode=True), encoding="utf-8")
    console.print(_table(best, parameters), "", sep="\n")
    given = ["--data", data, *(["--ledger", ledger] if ledger else [])]
    places = {
        "report": _from_here(result.outputs["tune"]["report"]),
        "trials": _from_here(result.outputs["tune"]["study"] / "trials.csv"),
        "preset": preset,
        "all of it": f"{_from_here(result.folder)}, {result.seconds:.0f} s",
        "next": shlex.join(["scenery", "run", *given, "--preset", preset]),
    }
    for name, place in places.items():
        console.print(Text.assemble((f"{name:<9}", "bold"), f"  {place}"), soft_wrap=True)


def _table(best: Mapping[str, Any], parameters: Parameters) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("best parameters", "", "as given"):
        table.add_column(column)
    given = parameters.model_dump()
    for name, value in best.items():
        table.add_row(name, _shown(value), _shown(given[name]) if given[name] != value else "")
    return table


def _shown(value: Any) -> str:  # noqa: ANN401 - any parameter's
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _changed(parameters: Parameters, names: set[str]) -> dict[str, Any]:
    """Returns those of the named parameters that differ from their defaults."""
    defaults = resolve().model_dump()
    return {name: value for name, value in parameters.model_dump(include=names).items() if value != defaults[name]}


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
