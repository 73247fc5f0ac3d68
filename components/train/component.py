"""KFP's face of train."""

from kfp import dsl

from components import _image


@dsl.container_component
def train(
    train: dsl.Input[dsl.Dataset],
    validation: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    history: dsl.Output[dsl.Artifact],
    backbone: str,
    weights: str,
    image_size_px: int,
    batch_size: int,
    augmentation: str,
    pooling: str,
    dropout: float,
    head_dense_units: int,
    label_smoothing: float,
    imbalance: str,
    imbalance_strength: float,
    head_views: int,
    head_epochs: int,
    head_learning_rate: float,
    head_schedule: str,
    finetune_epochs: int,
    finetune_learning_rate: float,
    finetune_schedule: str,
    finetune_layers: int,
    warmup_epochs: int,
    patience: int,
    seed: int,
) -> dsl.ContainerSpec:
    """Trains a head on the backbone's features, then the backbone's last layers with it."""
    return dsl.ContainerSpec(
        image=_image.reference("train"),
        command=["python", "-m", "components.train"],
        args=[
            "--train", train.path,
            "--validation", validation.path,
            "--model", model.path,
            "--history", history.path,
            "--backbone", backbone,
            "--weights", weights,
            "--image-size-px", image_size_px,
            "--batch-size", batch_size,
            "--augmentation", augmentation,
            "--pooling", pooling,
            "--dropout", dropout,
            "--head-dense-units", head_dense_units,
            "--label-smoothing", label_smoothing,
            "--imbalance", imbalance,
            "--imbalance-strength", imbalance_strength,
            "--head-views", head_views,
            "--head-epochs", head_epochs,
            "--head-learning-rate", head_learning_rate,
            "--head-schedule", head_schedule,
            "--finetune-epochs", finetune_epochs,
            "--finetune-learning-rate", finetune_learning_rate,
            "--finetune-schedule", finetune_schedule,
            "--finetune-layers", finetune_layers,
            "--warmup-epochs", warmup_epochs,
            "--patience", patience,
            "--seed", seed,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
