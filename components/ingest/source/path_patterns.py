"""What a file's path says of it: its class, and the group that the user wants kept together."""

import re
from collections.abc import Callable

from components._errors import InputError
from components.ingest.source.names import nfc

PLACEHOLDER = "{class}"

# From a path to what it says; None if it says nothing.
Reading = Callable[[str], str | None]


def class_reading(pattern: str) -> Reading:
    """Compiles a class pattern.

    `{class}` stands for the class, `*` for any text within one name, `**` for any number of folders, also none; at
    the end `**` stands for the file and any folders above it. All else stands for itself. The class may be part of
    a name, as in `{class}_*.jpg`; it then is as long as it can be, `living_room` in `living_room_1.jpg`.

    Args:
        pattern: Of whole paths inside the source, `**/{class}/*` for example.

    Returns:
        From a path to its class in Unicode NFC, or to None if the path is not of this pattern.

    Raises:
        InputError: If `{class}` is not in the pattern exactly once, or `**` is part of a name.
    """
    *folders, name = nfc(pattern).split("/")
    if pattern.count(PLACEHOLDER) != 1 or "" in (*folders, name) or any(_is_mixed(part) for part in (*folders, name)):
        raise InputError(
            f"--class-pattern: expected a path such as **/{PLACEHOLDER}/*, with {PLACEHOLDER} exactly once, no empty "
            f"name, and ** only as a whole name. Received: {pattern!r}."
        )
    expression = re.compile("".join(map(_folder, folders)) + _file(name), re.DOTALL)

    def class_of(path: str) -> str | None:
        match = expression.fullmatch(nfc(path))
        return match["label"] if match else None

    return class_of


def group_reading(pattern: str) -> Reading:
    """Compiles a group pattern.

    Args:
        pattern: A regular expression, searched for in the path; empty for no groups.

    Returns:
        From a path to the text of the pattern's first group that took part, or of the whole match if the pattern
        has no groups, in Unicode NFC; None if there is no match, or that text is empty.

    Raises:
        InputError: If it is not a regular expression.
    """
    try:
        expression = re.compile(nfc(pattern))
    except re.error as error:
        raise InputError(
            "--group-pattern: expected a regular expression of Python's, listing-(\\d+) for example. "
            f"Received: {pattern!r}: {error}."
        ) from error

    def group_of(path: str) -> str | None:
        match = expression.search(nfc(path))
        if not match:
            return None
        return next(filter(None, match.groups()), None) if expression.groups else match[0] or None

    return group_of


def _is_mixed(name: str) -> bool:
    return "**" in name and name != "**"


def _folder(name: str) -> str:
    return "(?:[^/]+/)*" if name == "**" else f"{_name(name)}/"


def _file(name: str) -> str:
    return ".+" if name == "**" else _name(name)


def _name(name: str) -> str:
    expressions = {PLACEHOLDER: "(?P<label>[^/]+)", "*": "[^/]*"}
    return "".join(expressions.get(part) or re.escape(part) for part in re.split(r"(\*|\{class\})", name))
