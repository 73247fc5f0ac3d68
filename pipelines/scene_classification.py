"""The DAG: one call a step, in data order."""

from kfp import dsl

from components.evaluate.component import evaluate
from components.export.component import export
from components.ingest.component import ingest
from components.split.component import split
from components.train.component import train
from pipelines.parameters import resolve
from pipelines.retries import retried

_DEFAULT = resolve()


@dsl.pipeline(
    name="scene-classification",
    description="Labelled images in, an evaluated scene classifier out: ingest, split, train, evaluate, export.",
)
def scene_classification(
    source: str,
    source_digest: str = "",
    ledger_uri: str = "",
    ledger_digest: str = "",
    checkpoints: str = "",
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
    backbone: str = _DEFAULT.backbone,
    weights: str = _DEFAULT.weights,
    image_size_px: int = _DEFAULT.image_size_px,
    batch_size: str = str(_DEFAULT.batch_size),
    precision: str = _DEFAULT.precision,
    xla: str = _DEFAULT.xla,
    augmentation: str = _DEFAULT.augmentation,
    augmentation_magnitude: float = _DEFAULT.augmentation_magnitude,
    mixup_alpha: float = _DEFAULT.mixup_alpha,
    cutmix_alpha: float = _DEFAULT.cutmix_alpha,
    pooling: str = _DEFAULT.pooling,
    dropout: float = _DEFAULT.dropout,
    head_dense_units: int = _DEFAULT.head_dense_units,
    label_smoothing: float = _DEFAULT.label_smoothing,
    imbalance: str = _DEFAULT.imbalance,
    imbalance_strength: float = _DEFAULT.imbalance_strength,
    focal_gamma: float = _DEFAULT.focal_gamma,
    crt_epochs: int = _DEFAULT.crt_epochs,
    head_views: int = _DEFAULT.head_views,
    head_epochs: int = _DEFAULT.head_epochs,
    head_learning_rate: float = _DEFAULT.head_learning_rate,
    head_schedule: str = _DEFAULT.head_schedule,
    finetune_epochs: int = _DEFAULT.finetune_epochs,
    finetune_learning_rate: float = _DEFAULT.finetune_learning_rate,
    finetune_schedule: str = _DEFAULT.finetune_schedule,
    finetune_layers: int = _DEFAULT.finetune_layers,
    warmup_epochs: int = _DEFAULT.warmup_epochs,
    monitor: str = _DEFAULT.monitor,
    patience: int = _DEFAULT.patience,
    checkpoint_minutes: float = _DEFAULT.checkpoint_minutes,
    mlflow_tracking_uri: str = _DEFAULT.mlflow_tracking_uri,
    mlflow_experiment: str = _DEFAULT.mlflow_experiment,
    seed: int = _DEFAULT.seed,
    min_macro_f1: float = _DEFAULT.min_macro_f1,
    min_recall: float = _DEFAULT.min_recall,
    min_support: int = _DEFAULT.min_support,
) -> None:
    """Runs the five steps; export only if evaluate blesses the model.

    `source_digest` changes when the source's listing does, so that a cached ingest never hides new data;
    `ledger_digest` likewise for the ledger at `ledger_uri`. `checkpoints` is a folder that outlives a task, for an
    interrupted training to go on from: on a mounted volume, or below /gcs on Vertex AI.
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
    trained = train(
        train=parts.outputs["train"],
        validation=parts.outputs["validation"],
        checkpoints=checkpoints,
        backbone=backbone,
        weights=weights,
        image_size_px=image_size_px,
        batch_size=batch_size,
        precision=precision,
        xla=xla,
        augmentation=augmentation,
        augmentation_magnitude=augmentation_magnitude,
        mixup_alpha=mixup_alpha,
        cutmix_alpha=cutmix_alpha,
        pooling=pooling,
        dropout=dropout,
        head_dense_units=head_dense_units,
        label_smoothing=label_smoothing,
        imbalance=imbalance,
        imbalance_strength=imbalance_strength,
        focal_gamma=focal_gamma,
        crt_epochs=crt_epochs,
        head_views=head_views,
        head_epochs=head_epochs,
        head_learning_rate=head_learning_rate,
        head_schedule=head_schedule,
        finetune_epochs=finetune_epochs,
        finetune_learning_rate=finetune_learning_rate,
        finetune_schedule=finetune_schedule,
        finetune_layers=finetune_layers,
        warmup_epochs=warmup_epochs,
        monitor=monitor,
        patience=patience,
        checkpoint_minutes=checkpoint_minutes,
        mlflow_tracking_uri=mlflow_tracking_uri,
        mlflow_experiment=mlflow_experiment,
        seed=seed,
    )
    retried(trained)
    evaluated = evaluate(
        model=trained.outputs["model"],
        test=parts.outputs["test"],
        min_macro_f1=min_macro_f1,
        min_recall=min_recall,
        min_support=min_support,
    )
    with dsl.If(evaluated.outputs["decision"] == "bless", name="blessed"):
        export(model=trained.outputs["model"], test=parts.outputs["test"])
