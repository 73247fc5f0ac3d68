"""How the learning rate goes over a phase."""

import keras

from components.train.parameters import Monitor, Schedule


def learning_rate(
    schedule: Schedule, peak: float, steps_per_epoch: int, epochs: int, warmup_epochs: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns what an optimizer takes as its learning rate.

    `cosine` rises linearly during the warm-up, then falls to zero along a cosine. `constant` stays at the peak,
    and so does `plateau`, until `schedule_callbacks` lowers it.

    Args:
        schedule: Which.
        peak: Highest rate.
        steps_per_epoch: Steps in an epoch.
        epochs: That the phase has at most.
        warmup_epochs: Of them, those in which a cosine schedule rises.
    """
    if schedule != "cosine":
        return peak
    warmup_steps = steps_per_epoch * min(warmup_epochs, epochs)
    decay_steps = max(1, steps_per_epoch * epochs - warmup_steps)
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(peak, decay_steps)
    return keras.optimizers.schedules.CosineDecay(
        peak / warmup_steps, decay_steps, warmup_target=peak, warmup_steps=warmup_steps
    )


def schedule_callbacks(schedule: Schedule, monitor: Monitor, patience: int) -> list[keras.callbacks.Callback]:
    """Returns what changes the rate after an epoch: `plateau` halves it when `monitor` no longer rises.

    Args:
        schedule: Which.
        monitor: Score on the validation images that is to rise.
        patience: Epochs in which it does not that end the phase; a third of them halve the rate.
    """
    if schedule != "plateau":
        return []
    waited = max(1, patience // 3)
    return [keras.callbacks.ReduceLROnPlateau(f"val_{monitor}", mode="max", factor=0.5, patience=waited, min_delta=0)]
