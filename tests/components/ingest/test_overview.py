"""What a dataset holds, against tables counted by hand."""

import numpy as np
import pytest

from components._errors import InputError
from components.ingest.rejected import Rejected
from components.ingest.report.findings import findings
from components.ingest.report.overview import read_overview
from components.ingest.report.size_chart import size_chart
from components.ingest.report.sizes import Size, Sizes
from components.ingest.source.class_map import ClassMap
from tests.image_artifact import write_images_artifact

COASTS = [{"label": "coast"} for _ in range(6)]
STREETS = [{"label": "street"} for _ in range(3)]


def conflict(number, label):
    return Rejected(f"{label}/{number}.jpg", label, "label conflict", f"the same image under several labels: {number}")


def test_classes_come_largest_first_with_share_groups_and_rejected(tmp_path):
    rows = [{"label": "a", "group": "g"}, {"label": "a", "group": "g"}, *({"label": "b"} for _ in range(4))]
    rejected = [Rejected("a/x.jpg", "a", "damaged", "cut short"), Rejected("c/y.jpg", "c", "bad path", "elsewhere")]
    overview = read_overview(write_images_artifact(tmp_path / "images", rows, rejected))
    table = [(row.name, row.images, row.share, row.groups, row.rejected) for row in overview.classes]
    assert table == [("b", 4, pytest.approx(4 / 6), 4, 0), ("a", 2, pytest.approx(2 / 6), 1, 1)]
    assert (overview.imbalance, overview.groups, overview.group_keys) == (2, 5, 0)


def test_samples_are_of_different_groups_and_spread(tmp_path):
    rows = [{"label": "a", "group": f"g{number // 2}"} for number in range(40)] + STREETS
    of_a, of_street = read_overview(write_images_artifact(tmp_path / "images", rows)).classes
    assert [picture.row for picture in of_a.samples] == [0, 8, 16, 22, 30, 38]
    assert [picture.source_uri for picture in of_street.samples] == ["street/40.jpg", "street/41.jpg", "street/42.jpg"]


def test_many_classes_have_fewer_samples_each(tmp_path):
    rows = [{"label": f"class {number // 3:03d}"} for number in range(300)]
    assert {len(row.samples) for row in read_overview(write_images_artifact(tmp_path / "images", rows)).classes} == {2}


def test_clusters_with_several_labels_come_first_then_ties_then_the_largest(tmp_path):
    def alike(group, *labels, keys=()):
        keys = [*keys, *[()] * (len(labels) - len(keys))]
        return [{"label": label, "group": group, "group_keys": of} for label, of in zip(labels, keys, strict=True)]

    def of_house(number, *labels, hashes):
        keyed = {"group": f"house {number}", "group_keys": [f"house {number}"]}
        return [keyed | {"label": label, "perceptual_hash": of} for label, of in zip(labels, hashes, strict=True)]

    rows = [
        *alike("large", "a", "a", "a", "a"),
        *of_house(1, "a", "b", "a", hashes=(1, 2, 4)),  # one key and no likeness
        *of_house(5, "a", "a", "b", hashes=(8, 8, 16)),
        *of_house(6, "b", "b", "b", "a", hashes=(32, 32, 32, 32)),
        *alike("two keys", "a", "b", keys=(["house 2", "house 3"], ["house 3"])),
        *alike("two labels", "b", "b", "a"),
        *alike("key and none", "b", "b", keys=(["house 4"],)),
        *alike("alone", "a"),
    ]
    overview = read_overview(write_images_artifact(tmp_path / "images", rows))
    clusters = overview.clusters
    assert (clusters.number, clusters.images, clusters.label_conflicts, clusters.tied_keys) == (6, 17, 3, 1)
    assert [(c.images, c.labels, c.group_keys, c.has_label_conflict) for c in clusters.shown] == [
        (2, (("a", 1), ("b", 1)), 2, True),
        (4, (("b", 3), ("a", 1)), 1, True),
        (3, (("b", 2), ("a", 1)), 0, True),
        (4, (("a", 4),), 0, False),
        (2, (("a", 2),), 1, False),
        (2, (("b", 2),), 1, False),
    ]
    assert [picture.label for picture in clusters.shown[1].pictures] == ["a", "b", "b", "b"]  # the odd one out first
    assert overview.group_keys == 6


