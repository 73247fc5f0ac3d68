"""What the study learns of a trial after each epoch."""

import optuna
import pytest

from components.tune.pruning import Pruning


@pytest.mark.parametrize(("monitor", "reported"), [("macro_f1", [0.5, 0.6, 0.6]), ("accuracy", [0.5, 0.6, 0.4])])
def test_the_macro_f1_of_the_best_epoch_is_reported(monitor, reported):
    """The third epoch is right more often than the second, at the cost of rare classes."""
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    watching = Pruning(study.ask(), monitor, lambda _: None)
    watching.set_params({"epochs": 3})
    watching.on_train_begin()
    for epoch, (macro_f1, accuracy) in enumerate([(0.5, 0.5), (0.6, 0.6), (0.4, 0.7)]):
        watching.on_epoch_end(epoch, {"val_macro_f1": macro_f1, "val_accuracy": accuracy, "val_loss": 1.0})
    [trial] = study.trials
    assert trial.intermediate_values == dict(enumerate(reported, 1))
