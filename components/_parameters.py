"""Parameters of a step: one pydantic model gives the flags, their help, their checks and their errors."""

from argparse import ArgumentParser, Namespace
from typing import Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from components._errors import InputError

P = TypeVar("P", bound=BaseModel)


def expected(field: FieldInfo) -> str:
    """Returns what a field takes, for people: `int in [1, 64]`, `one of none, light`."""
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(field.annotation))
    bounds = [_bound(constraint) for constraint in field.metadata]
    name = getattr(field.annotation, "__name__", str(field.annotation))
    return " ".join([name, *filter(None, [_interval(field)]), *filter(None, bounds)])


def _interval(field: FieldInfo) -> str:
    lower = upper = ""
    for constraint in field.metadata:
        match constraint:
            case Ge(ge=value):
                lower = f"[{value}"
            case Gt(gt=value):
                lower = f"({value}"
            case Le(le=value):
                upper = f"{value}]"
            case Lt(lt=value):
                upper = f"{value})"
    return f"in {lower or '(-inf'}, {upper or 'inf)'}" if lower or upper else ""


def _bound(constraint: object) -> str:
    return f"and a multiple of {constraint.multiple_of}" if isinstance(constraint, MultipleOf) else ""


def add_flags(parser: ArgumentParser, parameters: type[BaseModel]) -> None:
    """Adds a flag for each field: `head_epochs` becomes `--head-epochs`."""
    for name, field in parameters.model_fields.items():
        parser.add_argument(
            _flag(name),
            default=field.default,
            metavar="VALUE",
            help=f"{field.description}; {expected(field)} (default: {field.default})".replace("%", "%%"),
        )


def from_flags(parameters: type[P], flags: Namespace) -> P:
    """Checks the flags that `add_flags` added.

    Raises:
        InputError: If a value is of the wrong type or out of its range; names the flag, the range and
            what came.
    """
    values = {name: getattr(flags, name) for name in parameters.model_fields}
    try:
        return parameters.model_validate(values)
    except ValidationError as error:
        raise InputError("\n".join(_message(parameters, details) for details in error.errors())) from error


def _message(parameters: type[BaseModel], details: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    if not details["loc"]:
        return str(details["msg"]).removeprefix("Value error, ")
    name = str(details["loc"][0])
    return f"{_flag(name)}: expected {expected(parameters.model_fields[name])}. Received: {details['input']!r}."


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
