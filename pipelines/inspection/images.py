"""A dataset of images in the terminal."""

from rich.console import Console

from components._text import counted, percent, ratio
from components.ingest.report.findings import findings
from components.ingest.report.overview import Overview
from pipelines.inspection.text import bar, name, print_head, print_heading, print_line, table

_BAR_WIDTH = 24


def print_images(console: Console, overview: Overview) -> None:
    """Prints all that the page shows, with paths in place of pictures."""
    dataset, files = overview.dataset, overview.dataset.rows + overview.rejections.files
    classes = counted(len(dataset.class_names), "class", "classes")
    summary = (
        f"{counted(dataset.rows, 'image')} of {counted(files, 'file')}, {classes}, "
        f"{counted(overview.groups, 'group')}, imbalance {ratio(overview.imbalance)} to 1"
    )
    print_head(console, "Images", summary, findings(overview))
    _print_classes(console, overview)
    _print_sizes(console, overview)
    _print_clusters(console, overview)
    _print_outliers(console, overview)
    _print_rejections(console, overview)


def _print_classes(console: Console, overview: Overview) -> None:
    classes = table("class", "images", "share", "", "groups", "rejected")
    for row in overview.classes:
        length = bar(row.images / overview.classes[0].images, _BAR_WIDTH)
        numbers = (f"{row.images:,}", percent(row.share), length, f"{row.groups:,}", f"{row.rejected:,}")
        classes.add_row(name(row.name), *numbers)
    print_heading(console, "Classes, the largest first")
    console.print(classes)


def _print_sizes(console: Console, overview: Overview) -> None:
    least, median, greatest = overview.sizes.shorter_side_px
    print_heading(console, "Sizes", f"shorter side {least:,} to {greatest:,} px, half {median:,} px or more")
    shapes = table("width to height", "images", "")
    most = max(overview.sizes.shapes.values())
    for shape, images in overview.sizes.shapes.items():
        shapes.add_row(shape, f"{images:,}", bar(images / most, _BAR_WIDTH))
    console.print(shapes)


def _print_clusters(console: Console, overview: Overview) -> None:
    clusters = overview.clusters
    all_of_them = f"{counted(clusters.images, 'image')} in {counted(clusters.number, 'cluster')}"
    print_heading(console, "Near-duplicates", all_of_them if clusters.number else "none")
    for cluster in clusters.shown:
        labels = ", ".join(f"{label} {images:,}" for label, images in cluster.labels)
        tied = f", ties {cluster.group_keys} of your groups together" if cluster.group_keys > 1 else ""
        style = "red" if cluster.has_label_conflict else ""
        print_line(console, f"{counted(cluster.images, 'image')}: {labels}{tied}", style=style)
        for picture in cluster.pictures:
            print_line(console, picture.source_uri, indent=4)
        _print_rest(console, cluster.images - len(cluster.pictures))
    _print_rest(console, clusters.number - len(clusters.shown), indent=2)


def _print_outliers(console: Console, overview: Overview) -> None:
    share = percent(overview.flagged / overview.dataset.rows)
    summary = f"{counted(overview.flagged, 'image')} ({share})" if overview.flagged else "none"
    print_heading(console, "Doubtful quality", summary)
    for outliers in overview.outliers:
        print_line(console, f"{outliers.flag}, {counted(outliers.images, 'image')}")
        for outlier in outliers.worst:
            print_line(console, f"{outlier.value}  {outlier.picture.source_uri}", indent=4)
        _print_rest(console, outliers.images - len(outliers.worst))


def _print_rejections(console: Console, overview: Overview) -> None:
    rejections = overview.rejections
    print_heading(console, "Rejected files", f"{rejections.files:,}" if rejections.files else "none")
    for kind in rejections.kinds:
        print_line(console, f"{kind.kind}, {counted(kind.files, 'file')}")
        for file in kind.examples:
            print_line(console, f"{file.source_uri}: {file.reason}", indent=4)
        _print_rest(console, kind.files - len(kind.examples))


def _print_rest(console: Console, number: int, indent: int = 4) -> None:
    if number:
        print_line(console, f"and {number:,} more", indent=indent, style="dim")
