"""Files in PyTorch's legacy format made by hand, good and bad."""

import os
import pickle
import struct

import numpy as np
import pytest

from components._errors import InputError
from components.train.legacy_torch import read_state_dict

# Pickles of protocol 0, as text; `persistent` refers to a storage, `tensor` is a view on it.
HEADER = b"L119547037146038801333356L\n." + b"I1001\n." + b"(dV protocol\nI1\ns."


def persistent(storage_type: str, key: str, count: int) -> str:
    return f"(Vstorage\nctorch\n{storage_type}\nV{key}\nVcpu\nI{count}\nNtQ"


def tensor(storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> str:
    numbers = ["(" + "".join(f"I{number}\n" for number in numbers) + "t" for numbers in (shape, strides)]
    hooks = "ccollections\nOrderedDict\n)R"
    return f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{''.join(numbers)}I00\n{hooks}tR"


def state_dict(tensors: dict[str, str]) -> bytes:
    return ("ccollections\nOrderedDict\n)R(" + "".join(f"V{k}\n{t}" for k, t in tensors.items()) + "u.").encode()


def storages(of_key: dict[str, np.ndarray]) -> bytes:
    elements = b"".join(struct.pack("<q", len(array)) + array.tobytes() for array in of_key.values())
    return pickle.dumps(list(of_key), protocol=2) + elements


WEIGHTS = persistent("FloatStorage", "7", 8)
TENSORS = {
    "whole": tensor(WEIGHTS, 0, (2, 4), (4, 1)),
    "transposed": tensor(WEIGHTS, 2, (2, 3), (1, 2)),
    "scalar": tensor(persistent("LongStorage", "9", 1), 0, (), ()),
}
STORAGES = storages({"7": np.arange(8, dtype="<f4") / 2, "9": np.array([2**40], "<i8")})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.pth"


def test_tensors_are_views_on_storages(file):
    file.write_bytes(HEADER + state_dict(TENSORS) + STORAGES)
    state = read_state_dict(file)
    assert list(state) == ["whole", "transposed", "scalar"]
    np.testing.assert_array_equal(state["whole"], np.array([[0, 0.5, 1, 1.5], [2, 2.5, 3, 3.5]], np.float32))
    np.testing.assert_array_equal(state["transposed"], [[1, 2, 3], [1.5, 2.5, 3.5]])
    assert (state["whole"].dtype, state["scalar"].dtype, state["scalar"].shape) == (np.float32, np.int64, ())
    assert state["scalar"] == 2**40


def test_a_file_cut_anywhere_is_refused(file):
    whole = HEADER + state_dict(TENSORS) + STORAGES
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="expected tensors in PyTorch's legacy file format"):
            read_state_dict(file)


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("position", ["magic number", "header", "object"])
@pytest.mark.parametrize("function", [os.mkdir, eval, pickle.loads, np.zeros])
def test_code_in_a_file_is_not_run(file, tmp_path, position, function):
    arguments = {eval: f"__import__('os').mkdir({str(tmp_path / 'ran')!r})", np.zeros: 3}
    call = pickle.dumps(Call(function, arguments.get(function, str(tmp_path / "ran"))), protocol=2)
    before = {"magic number": b"", "header": HEADER.split(b".")[0] + b".", "object": HEADER}[position]
    file.write_bytes(before + call + STORAGES)
    with pytest.raises(InputError, match=f"a reference to .*{function.__name__}"):
        read_state_dict(file)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "name", ["torch\nload", "torch._utils\n_rebuild_tensor", "collections\ndefaultdict", "torch\nHalfStorage"]
)
def test_only_tensors_and_their_storages_have_a_meaning(file, name):
    file.write_bytes(HEADER + f"c{name}\n.".encode() + STORAGES)
    with pytest.raises(InputError, match="a reference to " + name.replace("\n", r"\.")):
        read_state_dict(file)


@pytest.mark.parametrize("view", [(1, (2, 4), (4, 1)), (0, (3, 4), (4, 1)), (-1, (1,), (1,)), (0, (2,), (-1,))])
def test_a_view_beyond_its_storage_is_refused(file, view):
    file.write_bytes(HEADER + state_dict({"w": tensor(WEIGHTS, *view)}) + STORAGES)
    with pytest.raises(InputError, match="Received: "):
        read_state_dict(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 as written since PyTorch 1.6",
        bytes(range(256)),
        b"\x80\x02}.",
        b"I1\n.",
        b"\x89PNG\r\n",
        b"text\n" * 9,
    ],
)
def test_other_files_are_refused(file, content):
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.pth: expected tensors in PyTorch's legacy file format"):
        read_state_dict(file)
