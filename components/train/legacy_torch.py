"""Reads a state dict out of PyTorch's legacy file format, without PyTorch.

The format (`torch.serialization._legacy_save`): four pickles (magic number, protocol version, system
information, the object), the storages' keys as a fifth, then each storage as an int64 element count and
little-endian elements. The unpickler below resolves two names and refuses all others, so that a file can't
run code.
"""

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components._errors import InputError

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Array = NDArray[Any]


def read_state_dict(file: Path) -> dict[str, Array]:
    """Reads every tensor of a legacy `torch.save` file.

    Args:
        file: Written by `torch.save(state_dict)` before PyTorch 1.6.

    Returns:
        Arrays by parameter name, float32 or int64, in PyTorch's own layout.

    Raises:
        InputError: If the file is of another format or names anything but tensors.
    """
    with file.open("rb") as stream:
        try:
            return _read(stream)
        except Exception as error:  # pickle's documentation: UnpicklingError and others, "not necessarily limited to"
            raise InputError(
                f"{file}: expected tensors in PyTorch's legacy file format (before version 1.6). Received: {error!r}."
            ) from error


def _read(stream: BufferedReader) -> dict[str, Array]:
    if (number := _TensorUnpickler(stream).load()) != _MAGIC_NUMBER:
        raise ValueError(f"magic number {number!r}")
    for _header in ("protocol version", "system information"):
        _TensorUnpickler(stream).load()
    unpickler = _TensorUnpickler(stream)
    tensors: dict[str, _Tensor] = unpickler.load()
    storages = _read_storages(stream, unpickler.dtypes)
    return {name: tensor.array(storages) for name, tensor in tensors.items()}


class _Tensor:
    """A view on a storage, resolved once the storages have been read."""

    def __init__(self, key: str, offset: int, shape: Sequence[int], strides: Sequence[int], *_: object) -> None:
        self.key, self.offset, self.shape, self.strides = key, offset, shape, strides

    def array(self, storages: dict[str, Array]) -> Array:
        storage = storages[self.key]
        strides = [stride * storage.itemsize for stride in self.strides]
        return np.ndarray(self.shape, storage.dtype, storage, self.offset * storage.itemsize, strides).copy()


class _TensorUnpickler(pickle.Unpickler):
    def __init__(self, stream: BufferedReader) -> None:
        super().__init__(stream)
        self.dtypes: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the base class
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"a reference to {module}.{name}")

    def persistent_load(self, pid: tuple[str, str, str, str, int, object]) -> str:
        """Notes a storage's element type; a tensor refers to the storage by its key."""
        _, storage_type, key, *_ = pid
        self.dtypes[key] = _DTYPES[storage_type]
        return key


def _read_storages(stream: BufferedReader, dtypes: dict[str, np.dtype[Any]]) -> dict[str, Array]:
    storages = {}
    for key in _TensorUnpickler(stream).load():
        count = int.from_bytes(stream.read(8), "little")
        storages[key] = np.frombuffer(stream.read(count * dtypes[key].itemsize), dtypes[key])
    return storages
