"""From class folders to classes: renamed, merged, ignored, unknown."""

import difflib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from components._errors import InputError
from components._text import visible
from components.ingest.parameters import IngestParameters
from components.ingest.source.names import nfc

OTHER = "other"
CLASS_MAP_FILE = "class_map.json"  # beside the shards


@dataclass(frozen=True)
class ClassMap:
    """What becomes of the class folders. Counts are of files that should be images.

    Attributes:
        label_of: Class by folder, without ignored folders.
        renamed: (folder, class, number of files) for each folder that `class_map` renames or merges.
        ignored: Number of files by folder.
        unknown: Number of files by class, for classes outside `class_names`; they are in `other`.
        unused: What was asked for and met nothing, a line each: most often a typing error.
    """

    label_of: dict[str, str]
    renamed: list[tuple[str, str, int]]
    ignored: dict[str, int]
    unknown: dict[str, int]
    unused: list[str]


_CLASS_MAP = TypeAdapter(ClassMap)


def map_classes(files: Mapping[str, int], parameters: IngestParameters) -> ClassMap:
    """Decides what becomes of each class folder.

    Names are compared exactly, in Unicode NFC. `class_map` is applied once, so that two classes can swap names.

    Args:
        files: Number of files that should be images by folder, in Unicode NFC; 0 for a folder of other files.
        parameters: What the user asks for.

    Returns:
        What becomes of each.

    Raises:
        InputError: If a class is outside `class_names` and that is an error, or a class's name is empty.
    """
    renames = {nfc(folder): nfc(name) for folder, name in parameters.class_map.items()}
    known = {nfc(name) for name in parameters.class_names}
    patterns = [nfc(pattern) for pattern in parameters.ignored_folders]
    if "" in (*renames.values(), *known):
        raise InputError(
            "--class-map, --class-names: expected names of classes, received an empty one. "
            "To leave a folder away, name it in --ignored-folders."
        )
    ignored = {folder: count for folder, count in files.items() if any(fnmatchcase(folder, p) for p in patterns)}
    class_of = {folder: renames.get(folder, folder) for folder in files if folder not in ignored}
    found = Counter[str]()
    for folder, name in class_of.items():
        found[name] += files[folder]
    unknown = {name: count for name, count in found.items() if known and count and name not in known}
    if unknown and parameters.unknown_classes == "error":
        raise InputError(_unknown_message(unknown, known))
    return ClassMap(
        label_of={folder: OTHER if name in unknown else name for folder, name in class_of.items()},
        renamed=[(folder, name, files[folder]) for folder, name in class_of.items() if name != folder],
        ignored=ignored,
        unknown=unknown,
        unused=[
            *_unused("--ignored-folders", (p for p in patterns if not any(fnmatchcase(f, p) for f in files)), files),
            *_unused("--class-map", (folder for folder in renames if folder not in files), files),
            *_unused("--class-names", sorted(known - found.keys()), found),
        ],
    )


def write_class_map(folder: Path, classes: ClassMap) -> None:
    """Writes what became of the class folders beside the shards."""
    text = json.dumps(asdict(classes), ensure_ascii=False, indent=2)
    (folder / CLASS_MAP_FILE).write_text(text + "\n", encoding="utf-8")


def read_class_map(folder: Path) -> ClassMap:
    """Reads what became of the class folders.

    Raises:
        InputError: If the file is missing or says something else.
    """
    try:
        return _CLASS_MAP.validate_json((folder / CLASS_MAP_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            f"{folder / CLASS_MAP_FILE}: expected what ingest says of the class folders. {error}. "
            "Copy the whole folder, or run ingest again with this version of Scenery."
        ) from error


def _unused(flag: str, names: Iterable[str], found: Collection[str]) -> list[str]:
    return [f"{flag}: {name!r} meets nothing.{_nearest(name, found)}" for name in names]


def _unknown_message(unknown: Mapping[str, int], known: Collection[str]) -> str:
    lines = [f"\n  {name!r}: {count} files.{_nearest(name, known)}" for name, count in sorted(unknown.items())]
    names = ", ".join(map(visible, sorted(known)))
    return (
        f"--class-names: expected no other classes than {names}. Found:{''.join(lines)}\n"
        "Rename them with --class-map, leave them away with --ignored-folders, add them to --class-names, or merge "
        "them with --unknown-classes other."
    )


def _nearest(name: str, names: Collection[str]) -> str:
    matches = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""
