"""The DAG of tuning: ingest and split as in a run, then trials, on one machine or on several."""

from typing import Any

from kfp import dsl

from components.ingest.component import ingest
from components.split.component import split
from components.tune.component import tune
from components.tune.parameters import TuneParameters
from pipelines.parameters import resolve
from pipelines.retries import retried

_DEFAULT = resolve()
_TUNE = TuneParameters.model_validate({})


@dsl.pipeline(
    name="scene-classification-tuning",
    description="Labelled images in, the best parameters of many trainings out: ingest, split, tune.",
)
def tuning(
    source: str,
    source_digest: str = "",
    ledger_uri: str = "",
    ledger_digest: str = "",
    class_pattern: str = _DEFAULT.class_pattern,
    group_pattern: str = _DEFAULT.group_pattern,
    class_map: dict[str, str] = _DEFAULT.class_map,
    ignored_folders: list[str] = _DEFAULT.ignored_folders,
    class_names: list[str] = _DEFAULT.class_names,
    unknown_classes: str = _DEFAULT.unknown_classes,
    min_class_images: int = _DEFAULT.min_class_images,
    max_image_pixels: int = _DEFAULT.max_image_pixels,
    image_memory_mb: int = _DEFAULT.image_memory_mb,
    image_timeout_s: float = _DEFAULT.image_timeout_s,
    shorter_side_px: int = _DEFAULT.shorter_side_px,
    dropped_flags: list[str] = list(_DEFAULT.dropped_flags),  # noqa: B006 - KFP reads it once, at compilation
    near_duplicate_distance: int = _DEFAULT.near_duplicate_distance,
    label_conflicts: str = _DEFAULT.label_conflicts,
    validation_fraction: float = _DEFAULT.validation_fraction,
    test_fraction: float = _DEFAULT.test_fraction,
    folds: int = _DEFAULT.folds,
    fold: int = _DEFAULT.fold,
    class_changes: str = _DEFAULT.class_changes,
    trials: int = _TUNE.trials,
    timeout_minutes: float = _TUNE.timeout_minutes,
    study_name: str = _TUNE.study_name,
    storage: str = _TUNE.storage,
    base: dict[str, Any] = _TUNE.base,
    search: list[str] = list(_TUNE.search),  # noqa: B006 - as above
    backbones: list[str] = _TUNE.backbones,
    trial_head_epochs: int = _TUNE.trial_head_epochs,
    trial_finetune_epochs: int = _TUNE.trial_finetune_epochs,
    pruner: str = _TUNE.pruner,
    lost_after_s: int = _TUNE.lost_after_s,
    workers: int = _TUNE.workers,
    helpers: list[int] = [],  # noqa: B006 - as above
    seed: int = _DEFAULT.seed,
) -> None:
    """Runs ingest and split, then the trials: in one task, and in one more for each helper.

    The first waits for what helpers have under way, and sums the study up. It does not come after them: clusters were
    seen to refuse a pipeline in which a task follows a loop (kubeflow/pipelines 10050). Helpers need a `storage` that
    all machines reach. They are numbers, 1 up, by which their messages can be told apart.
    """
    ingested = ingest(
        source=source,
        source_digest=source_digest,
        class_pattern=class_pattern,
        group_pattern=group_pattern,
        class_map=class_map,
        ignored_folders=ignored_folders,
        class_names=class_names,
        unknown_classes=unknown_classes,
        min_class_images=min_class_images,
        max_image_pixels=max_image_pixels,
        image_memory_mb=image_memory_mb,
        image_timeout_s=image_timeout_s,
        shorter_side_px=shorter_side_px,
        dropped_flags=dropped_flags,
        near_duplicate_distance=near_duplicate_distance,
        label_conflicts=label_conflicts,
    )
    parts = split(
        images=ingested.outputs["images"],
        ledger_uri=ledger_uri,
        ledger_digest=ledger_digest,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        folds=folds,
        fold=fold,
        class_changes=class_changes,
        seed=seed,
    )

    def tune_with(worker: Any) -> dsl.PipelineTask:  # noqa: ANN401 - a number, or a loop's
        task = tune(
            train=parts.outputs["train"],
            validation=parts.outputs["validation"],
            trials=trials,
            timeout_minutes=timeout_minutes,
            study_name=study_name,
            storage=storage,
            base=base,
            search=search,
            backbones=backbones,
            trial_head_epochs=trial_head_epochs,
            trial_finetune_epochs=trial_finetune_epochs,
            pruner=pruner,
            lost_after_s=lost_after_s,
            workers=workers,
            worker=worker,
            seed=seed,
        )
        # The study goes on; what it once was is not wanted.
        return retried(task.set_caching_options(False))

    tune_with(0)
    with dsl.ParallelFor(helpers, name="helpers") as number:
        tune_with(number)
