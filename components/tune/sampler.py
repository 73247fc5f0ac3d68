"""The choice of combinations: Optuna's TPE, with random numbers of its own for each trial."""

import numpy as np
import optuna
from optuna.trial import FrozenTrial


class TrialSeededSampler(optuna.samplers.TPESampler):
    """Draws a trial's values from the seed and the trial's number.

    A number comes once in a study, whatever workers there are: so no two of its trials share random numbers, also
    where their workers know nothing of each other, and one worker alone draws the same trials every time.

    Args:
        seed: Of the study.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, constant_liar=True)
        self._study_seed = seed

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begins the trial's random numbers."""
        seed = int(np.random.SeedSequence([self._study_seed, trial.number]).generate_state(1)[0])
        super().__init__(seed=seed, constant_liar=True)  # the sampler keeps no more than random numbers and caches
        super().before_trial(study, trial)
