"""KFP's face of tune."""

from typing import Any

from kfp import dsl

from components import _image


@dsl.container_component
def tune(
    train: dsl.Input[dsl.Dataset],
    validation: dsl.Input[dsl.Dataset],
    study: dsl.Output[dsl.Artifact],
    best: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    trials: int,
    timeout_minutes: float,
    study_name: str,
    storage: str,
    base: dict[str, Any],
    search: list[str],
    backbones: list[str],
    trial_head_epochs: int,
    trial_finetune_epochs: int,
    pruner: str,
    lost_after_s: int,
    workers: int,
    worker: int,
    seed: int,
) -> dsl.ContainerSpec:
    """Tries combinations of training's parameters; all tasks that name one storage share the trials."""
    return dsl.ContainerSpec(
        image=_image.reference("tune"),
        command=["python", "-m", "components.tune"],
        args=[
            "--train", train.path,
            "--validation", validation.path,
            "--study", study.path,
            "--best", best.path,
            "--report", report.path,
            "--trials", trials,
            "--timeout-minutes", timeout_minutes,
            "--study-name", study_name,
            "--storage", storage,
            "--base", base,
            "--search", search,
            "--backbones", backbones,
            "--trial-head-epochs", trial_head_epochs,
            "--trial-finetune-epochs", trial_finetune_epochs,
            "--pruner", pruner,
            "--lost-after-s", lost_after_s,
            "--workers", workers,
            "--worker", worker,
            "--seed", seed,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
