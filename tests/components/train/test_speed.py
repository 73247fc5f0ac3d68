"""The choice of precision and compilation, on times that are made up."""

from collections.abc import Mapping

import pytest

from components.train.speed import BUDGET, Computation, Speed, candidates, fastest

PLAIN, BF16, FP16 = Computation(), Computation("mixed_bfloat16"), Computation("mixed_float16")
PLAIN_XLA, BF16_XLA = Computation("float32", xla=True), Computation("mixed_bfloat16", xla=True)
MANY = 100_000


class MissingError(Exception):
    """What a device without something raises."""


class Device:
    """Takes as long for the steps of a computation as it is told to: (compilation, one step) in seconds."""

    def __init__(self, times_s: Mapping[Computation, tuple[float, float]]):
        self._times_s, self.steps, self.spent_s = times_s, dict.fromkeys(times_s, 0), dict.fromkeys(times_s, 0.0)

    def begin(self, computation: Computation):
        if computation not in self._times_s:
            raise MissingError(f"no {computation}\nand more")
        compile_s, step_s = self._times_s[computation]

        def run(number: int) -> float:
            seconds = number * step_s + (0 if self.steps[computation] else compile_s)
            self.steps[computation] += number
            self.spent_s[computation] += seconds
            return seconds

        return run


def choose(times_s, options=(PLAIN, BF16, PLAIN_XLA, BF16_XLA), steps=MANY) -> tuple[Speed, Device]:
    device = Device(times_s)
    return fastest(options, device.begin, steps, (MissingError,)), device


def notes(speed: Speed) -> dict[Computation, str]:
    return {each.computation: each.note for each in speed.measured}


def test_what_is_clearly_faster_is_chosen():
    speed, _ = choose({PLAIN: (2, 0.2), BF16: (3, 0.1), PLAIN_XLA: (20, 0.15), BF16_XLA: (20, 0.08)})
    assert speed.computation == BF16_XLA
    assert speed.reason == "2.50 times as fast as float32"
    assert [each.ms_per_step for each in speed.measured] == [200, 100, 150, 80]
    assert [each.compile_s for each in speed.measured] == [2, 3, 20, 20]


@pytest.mark.parametrize(("step_s", "chosen"), [(0.0920, PLAIN), (0.0905, BF16)])
def test_less_than_a_tenth_is_not_clear(step_s, chosen):
    speed, _ = choose({PLAIN: (2, 0.1), BF16: (2, step_s)}, [PLAIN, BF16])
    assert speed.computation == chosen


def test_what_is_slow_is_not_tried_for_long():
    times_s = {PLAIN: (2, 0.2), BF16: (3, 0.5), PLAIN_XLA: (20, 1.6), BF16_XLA: (20, 0.01)}
    speed, device = choose(times_s)
    assert speed.computation == PLAIN
    assert device.steps == {PLAIN: 3, BF16: 3, PLAIN_XLA: 2, BF16_XLA: 0}
    assert notes(speed)[BF16] == notes(speed)[PLAIN_XLA] == "ended early: more than 1.5 times the time of plain steps"
    assert notes(speed)[BF16_XLA] == "not tried: XLA was slow with another precision already"


def test_what_the_device_lacks_is_left_aside():
    speed, _ = choose({PLAIN: (2, 0.2), PLAIN_XLA: (20, 0.1)})
    assert speed.computation == PLAIN_XLA
    assert notes(speed)[BF16] == "does not run here: no mixed_bfloat16"
    assert speed.measured[1].ms_per_step is None


def test_what_the_plain_way_lacks_is_an_error():
    with pytest.raises(MissingError):
        choose({BF16: (1, 1)})


def test_in_a_short_phase_nothing_is_tried():
    speed, device = choose({PLAIN: (2, 0.2), BF16: (2, 0.01)}, [PLAIN, BF16], steps=190)
    assert speed.computation == PLAIN
    assert speed.reason == "the phase takes about 38 s, too little for trying others to pay"
    assert device.steps == {PLAIN: 3, BF16: 0}
    assert speed.lines() == [f"computed in float32: {speed.reason}"]


