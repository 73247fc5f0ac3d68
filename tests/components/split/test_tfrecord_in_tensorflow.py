import tensorflow as tf

from components.formats.dataset import ENCODED, ID, LABEL, TEXT, read_dataset
from components.formats.tensors import read_examples
from components.split.assignment import SPLITS
from components.split.parameters import SplitParameters
from components.split.split_datasets import write_split_datasets
from components.split.tfrecord import example, record

FEATURES = {ENCODED: bytes(range(256)) * 300, LABEL: 12_345, TEXT: "küche 客厅".encode(), ID: b"ab" * 32}


def test_tensorflow_parses_what_it_would_have_written():
    expected = tf.train.Example()
    for name, value in FEATURES.items():
        feature = expected.features.feature[name]
        (feature.int64_list if isinstance(value, int) else feature.bytes_list).value.append(value)
    assert tf.train.Example.FromString(example(FEATURES)) == expected


def test_tensorflow_writes_the_same_frame(tmp_path):
    file = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        for data in (b"", b"abc", bytes(70_000)):
            writer.write(data)
    assert file.read_bytes() == record(b"") + record(b"abc") + record(bytes(70_000))


def test_tensorflow_reads_the_shards(write_images, tmp_path):
    images = write_images([("coast", f"c{n}") for n in range(300)] + [("küche 客厅", f"k{n}") for n in range(30)])
    outputs = {split: tmp_path / split for split in SPLITS}
    write_split_datasets(images, outputs, tmp_path / "ledger", SplitParameters(), "2024-02-29")
    dataset = read_dataset(tmp_path / "train", "examples")
    assert len(dataset.shards) == 2
    rows = list(read_examples(tmp_path / "train", dataset).as_numpy_iterator())
    labels = [int(row[LABEL]) for row in rows]
    assert [labels.count(label) for label in (0, 1)] == list(dataset.counts.values()) == [210, 20]
    assert all(row[ENCODED].startswith((b"jpeg of coast", "jpeg of küche".encode())[row[LABEL]]) for row in rows)
    assert len({row[ID] for row in rows}) == 230
