"""The training steps of a phase, computed as the parameters say or as is fastest here."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from components._errors import InputError
from components._progress import say
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.parameters import TrainParameters
from components.train.phases import Phase
from components.train.speed import Computation, Precision, Run, Speed, candidates, fastest, without_trying
from components.train.steps import Loss, TrainSteps, train_steps
from components.train.trial_steps import FAILURES, computes_float16, random_batches, timed, unchanged


@dataclass(frozen=True)
class PhaseSteps:
    """What a phase trains with.

    Attributes:
        run: Its steps, compiled already if they were tried out.
        optimizer: Theirs; scales the loss of float16.
        speed: Why they are computed as they are.
    """

    run: TrainSteps
    optimizer: keras.optimizers.Optimizer
    speed: Speed


class StepChooser:
    """Prepares the steps of phases; every worker of a cluster makes one with the same arguments.

    Args:
        parameters: With precision and xla.
        classifier: What learns.
        classes: Number of classes.
        cluster: This process's place among the workers.
        between: Called between tries of several steps; all workers call it together.

    Raises:
        InputError: If XLA is asked for where it can't compile a step.
    """

    def __init__(
        self,
        parameters: TrainParameters,
        classifier: Classifier,
        classes: int,
        cluster: Cluster,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        replicas = cluster.strategy.num_replicas_in_sync
        if parameters.xla == "on" and replicas > 1:
            raise InputError(
                f"xla: expected off or auto, because {replicas} replicas share a batch and XLA can't compile their "
                "exchange of gradients. Received: on."
            )
        self._parameters, self._classifier, self._classes, self._cluster = parameters, classifier, classes, cluster
        self._between = between

    def steps(
        self, phase: Phase, optimizer: keras.optimizers.Optimizer, loss: Loss, kept: Speed | None = None
    ) -> PhaseSteps:
        """Chooses how a phase's steps are computed; sets the classifier's precision, and leaves its variables alone.

        Args:
            phase: Just set up.
            optimizer: Built.
            loss: Of the phase.
            kept: The choice of an interrupted training, to stay with.
        """
        prepared = _Prepared(self._classifier, phase, optimizer, loss, self._cluster.strategy)
        speed = kept or self._chosen(phase, prepared)
        if self._cluster.is_chief and not kept:
            for line in speed.lines():
                say("train", f"{phase.name}: {line}")
        return PhaseSteps(*prepared.of(speed.computation), speed)

    def _chosen(self, phase: Phase, prepared: "_Prepared") -> Speed:
        options, steps = self._options(phase), phase.steps * self._certain_epochs(phase)
        if choice := without_trying(options, steps):
            return choice
        batches = random_batches(phase.train(0).element_spec, self._classes)
        optimizers = [prepared.optimizer(option.precision) for option in options]

        def begin(computation: Computation) -> Run:
            run_steps = timed(prepared.of(computation)[0], batches, self._cluster)

            def run(number: int) -> float:
                self._between()
                return run_steps(number)

            return run

        with unchanged([*self._classifier.model.variables, *(each for one in optimizers for each in one.variables)]):
            return fastest(options, begin, steps, FAILURES)

    def _options(self, phase: Phase) -> list[Computation]:
        """Only the backbone's layers have a precision to choose, and a head on features that are computed has none."""
        precision = self._parameters.precision if phase.model is self._classifier.model else "float32"
        # XLA can't compile a whole step in which replicas exchange their gradients.
        compiles = self._cluster.strategy.num_replicas_in_sync == 1
        return candidates(precision, self._parameters.xla, float16=computes_float16(self._cluster), compiles=compiles)

    def _certain_epochs(self, phase: Phase) -> int:
        """Returns how many epochs the phase will have at least: patience begins with the first."""
        return min(phase.epochs, self._parameters.patience + 1)


class _Prepared:
    """Steps of one phase by computation, each compiled once."""

    def __init__(
        self,
        classifier: Classifier,
        phase: Phase,
        optimizer: keras.optimizers.Optimizer,
        loss: Loss,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self._classifier, self._phase, self._loss, self._strategy = classifier, phase, loss, strategy
        self._optimizer = optimizer
        self._scaling: keras.optimizers.Optimizer | None = None
        self._steps: dict[Computation, TrainSteps] = {}

    def optimizer(self, precision: Precision) -> keras.optimizers.Optimizer:
        """Returns the optimizer; for float16 one around it, whose loss is scaled lest small gradients vanish."""
        if precision != "mixed_float16":
            return self._optimizer
        if self._scaling is None:
            with self._strategy.scope():
                self._scaling = keras.optimizers.LossScaleOptimizer(self._optimizer)
                self._scaling.build(self._phase.model.trainable_variables)
        return self._scaling

    def of(self, computation: Computation) -> tuple[TrainSteps, keras.optimizers.Optimizer]:
        """Returns steps and their optimizer; the classifier computes in their precision from now on."""
        self._classifier.compute_in(computation.precision)
        optimizer = self.optimizer(computation.precision)
        if computation not in self._steps:
            self._steps[computation] = train_steps(
                self._phase.model,
                optimizer,
                self._loss,
                self._strategy,
                xla=computation.xla,
                finished=self._phase.finished,
            )
        return self._steps[computation], optimizer