@pytest.mark.parametrize(("distance", "clusters"), [(2, [3]), (1, [2]), (0, [])])
def test_clusters_are_found_over_all_shards_by_the_distance_of_ingest(tmp_path, distance, clusters):
    hashes = (0b0, 0xFF00, 0b1, 0xFF0000, 0b111, 0xFF000000)
    rows = [{"label": "ab"[n % 2], "perceptual_hash": of, "group_keys": ["house"]} for n, of in enumerate(hashes)]
    folder = write_images_artifact(tmp_path / "images", rows, near_duplicate_distance=distance)
    assert [cluster.images for cluster in read_overview(folder).clusters.shown] == clusters


def test_outliers_are_the_worst_of_their_flag_first(tmp_path):
    rows = [
        {"label": "a", "quality_flags": ["blurred", "dark"], "sharpness": 3.0, "brightness": 0.10},
        {"label": "a", "quality_flags": ["blurred"], "sharpness": 1.5},
        {"label": "a", "quality_flags": ["dark"], "brightness": 0.02},
        {"label": "b", "quality_flags": ["bright"], "brightness": 0.91},
        {"label": "b", "quality_flags": ["bright"], "brightness": 0.99},
        {"label": "b", "quality_flags": ["elongated", "small"], "source_width_px": 400, "source_height_px": 50},
        {"label": "b", "quality_flags": ["featureless"], "entropy_bits": 0.5},
        {"label": "b"},
    ]
    overview = read_overview(write_images_artifact(tmp_path / "images", rows))
    assert overview.flagged == 7
    worst = {of.flag: [(shown.picture.row, shown.value) for shown in of.worst] for of in overview.outliers}
    assert list(worst) == ["blurred", "dark", "bright", "featureless", "elongated", "small"]
    assert worst == {
        "blurred": [(1, "sharpness 1.5"), (0, "sharpness 3")],
        "dark": [(2, "brightness 0.02"), (0, "brightness 0.10")],
        "bright": [(4, "brightness 0.99"), (3, "brightness 0.91")],
        "featureless": [(6, "entropy 0.5 bits")],
        "elongated": [(5, "8.0 : 1")],
        "small": [(5, "shorter side 50 px")],
    }


def test_sizes_and_shapes_of_the_source(tmp_path):
    def sized(width_px, height_px):
        return {"label": "a", "source_width_px": width_px, "source_height_px": height_px}

    rows = [sized(4000, 3000), sized(4000, 3000), sized(3000, 4000), sized(5000, 500), *STREETS]
    sizes = read_overview(write_images_artifact(tmp_path / "images", rows)).sizes
    assert set(sizes.sample) == {Size(4000, 3000, 2), Size(3000, 4000, 1), Size(5000, 500, 1), Size(400, 300, 3)}
    assert sizes.shapes == {"3:4": 1, "4:3": 5, "2:1": 1}
    assert sizes.shorter_side_px == (300, 500, 3000)


def test_sizes_shown_of_many_images_are_few(tmp_path):
    rows = [{"label": "ab"[number % 2], "source_width_px": 100 + number} for number in range(1600)]
    sizes = read_overview(write_images_artifact(tmp_path / "images", rows, shard_rows=400)).sizes
    assert sizes.sampled == len(sizes.sample) == 1500
    assert {size.width_px for size in sizes.sample} >= {100, 1699}


def test_rejected_files_are_counted_by_kind_and_conflicts_by_image(tmp_path):
    rejected = [
        *(Rejected(f"coast/{number}.jpg", "coast", "damaged", "cut short") for number in range(20)),
        *(conflict(number, label) for number in range(2) for label in ("coast", "street")),
        Rejected("notes.txt", "", "not an image", "its suffix '.txt' is not an image's"),
    ]
    rejections = read_overview(write_images_artifact(tmp_path / "images", COASTS + STREETS, rejected)).rejections
    kinds = [(kind.kind, kind.files, len(kind.examples)) for kind in rejections.kinds]
    assert kinds == [("not an image", 1, 1), ("damaged", 20, 8), ("label conflict", 4, 4)]
    assert rejections.files == 25
    assert rejections.conflict_count == 2
    assert [[file.label for file in c.files] for c in rejections.conflicts] == [["coast", "street"]] * 2


