"""Which way of computing a phase's steps, or its features, is fastest here: precision, and compilation by XLA.

Neither can be assumed: on one CPU bfloat16 made training EfficientNetV2-B0 1.9 times faster and MobileNetV2 2.5 times
slower, and XLA made MobileNetV2 8 times slower. So steps are measured, where a phase is long enough for that to pay.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil, inf
from typing import Any, Literal

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
# Runs so many steps, or batches of features, and returns the seconds that they took; the first call compiles.
Run = Callable[[int], float]

# Another way than plain float32 is chosen only if it is so many times faster: less may be noise.
MARGIN = 1.1
# A try whose steps take so many times as long as plain ones ends early.
CUT_OFF = 1.5
# Share of a phase's time that tries may take.
BUDGET = 0.05
_NOT_TRIED = "not tried"
AS_SET = "as set"
# The fewest plain steps that tries take the time of, were nothing to compile: three of the plain way, which are lost
# even if nothing else is tried, three of another up to the cut-off, and a turn of both.
_STEPS_OF_TRIES = 3 + 3 * CUT_OFF + 2
# How often the ways that are left take turns at most, and for how long at least each time.
ROUNDS = 5
_TURN_S = 0.1
# XLA's compilation in times of TensorFlow's tracing: 4 to 8 were measured on a CPU.
_XLA_COMPILATION = 8


@dataclass(frozen=True)
class Computation:
    """How steps are computed.

    Attributes:
        precision: Of the backbone's layers; their variables are float32 always.
        xla: Whether XLA compiles the step.
    """

    precision: Precision = "float32"
    xla: bool = False

    def __str__(self) -> str:
        return f"{self.precision} with XLA" if self.xla else self.precision


@dataclass
class Measured:
    """What has been seen of one computation.

    Attributes:
        computation: Which.
        ms_per_step: Median over the turns that were taken; without any, the fastest of the first steps; None if there
            was none.
        compile_s: What the first step took beyond another one.
        note: Why it was left aside; empty if it was not.
    """

    computation: Computation
    ms_per_step: float | None = None
    compile_s: float | None = None
    note: str = ""

    def __str__(self) -> str:
        figure = f"{self.ms_per_step:.4g} ms a step, compiled in {self.compile_s:.1f} s" if self.ms_per_step else ""
        return f"{self.computation}: {', '.join(filter(None, (figure, self.note)))}"


@dataclass(frozen=True)
class Speed:
    """The choice for a phase, or its features, and what it is based on.

    Attributes:
        computation: The choice.
        reason: For people.
        measured: What was tried; nothing if there was no choice, or too little to do.
    """

    computation: Computation
    reason: str
    measured: tuple[Measured, ...] = field(default=())

    def lines(self) -> list[str]:
        """Returns it for people: what was tried, if anything was, and the choice; nothing where there was none."""
        tried = [str(each) for each in self.measured if not each.note.startswith(_NOT_TRIED)]
        choice = [] if self.reason == AS_SET else [f"computed in {self.computation}: {self.reason}"]
        return [*(tried if len(tried) > 1 else []), *choice]

    def facts(self) -> dict[str, Any]:
        """Returns it as JSON would hold it."""
        measured = [asdict(each.computation) | asdict(each) for each in self.measured]
        for each in measured:
            del each["computation"]
        return asdict(self.computation) | {"reason": self.reason, "measured": measured}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Speed":
        """Reads what `facts` returned."""
        measured = [
            Measured(Computation(each["precision"], each["xla"]), each["ms_per_step"], each["compile_s"], each["note"])
            for each in facts["measured"]
        ]
        return cls(Computation(facts["precision"], facts["xla"]), facts["reason"], tuple(measured))


def candidates(precision: str, xla: str, *, float16: bool, compiles: bool) -> list[Computation]:
    """Returns what the parameters leave to choose from, the plainest first.

    Args:
        precision: A `Precision`, or "auto".
        xla: "on", "off" or "auto".
        float16: Whether the device computes float16 faster than float32.
        compiles: Whether XLA can compile a step here.
    """
    small = ["mixed_bfloat16", "mixed_float16"] if float16 else ["mixed_bfloat16"]
    precisions: Any = ["float32", *small] if precision == "auto" else [precision]
    compiled = {"on": [True], "off": [False], "auto": [False, True] if compiles else [False]}[xla]
    return [Computation(of_layers, by_xla) for by_xla in compiled for of_layers in precisions]


def without_trying(options: Sequence[Computation], steps: int, budget: float = BUDGET) -> Speed | None:
    """Returns the choice where there is a single option, or less to do than tries would take; None elsewhere.

    Args: As of `fastest`.
    """
    if len(options) == 1:
        return Speed(options[0], AS_SET)
    if budget * steps < _STEPS_OF_TRIES:
        return Speed(options[0], f"{steps} steps are too few for trying others to pay")
    return None


def fastest(
    options: Sequence[Computation],
    begin: Callable[[Computation], Run],
    steps: int,
    failures: tuple[type[Exception], ...],
    budget: float = BUDGET,
) -> Speed:
    """Measures computations against each other and chooses the first one unless another is clearly faster.

    Args:
        options: At least one, the one to fall back on first.
        begin: Prepares steps of a computation.
        steps: How many the phase will take at least; decides what may be tried.
        failures: What is raised by a computation that this device lacks something for; passed on of the first option.
        budget: Share of the phase's time that tries may take.

    Returns:
        The choice. Nothing is measured where there is a single option, or less to do than tries would take.
    """
    if choice := without_trying(options, steps, budget):
        return choice
    plain, others = _Try(options[0], begin, ()), [_Try(option, begin, failures) for option in options[1:]]
    plain.compile_and_warm_up(inf)
    phase_s = plain.step_s * steps
    left_s = budget * phase_s
    for trial in others:
        cost_s = trial.expected_cost_s(plain)
        if _hopeless(trial, others):
            trial.seen.note = f"{_NOT_TRIED}: XLA was slow with another precision already"
        elif cost_s > left_s:
            trial.seen.note = f"{_NOT_TRIED}: about {cost_s:.0f} s, of {left_s:.1f} s left to try in"
        else:
            left_s -= trial.compile_and_warm_up(CUT_OFF * plain.step_s)
    tried = [trial for trial in others if trial.seen.ms_per_step or trial.failed]
    left = [trial for trial in (plain, *tried) if not trial.seen.note]
    if not _is_clear(left):
        _take_turns(left, left_s)
    seen = tuple(trial.seen for trial in (plain, *others))
    if not tried:
        reason = f"the phase takes about {phase_s:.0f} s, too little for trying others to pay"
        return Speed(options[0], reason, seen)
    best = min(left, key=lambda trial: trial.step_s)
    ratio = plain.step_s / best.step_s
    if best is plain or ratio < MARGIN:
        return Speed(options[0], f"nothing that was tried is {MARGIN} times as fast", seen)
    return Speed(best.seen.computation, f"{ratio:.2f} times as fast as {options[0]}", seen)


class _Try:
    """One computation under way."""

    def __init__(
        self, computation: Computation, begin: Callable[[Computation], Run], failures: tuple[type[Exception], ...]
    ) -> None:
        self.seen, self._begin, self._failures = Measured(computation), begin, failures
        self.step_s, self.failed = inf, False
        self.run: Run

    def expected_cost_s(self, plain: "_Try") -> float:
        """Returns what the try will take: compilation, the first steps, and one turn of both."""
        compilation_s = (plain.seen.compile_s or 0) * (_XLA_COMPILATION if self.seen.computation.xla else 1)
        turn_s = plain.step_s * _steps_of_turn(plain.step_s)
        return compilation_s + 3 * CUT_OFF * plain.step_s + 2 * turn_s

    def compile_and_warm_up(self, limit_s: float) -> float:
        """Takes up to three steps, of which the first compiles, and returns the seconds of all.

        The second is slower than what follows, often by half, and so is held to the double of the limit only.
        """
        try:
            self.run = self._begin(self.seen.computation)
            times_s = [self.run(1), self.run(1)]
            if times_s[-1] <= 2 * limit_s:
                times_s.append(self.run(1))
        except self._failures as error:
            self.seen.note, self.failed = f"does not run here: {str(error).splitlines()[0][:200]}", True
            return 0.0
        self.settle(times_s[1:], min)
        self.seen.compile_s = round(max(0.0, times_s[0] - self.step_s), 2)
        if self.step_s > limit_s:
            self.seen.note = f"ended early: more than {CUT_OFF} times the time of plain steps"
        return sum(times_s)

    def settle(self, steps_s: Sequence[float], typical: Callable[[Sequence[float]], float]) -> None:
        """Takes over what is typical of some steps."""
        self.step_s = typical(steps_s)
        self.seen.ms_per_step = round(1000 * self.step_s, 3)


def _hopeless(trial: _Try, others: Sequence[_Try]) -> bool:
    """Says whether a try of XLA repeats one that was ended early or failed."""
    return trial.seen.computation.xla and any(
        other.seen.computation.xla and (other.failed or (other.seen.ms_per_step and other.seen.note))
        for other in _before(trial, others)
    )


def _before(trial: _Try, others: Sequence[_Try]) -> Iterator[_Try]:
    for other in others:
        if other is trial:
            return
        yield other


def _is_clear(trials: Sequence[_Try]) -> bool:
    """Says whether one is so much faster than all others that the first steps suffice to tell."""
    best, *others = sorted(trial.step_s for trial in trials)
    return all(other > CUT_OFF * best for other in others)


def _take_turns(trials: Sequence[_Try], most_s: float) -> None:
    """Measures in turns, for what else the machine does to fall on all alike; once, and again while there is time."""
    steps = max(_steps_of_turn(trial.step_s) for trial in trials)
    round_s = steps * sum(trial.step_s for trial in trials)
    rounds = min(ROUNDS, max(1, int(most_s / round_s)))
    times_s = [[trial.run(steps) / steps for trial in trials] for _ in range(rounds)]
    for trial, of_trial in zip(trials, zip(*times_s, strict=True), strict=True):
        trial.settle(of_trial, statistics.median)


def _steps_of_turn(step_s: float) -> int:
    return max(1, ceil(_TURN_S / step_s))
