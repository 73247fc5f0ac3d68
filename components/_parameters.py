"""Parameters of a step: one pydantic model gives the flags, their help, their checks and their errors."""

import difflib
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from components._errors import InputError

P = TypeVar("P", bound=BaseModel)


def expected(field: FieldInfo) -> str:
    """Returns what a field takes, for people: `int in [1, 64]`, `one of none, light`, `int in [1, 64] or auto`."""
    if get_origin(field.annotation) in (Union, UnionType):
        return " or ".join(_alternative(alternative) for alternative in get_args(field.annotation))
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(field.annotation))
    if _is_collection(field):
        return _collection(field)
    bounds = [_bound(constraint) for constraint in field.metadata]
    name = getattr(field.annotation, "__name__", str(field.annotation))
    return " ".join([name, *filter(None, [_interval(field)]), *filter(None, bounds)])


def _alternative(annotation: Any) -> str:  # noqa: ANN401 - any type
    return expected(FieldInfo.from_annotation(annotation)).removeprefix("one of ")


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


def _is_collection(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (dict, list)


def _collection(field: FieldInfo) -> str:
    if get_origin(field.annotation) is dict:
        return 'object such as {"from": "to"}'
    (item,) = get_args(field.annotation)
    return f"list of any of {', '.join(get_args(item))}" if get_origin(item) is Literal else 'list such as ["a", "b"]'


def add_flags(parser: ArgumentParser, parameters: type[BaseModel]) -> None:
    """Adds a flag for each field: `head_epochs` becomes `--head-epochs`; lists and objects are given as JSON."""
    for name, field in parameters.model_fields.items():
        default = field.get_default(call_default_factory=True)
        parser.add_argument(
            _flag(name),
            default=json.dumps(default) if _is_collection(field) else default,
            metavar="JSON" if _is_collection(field) else "VALUE",
            help=f"{field.description}; {expected(field)} (default: {default})".replace("%", "%%"),
        )


def from_flags(parameters: type[P], flags: Namespace) -> P:
    """Checks the flags that `add_flags` added.

    Raises:
        InputError: If a value is not JSON where it has to be, of the wrong type or out of its range; names the
            flag, the range and what came.
    """
    fields = parameters.model_fields.items()
    return checked(parameters, {name: _value(name, field, getattr(flags, name)) for name, field in fields}, _flag)


def checked(parameters: type[P], values: Mapping[str, Any], shown: Callable[[str], str] = str) -> P:
    """Checks values against the parameters' types and ranges.

    Args:
        parameters: What there is to set.
        values: By name of the parameter; the default holds where there is none.
        shown: Returns how people know a parameter: its flag, or the file that sets it.

    Raises:
        InputError: One line a wrong parameter, with its range or the nearest known name.
    """
    try:
        return parameters.model_validate(values)
    except ValidationError as error:
        lines = [_complaint(parameters, details, shown) for details in error.errors()]
        raise InputError("\n".join(dict.fromkeys(lines))) from error


def _complaint(parameters: type[BaseModel], details: Any, shown: Callable[[str], str]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    if not details["loc"]:
        return str(details["msg"]).removeprefix("Value error, ")
    name = str(details["loc"][0])
    if name not in parameters.model_fields:
        return f"{shown(name)}: no such parameter.{nearest(name, parameters.model_fields)}"
    return f"{shown(name)}: expected {expected(parameters.model_fields[name])}. Received: {details['input']!r}."


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a sentence with the known name that is most like a mistyped one."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0)
    return f" The nearest is {matches[0]!r}." if matches else ""


def _value(name: str, field: FieldInfo, text: Any) -> Any:  # noqa: ANN401 - what argparse holds
    if not _is_collection(field):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{_flag(name)}: expected JSON, {expected(field)}. Received: {text!r}.") from error


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