def test_findings_put_problems_first(tmp_path):
    rows = [
        *({"label": "coast"} for _ in range(30)),
        {"label": "street", "group": "same"},
        {"label": "street", "group": "same"},
        {"label": "coast", "group": "same", "quality_flags": ["dark"]},
    ]
    rejected = [conflict(0, "coast"), conflict(0, "street")]
    found = findings(read_overview(write_images_artifact(tmp_path / "images", rows, rejected)))
    assert [(finding.text, finding.section) for finding in found if finding.is_problem] == [
        ("Too few groups for train, validation and test; add images that differ: street.", "classes"),
        ("coast has 16 times as many images as street.", "classes"),
        ("1 image came under several labels.", "conflicts"),
        ("1 cluster of near-duplicates under several labels: one of them may be wrong.", "clusters"),
        ("2 files (5.7 %) rejected: 2 label conflict.", "rejected"),
    ]
    assert [finding.text for finding in found if not finding.is_problem] == [
        "1 image (3.0 %) of doubtful quality: 1 dark.",
    ]


def test_what_became_of_folders_is_found(tmp_path):
    folders = ClassMap(
        label_of={"coast": "coast", "beach": "coast", "street": "street", "zoo": "other"},
        renamed=[("beach", "coast", 2)],
        ignored={"old": 1},
        unknown={"zoo": 3},
        unused=["--class-map: 'bech' meets nothing."],
    )
    overview = read_overview(write_images_artifact(tmp_path / "images", COASTS + STREETS, folders=folders))
    assert [finding.text for finding in findings(overview)] == [
        "--class-map: 'bech' meets nothing.",
        "1 folder renamed or merged: beach is coast.",
        "1 unknown class merged into other: zoo (3 files).",
        "1 folder ignored: old (1 file).",
    ]


def test_nothing_is_found_in_a_sound_dataset(tmp_path):
    assert findings(read_overview(write_images_artifact(tmp_path / "images", COASTS + STREETS))) == ()


def test_a_dataset_without_its_list_of_rejected_files_is_refused(tmp_path):
    folder = write_images_artifact(tmp_path / "images", COASTS + STREETS)
    (folder / "rejected.jsonl").unlink()
    with pytest.raises(InputError, match=r"rejected\.jsonl: expected the list of rejected files"):
        read_overview(folder)


def test_a_list_of_something_else_is_refused(tmp_path):
    folder = write_images_artifact(tmp_path / "images", COASTS + STREETS)
    (folder / "rejected.jsonl").write_text('{"source_uri": "a", "label": "a", "kind": "odd", "reason": ""}\n')
    with pytest.raises(InputError, match=r"rejected\.jsonl, line 1: expected a rejected file"):
        read_overview(folder)


def test_an_altered_shard_is_refused(tmp_path):
    folder = write_images_artifact(tmp_path / "images", COASTS + STREETS)
    (folder / "images-00000.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="expected a shard with sha256"):
        read_overview(folder)


def test_size_chart_has_equal_logarithmic_axes_within_its_square():
    sizes = Sizes((Size(100, 1000, 1), Size(1000, 100, 4)), 5, (100, 100, 100), {})
    chart = size_chart(sizes)
    many, one = chart.points
    assert (many.width_px, one.width_px) == (1000, 100)
    assert many.radius > one.radius
    assert one.x - chart.left == pytest.approx(chart.top + chart.side - many.y)  # 100 px lie alike on both axes
    ticks = {tick.px: tick.at for tick in chart.ticks}
    assert ticks[200] - ticks[100] == pytest.approx(ticks[1000] - ticks[500])
    assert all(chart.left <= point.x <= chart.left + chart.side for point in chart.points)
    assert all(0 <= tick.at <= chart.side for tick in chart.ticks)


@pytest.mark.parametrize("side_px", [1, 3, 256, 30_000])
def test_size_chart_of_one_size_alone_still_has_ticks(side_px):
    chart = size_chart(Sizes((Size(side_px, side_px, 9),), 9, (side_px,) * 3, {"1:1": 9}))
    assert any(tick.px == side_px or len(chart.ticks) > 1 for tick in chart.ticks)
    assert np.isclose(chart.points[0].x - chart.left, chart.side / 2)
