"""A manifest: a .csv or .jsonl that names images by URI, with their class and, if wanted, their group."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from components._errors import InputError
from components._objects import is_remote, without_query
from components._text import visible

MANIFEST_SUFFIXES = (".csv", ".jsonl")

_PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """An image as a manifest names it.

    Attributes:
        uri: As it stands there.
        location: The same as an absolute URI, or a path from where this process is.
        label: Its class.
        group: The user's own group, empty for none; None where the manifest has no such column.
    """

    uri: str
    location: str
    label: str
    group: str | None


class _ProblemError(ValueError):
    """What is wrong with a line."""


def read_manifest(data: bytes, manifest: str, *, as_json: bool) -> Iterator[ManifestRow]:
    """Reads a manifest, row by row.

    Args:
        data: Its content, UTF-8. A .csv begins with a header that has `uri`, `label` and, if wanted, `group` among
            its columns; a .jsonl has an object with these keys in each line. Whatever else is there is ignored.
        manifest: Its own path or URI; other paths count from where it lies, and are never percent-encoded.
        as_json: Whether it is a .jsonl.

    Yields:
        Its rows, in order.

    Raises:
        InputError: In the end, if lines cannot be used; names the first few.
    """
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="\n" if as_json else "")
    lines: Iterator[tuple[int, Any]] = _json_lines(text) if as_json else _csv_lines(text, manifest)
    number_of_rows, problems = 0, []
    try:
        for number, line in lines:
            number_of_rows += 1
            try:
                row = _row(_json_cells(line) if as_json else _csv_cells(line), manifest)
            except _ProblemError as problem:
                problems.append(f"line {number}{problem}")
            else:
                yield row
    except UnicodeDecodeError as error:
        raise _not_utf8(data, manifest) from error
    if problems:
        raise _unusable(manifest, problems, number_of_rows)


def _not_utf8(data: bytes, manifest: str) -> InputError:
    lines = enumerate(io.BytesIO(data), 1)
    line = next(number for number, text in lines if text.decode(errors="ignore").encode() != text)
    return InputError(f"--source {manifest}: expected UTF-8, but line {line} is not. Save it as UTF-8.")


def _csv_lines(text: TextIO, manifest: str) -> Iterator[tuple[int, dict[str | None, Any]]]:
    reader = csv.DictReader(text, skipinitialspace=True, strict=True)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        if any(reader.fieldnames.count(name) != 1 for name in ("uri", "label")):
            raise InputError(
                f"--source {manifest}: expected a first line that names the columns uri, label and, if wanted, group, "
                f"with commas between them. Received: {', '.join(map(visible, reader.fieldnames)) or 'nothing'}."
            )
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise _unusable(manifest, [f"line {reader.line_num + 1}: {error}"]) from error


def _csv_cells(cells: dict[str | None, Any]) -> dict[str | None, Any]:
    if None in cells:  # where csv puts what is beyond the header
        raise _ProblemError(": more values than columns; text with a comma belongs in quotes")
    return cells


def _json_lines(text: TextIO) -> Iterator[tuple[int, str]]:
    # Its lines end with \n alone: JSON may hold other line ends inside of text.
    return ((number, line) for number, line in enumerate(text, 1) if line.strip())


def _json_cells(line: str) -> dict[str | None, Any]:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _ProblemError(f": not JSON: {error}") from error
    if not isinstance(cells, dict):
        raise _ProblemError(': expected an object such as {"uri": "1.jpg", "label": "kitchen"}')
    return cells


def _row(cells: dict[str | None, Any], manifest: str) -> ManifestRow:
    uri, label = _cell(cells, "uri"), _cell(cells, "label").strip()
    for column, value in (("uri", uri), ("label", label)):
        if not value:
            raise _ProblemError(f", column {column}: empty")
    group = _cell(cells, "group").strip() if "group" in cells else None
    return ManifestRow(uri, _location(uri, manifest), label, group)


def _cell(cells: dict[str | None, Any], column: str) -> str:
    value = "" if cells.get(column) is None else cells[column]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _ProblemError(f", column {column}: expected text. Received: {value!r}")
    text = str(value)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _ProblemError(f", column {column}: not Unicode. Received: {text!r}")
    return text


def _location(uri: str, manifest: str) -> str:
    if is_remote(uri):
        return uri
    if "://" in uri:
        raise _ProblemError(f", column uri: expected gs://, s3://, https:// or a path. Received: {uri!r}")
    if not is_remote(manifest):
        return str(Path(manifest).parent / uri)
    if uri.startswith("/"):
        raise _ProblemError(f", column uri: a manifest elsewhere cannot name files of this machine. Received: {uri!r}")
    # A path names a file as it is called there, but #, % and ? mean something else in a web address.
    path = quote(uri) if manifest.startswith(("https://", "http://")) else uri
    return f"{without_query(manifest).rpartition('/')[0]}/{path}"


def _unusable(manifest: str, problems: list[str], lines: int | None = None) -> InputError:
    of_lines = f" of {lines}" if lines else ""
    shown = "".join(f"\n  {problem}" for problem in problems[:_PROBLEMS_SHOWN])
    more = f"\n  and {len(problems) - _PROBLEMS_SHOWN} more" * (len(problems) > _PROBLEMS_SHOWN)
    return InputError(
        f"--source {manifest}: expected an image's uri and label in every line, but {len(problems)}{of_lines} "
        f"cannot be used; correct or remove them:{shown}{more}"
    )
