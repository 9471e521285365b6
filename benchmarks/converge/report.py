"""What was measured, as Markdown tables and as a plot."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

SCENARIOS = {
    "no-op": "No change",
    "config": "One config change",
    "version": "One version change",
    "first": "First convergence",
}
_COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#7f7f7f", "#8c564b")
Runs = list[dict[str, Any]]


def select(runs: Runs, **wanted: Any) -> Runs:
    """The runs that have these values."""
    return [run for run in runs if all(run[key] == value for key, value in wanted.items())]


def _seconds(wall: float) -> str:
    return f"{wall:.2f}" if wall < 10 else f"{wall:.1f}"


def _cell(runs: Runs, puppet: Runs) -> str:
    if not runs:
        return "–"
    walls = sorted(run["wall"] for run in runs)
    text = _seconds(statistics.median(walls))
    if len(walls) > 1:
        text += f" ({_seconds(walls[0])}–{_seconds(walls[-1])})"
    if puppet and puppet is not runs:
        text += f" ×{statistics.median(walls) / statistics.median(run['wall'] for run in puppet):.2f}"
    node, controller = (statistics.median(run[key] for run in runs) for key in ("node_cpu", "controller_cpu"))
    return f"{text}; {node:.1f} + {controller:.1f}"


def tables(result: dict[str, Any]) -> str:
    """A table a scenario, and one of the catalogs."""
    runs: Runs = result["runs"]
    tools = list(dict.fromkeys(run["tool"] for run in runs))
    counts = sorted({run["services"] for run in runs})
    head = f"| services | {' | '.join(tools)} |\n| --- |{' --- |' * len(tools)}\n"
    parts = []
    for scenario, title in SCENARIOS.items():
        rows = []
        for count in counts:
            here = {tool: select(runs, scenario=scenario, services=count, tool=tool) for tool in tools}
            if any(here.values()):
                cells = (_cell(here[tool], here[tools[0]]) for tool in tools)
                rows.append(f"| {count} | {' | '.join(cells)} |\n")
        if rows:
            parts.append(f"### {title}\n\n{head}{''.join(rows)}")
    catalogs = result["catalogs"]
    if catalogs:
        rows = [
            f"| {one['services']} | {one['resources']} | {one['bytes'] / 1000:.0f} |"
            f" {statistics.median(one['compile_seconds']):.2f} |\n"
            for one in catalogs
        ]
        title = "### The catalog\n\n| services | resources | kB | compiled in, s |\n| --- | --- | --- | --- |\n"
        parts.append(title + "".join(rows) + _per_service(catalogs))
    return "\n".join(parts)


def _per_service(catalogs: Sequence[dict[str, Any]]) -> str:
    least, most = catalogs[0], catalogs[-1]
    more = most["services"] - least["services"]
    if not more:
        return ""
    seconds = statistics.median(most["compile_seconds"]) - statistics.median(least["compile_seconds"])
    return (
        f"\nEach further service: {(most['resources'] - least['resources']) / more:.1f} resources,"
        f" {(most['bytes'] - least['bytes']) / more / 1000:.1f} kB, {1000 * seconds / more:.0f} ms to compile.\n"
    )


def plot(result: dict[str, Any]) -> str:
    """Wall seconds of a run by number of services, both on logarithmic axes: an SVG with a panel a scenario."""
    runs: Runs = result["runs"]
    tools = list(dict.fromkeys(run["tool"] for run in runs))
    counts = sorted({run["services"] for run in runs})
    scenarios = [scenario for scenario in SCENARIOS if select(runs, scenario=scenario)]
    walls = [run["wall"] for run in runs]
    low, high = math.floor(math.log10(min(walls))), math.ceil(math.log10(max(walls)))
    width, height, gap = 300, 260, 60

    def x(panel: int, count: int) -> float:
        span = math.log10(counts[-1] / counts[0]) or 1.0
        return gap + panel * (width + gap) + width * math.log10(count / counts[0]) / span

    def y(seconds: float) -> float:
        return 40 + height * (high - math.log10(seconds)) / (high - low)

    total = gap + len(scenarios) * (width + gap)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height + 110}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{total}" height="{height + 110}" fill="white"/>',
    ]
    for panel, scenario in enumerate(scenarios):
        left = x(panel, counts[0])
        lines.append(f'<text x="{left}" y="24" font-size="14">{SCENARIOS[scenario]}: wall seconds</text>')
        for power in range(low, high + 1):
            at = y(10.0**power)
            lines.append(f'<path d="M{left} {at:.1f}h{width}" stroke="#ddd"/>')
            lines.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
        for count in counts:
            lines.append(f'<text x="{x(panel, count):.1f}" y="{height + 58}" text-anchor="middle">{count}</text>')
        for tool, colour in zip(tools, _COLOURS, strict=False):
            points = [
                (x(panel, count), y(statistics.median(run["wall"] for run in here)))
                for count in counts
                if (here := select(runs, scenario=scenario, services=count, tool=tool))
            ]
            if points:
                path = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
                lines.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
                lines += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in points]
    for number, (tool, colour) in enumerate(zip(tools, _COLOURS, strict=False)):
        at = gap + number * 150
        lines.append(f'<rect x="{at}" y="{height + 78}" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{at + 18}" y="{height + 88}">{tool}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"
