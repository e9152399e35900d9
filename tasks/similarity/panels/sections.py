"""Sections of the report: figures, classes, the gallery, queries with neighbours, a map, copies."""

from data import formats
from tasks.pages import parts, scale
from tasks.similarity.figures import FIGURES
from tasks.similarity.panels import chosen


def tiles(report: parts.Report) -> list[parts.Tile]:
    """Returns the headline figures."""
    result = report.result
    if not result.labels:
        return of_structure(report)
    found = [
        parts.Tile(
            one.title,
            formats.percent(result.value(one.name)),
            formats.bounds(result.figures[one.name].interval),
        )
        for one in FIGURES.of_whole
        if one.name in ("recall_at_1", "recall_at_5", "map_at_r")
    ]
    held_out = result.value("held_out_recall_at_1")
    if held_out is not None:
        interval = result.figures["held_out_recall_at_1"].interval
        found.append(
            parts.Tile("of held-out classes", formats.percent(held_out), formats.bounds(interval))
        )
    return found


def of_structure(report: parts.Report) -> list[parts.Tile]:
    """Returns the figures that need no labels."""
    gallery, score = report.contract["gallery"], report.candidate.mean_score
    measured, copied = gallery.get("structure") or {}, gallery["health"].get("copied")
    clusters = measured.get("clusters")
    figures = (
        ("clusters", 0 if clusters == 1 else clusters),
        ("near-duplicates", copied),
        ("outliers", measured.get("outliers")),
    )
    found = [
        parts.Tile(title, f"{value:,}" if value else "none", "in the gallery")
        for title, value in figures
        if value is not None
    ]
    if score is not None:
        found.append(parts.Tile("nearest image", f"{score:.2f}", "mean cosine"))
    return found


def overview(report: parts.Report) -> list[parts.Section]:
    """Returns the section of the figures of the whole test split."""
    content = {
        "columns": columns(by_class=False) if report.result.labels else [],
        "note": report.contract.get("calibration", ""),
        "images": report.contract["gallery"]["images"],
        "held_out": report.contract["held_out_classes"],
    }
    return [parts.Section("figures", "Figures", "recalls.html.jinja", content)]


def details(report: parts.Report) -> list[parts.Section]:
    """Returns the sections on each class and on the gallery."""
    shown = columns(by_class=True)
    classes = {
        "columns": shown,
        "chief": shown[0],
        "scale": scale.of_figures(
            row.figures["recall"] for row in report.result.per_class.values()
        ),
        "thresholds": None,
    }
    gallery = parts.Section(
        "gallery", "Gallery", "gallery_health.html.jinja", report.contract["gallery"]
    )
    if not report.result.labels:
        return [gallery]
    return [parts.Section("classes", "Classes", "classes.html.jinja", classes), gallery]


def images(report: parts.Report) -> list[parts.Section]:
    """Returns the sections with images, of those that there are."""
    shown, colours = report.chosen, chosen.label_colours(report.result.labels)
    found = []
    if shown.queries:
        rows = {"rows": shown.queries, "labelled": bool(report.result.labels)}
        found.append(parts.Section("queries", "Queries", "queries.html.jinja", rows))
    if shown.points:
        on_map = {"points": shown.points, "method": shown.method, "colours": colours}
        found.append(parts.Section("map", "Map", "map.html.jinja", on_map))
    measured = report.contract["gallery"].get("structure") or {}
    if measured.get("clusters"):
        told = {"structure": measured, "clusters": shown.clusters, "outliers": shown.outliers}
        found.append(parts.Section("structure", "Structure", "structure.html.jinja", told))
    if shown.copies or shown.found_copies:
        copies = {"groups": shown.copies, "queries": shown.found_copies}
        found.append(parts.Section("copies", "Near-duplicates", "copies.html.jinja", copies))
    return found


def columns(by_class: bool) -> list[parts.Column]:
    """Returns the metrics as they are shown: of the whole, or of each class."""
    every = FIGURES.by_class if by_class else FIGURES.of_whole
    return [parts.Column(one.name, one.title, one.is_rate) for one in every]