def test_steps_that_are_fewer_than_tries_would_take_are_not_even_measured():
    speed, device = choose({PLAIN: (0, 0.2), BF16: (0, 0.01)}, [PLAIN, BF16], steps=189)
    assert speed == Speed(PLAIN, "189 steps are too few for trying others to pay")
    assert device.steps == {PLAIN: 0, BF16: 0}


def test_first_steps_that_are_clear_suffice():
    speed, device = choose({PLAIN: (2, 0.2), BF16: (2, 0.1)}, [PLAIN, BF16])
    assert speed.computation == BF16
    assert device.steps == {PLAIN: 3, BF16: 3}


@pytest.mark.parametrize(("steps", "turns"), [(400, 3), (2000, 5)])
def test_turns_are_taken_while_there_is_time(steps, turns):
    _, device = choose({PLAIN: (2, 0.2), BF16: (2, 0.19)}, [PLAIN, BF16], steps=steps)
    assert device.steps == {PLAIN: 3 + turns, BF16: 3 + turns}


def test_a_larger_budget_makes_shorter_phases_try():
    device = Device({PLAIN: (2, 0.2), BF16: (2, 0.1)})
    assert fastest([PLAIN, BF16], device.begin, 60, (), budget=0.5).computation == BF16


@pytest.mark.parametrize("steps", [200, 300, 1000, 3000, 10_000])
def test_tries_take_their_share_of_the_phase_at_most(steps):
    times_s = {PLAIN: (2, 0.2), BF16: (2, 0.15), PLAIN_XLA: (16, 0.15), BF16_XLA: (16, 0.1)}
    speed, device = choose(times_s, steps=steps)
    compiled_and_measured_s = 2 + 3 * 0.2  # as the phase itself would
    assert sum(device.spent_s.values()) - compiled_and_measured_s <= BUDGET * steps * 0.2
    assert speed.computation == {200: PLAIN, 300: PLAIN, 1000: BF16, 3000: BF16}.get(steps, BF16_XLA)


def test_short_steps_are_measured_several_at_a_time():
    _, device = choose({PLAIN: (0.1, 0.001), BF16: (0.1, 0.001)}, [PLAIN, BF16])
    assert device.steps[BF16] == 3 + 5 * 100


def test_a_single_way_is_not_measured():
    speed = fastest([BF16], Device({}).begin, MANY, ())
    assert (speed.computation, speed.measured, speed.lines()) == (BF16, (), [])


def test_facts_are_read_back():
    speed, _ = choose({PLAIN: (2, 0.2), PLAIN_XLA: (20, 0.1)})
    assert Speed.of(speed.facts()) == speed
    assert speed.facts()["measured"][0] == {
        "precision": "float32", "xla": False, "ms_per_step": 200.0, "compile_s": 2.0, "note": "",
    }  # fmt: skip


def test_lines_tell_what_was_tried():
    speed, _ = choose({PLAIN: (2, 0.2), PLAIN_XLA: (20, 0.1)})
    assert speed.lines() == [
        "float32: 200 ms a step, compiled in 2.0 s",
        "mixed_bfloat16: does not run here: no mixed_bfloat16",
        "float32 with XLA: 100 ms a step, compiled in 20.0 s",
        "mixed_bfloat16 with XLA: does not run here: no mixed_bfloat16 with XLA",
        "computed in float32 with XLA: 2.00 times as fast as float32",
    ]


@pytest.mark.parametrize(
    ("precision", "xla", "float16", "compiles", "options"),
    [
        ("auto", "auto", False, True, [PLAIN, BF16, PLAIN_XLA, BF16_XLA]),
        ("auto", "off", True, True, [PLAIN, BF16, FP16]),
        ("auto", "auto", False, False, [PLAIN, BF16]),
        ("float32", "auto", True, True, [PLAIN, PLAIN_XLA]),
        ("mixed_float16", "off", False, True, [FP16]),
        ("mixed_bfloat16", "on", False, True, [BF16_XLA]),
    ],
)
def test_candidates(precision, xla, float16, compiles, options):
    assert candidates(precision, xla, float16=float16, compiles=compiles) == options
