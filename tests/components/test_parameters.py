import json
from argparse import ArgumentParser
from typing import Literal, Self

import pytest
from pydantic import BaseModel, Field, model_validator

from components._errors import InputError
from components._parameters import add_flags, expected, from_flags


class Parameters(BaseModel, frozen=True):
    epochs: int = Field(3, ge=0, le=10, description="passes")
    side_px: int = Field(64, ge=32, multiple_of=32, description="side")
    share: float = Field(0.5, gt=0, lt=1, description="100 % is all of %s")
    policy: Literal["none", "light"] = Field("none", description="what to do")
    name: str = Field("", description="of the run")
    renames: dict[str, str] = Field(default_factory=dict, description="from and to")
    flags: list[Literal["dark", "small"]] = Field(default_factory=list, description="of an image")

    @model_validator(mode="after")
    def _few_large_or_many_small(self) -> Self:
        if self.epochs * self.side_px > 640:
            raise ValueError("epochs * side_px: expected at most 640.")
        return self


def _parse(*flags: str) -> Parameters:
    parser = ArgumentParser()
    add_flags(parser, Parameters)
    return from_flags(Parameters, parser.parse_args(flags))


def test_each_field_is_a_flag():
    given = _parse("--epochs", "5", "--side-px=96", "--share", "1e-3", "--policy", "light", "--name", "a b")
    assert given == Parameters(epochs=5, side_px=96, share=0.001, policy="light", name="a b")


def test_objects_and_lists_are_json():
    given = _parse("--renames", '{"küche": "kitchen"}', '--flags=["dark", "small"]')
    assert given == Parameters(renames={"küche": "kitchen"}, flags=["dark", "small"])


def test_what_is_not_json_is_refused():
    with pytest.raises(InputError) as refused:
        _parse("--renames", "{a: b}")
    assert str(refused.value) == ("""--renames: expected JSON, object such as {"from": "to"}. Received: '{a: b}'.""")


def test_a_flag_left_away_has_its_default():
    assert _parse() == Parameters()


def test_help_shows_description_range_and_default(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    parser = ArgumentParser()
    add_flags(parser, Parameters)
    text = parser.format_help()
    assert "--epochs VALUE   passes; int in [0, 10] (default: 3)" in text
    assert "--side-px VALUE  side; int in [32, inf) and a multiple of 32 (default: 64)" in text
    assert "--share VALUE    100 % is all of %s; float in (0, 1) (default: 0.5)" in text
    assert "--policy VALUE   what to do; one of none, light (default: none)" in text
    assert "--flags JSON     of an image; list of any of dark, small (default: [])" in text


@pytest.mark.parametrize(
    ("flag", "value", "range_"),
    [
        ("--epochs", "-1", "int in [0, 10]"),
        ("--epochs", "11", "int in [0, 10]"),
        ("--epochs", "1.5", "int in [0, 10]"),
        ("--epochs", "many", "int in [0, 10]"),
        ("--epochs", "", "int in [0, 10]"),
        ("--side-px", "33", "int in [32, inf) and a multiple of 32"),
        ("--share", "0", "float in (0, 1)"),
        ("--share", "1", "float in (0, 1)"),
        ("--share", "nan", "float in (0, 1)"),
        ("--share", "half", "float in (0, 1)"),
        ("--policy", "Light", "one of none, light"),
        ("--flags", '"dark"', "list of any of dark, small"),
        ("--renames", "[]", 'object such as {"from": "to"}'),
    ],
)
def test_an_error_names_flag_range_and_value(flag, value, range_):
    with pytest.raises(InputError) as refused:
        _parse(f"{flag}={value}")
    received = json.loads(value) if flag in ("--flags", "--renames") else value
    assert str(refused.value) == f"{flag}: expected {range_}. Received: {received!r}."


def test_all_errors_come_at_once():
    with pytest.raises(InputError) as refused:
        _parse("--epochs=11", "--policy=all")
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["--epochs", "--policy"]


def test_a_check_over_several_fields_speaks_for_itself():
    with pytest.raises(InputError) as refused:
        _parse("--epochs=10", "--side-px=96")
    assert str(refused.value) == "epochs * side_px: expected at most 640."


def test_expected_without_bounds_is_the_type():
    assert expected(Parameters.model_fields["name"]) == "str"
