"""The DAG: one call a step, in data order."""

from kfp import dsl

from components.evaluate.component import evaluate
from components.export.component import export
from components.ingest.component import ingest
from components.split.component import split
from components.train.component import train
from pipelines.parameters import check

_DEFAULT = check({})


@dsl.pipeline(
    name="scene-classification",
    description="Labelled images in, an evaluated scene classifier out: ingest, split, train, evaluate, export.",
)
def scene_classification(
    source: str,
    source_digest: str = "",
    shorter_side_px: int = _DEFAULT.shorter_side_px,
    near_duplicate_distance: int = _DEFAULT.near_duplicate_distance,
    validation_fraction: float = _DEFAULT.validation_fraction,
    test_fraction: float = _DEFAULT.test_fraction,
    backbone: str = _DEFAULT.backbone,
    image_size_px: int = _DEFAULT.image_size_px,
    batch_size: int = _DEFAULT.batch_size,
    augmentation: str = _DEFAULT.augmentation,
    dropout: float = _DEFAULT.dropout,
    label_smoothing: float = _DEFAULT.label_smoothing,
    imbalance: str = _DEFAULT.imbalance,
    imbalance_strength: float = _DEFAULT.imbalance_strength,
    head_views: int = _DEFAULT.head_views,
    head_epochs: int = _DEFAULT.head_epochs,
    head_learning_rate: float = _DEFAULT.head_learning_rate,
    finetune_epochs: int = _DEFAULT.finetune_epochs,
    finetune_learning_rate: float = _DEFAULT.finetune_learning_rate,
    finetune_layers: int = _DEFAULT.finetune_layers,
    patience: int = _DEFAULT.patience,
    seed: int = _DEFAULT.seed,
    min_macro_f1: float = _DEFAULT.min_macro_f1,
    min_recall: float = _DEFAULT.min_recall,
    min_support: int = _DEFAULT.min_support,
) -> None:
    """Runs the five steps; export only if evaluate blesses the model.

    `source_digest` changes when the source's listing does, so that a cached ingest never hides new data.
    """
    ingested = ingest(
        source=source,
        source_digest=source_digest,
        shorter_side_px=shorter_side_px,
        near_duplicate_distance=near_duplicate_distance,
    )
    parts = split(
        images=ingested.outputs["images"],
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        seed=seed,
    )
    trained = train(
        train=parts.outputs["train"],
        validation=parts.outputs["validation"],
        backbone=backbone,
        image_size_px=image_size_px,
        batch_size=batch_size,
        augmentation=augmentation,
        dropout=dropout,
        label_smoothing=label_smoothing,
        imbalance=imbalance,
        imbalance_strength=imbalance_strength,
        head_views=head_views,
        head_epochs=head_epochs,
        head_learning_rate=head_learning_rate,
        finetune_epochs=finetune_epochs,
        finetune_learning_rate=finetune_learning_rate,
        finetune_layers=finetune_layers,
        patience=patience,
        seed=seed,
    )
    evaluated = evaluate(
        model=trained.outputs["model"],
        test=parts.outputs["test"],
        min_macro_f1=min_macro_f1,
        min_recall=min_recall,
        min_support=min_support,
    )
    with dsl.If(evaluated.outputs["decision"] == "bless", name="blessed"):
        export(model=trained.outputs["model"], test=parts.outputs["test"])
