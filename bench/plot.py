#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what bench/startup --json measured: one panel per way of starting, bars from the floor upwards, as an SVG that
reads on light and dark pages.

    bench/plot.py RESULT.json docs/figures/startup.svg
"""
import json
import pathlib
import statistics
import sys
from html import escape

TITLES = {('run', 'plain'): 'run', ('run', 'seccomp'): 'run, with a system call filter',
          ('lifecycle', 'plain'): 'create, start, delete',
          ('lifecycle', 'seccomp'): 'create, start, delete, with a filter'}
COLOURS = {'floor': '#9aa4b2', 'crun-lite': '#1f7a5c', 'crun': '#5b7fb8', 'runc': '#8a6fb0'}
LABELS = {'floor': 'kernel alone'}
WIDTH, LEFT, RIGHT, BAR, GAP, HEAD, TOP = 760, 115, 160, 22, 8, 34, 64
STYLE = ('text{font:14px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#1c2330}'
         '.h{font-size:18px;font-weight:600}.p{font-weight:600}.s{fill:#5a6472;font-size:12px}'
         '.n{font-variant-numeric:tabular-nums}line{stroke:#c8ced6}'
         '@media(prefers-color-scheme:dark){text{fill:#e6e9ee}.s{fill:#9aa4b2}line{stroke:#3c4452}}')


def text(x, y, content, css='', anchor='start'):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{css}" text-anchor="{anchor}">{escape(content)}</text>'


def panel(samples, title, y, scale):
    """Elements of one panel, and the y below it."""
    parts = [text(LEFT, y + 16, title, 'p')]
    y += HEAD - 8
    top = y
    floor = samples['floor']
    for name in sorted(samples, key=lambda n: statistics.median(samples[n])):
        median = statistics.median(samples[name]) * 1e3
        times = statistics.median(a / b for a, b in zip(samples[name], floor))
        width = max(2.0, median * scale)
        parts += [text(LEFT - 10, y + 16, LABELS.get(name, name), 'p' if name == 'crun-lite' else '', 'end'),
                  f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" '
                  f'fill="{COLOURS.get(name, "#888")}"/>',
                  text(LEFT + width + 8, y + 16, f'{median:.1f} ms' + ('' if name == 'floor' else f'  ({times:.1f} ×)'),
                       'n')]
        y += BAR + GAP
    parts.append(f'<line x1="{LEFT}" y1="{top - 4}" x2="{LEFT}" y2="{y - 2}"/>')
    return parts, y + 10


def draw(result):
    slowest = max(statistics.median(s) for by_profile in result['samples'].values() for samples in by_profile.values()
                  for s in samples.values()) * 1e3
    scale = (WIDTH - LEFT - RIGHT) / slowest
    parts, y = [text(20, 30, 'Starting and ending a container that runs true', 'h'),
                text(20, 50, 'Median, and how many times what the kernel alone takes. Shorter is better.', 's')], TOP
    for mode, by_profile in result['samples'].items():
        for profile, samples in by_profile.items():
            elements, y = panel(samples, TITLES[mode, profile], y, scale)
            parts += elements
    where = result['machine']
    parts.append(text(20, y + 8, f'Linux {where["kernel"]}, {where["cpus"]} × {where["cpu"]}, cgroup '
                                 f'{where["cgroup"]}, '
                      f'{result["rounds"]} rounds in turns; bench/startup', 's'))
    height = y + 24
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
            f'aria-label="Start-up times of container runtimes"><style>{STYLE}</style>\n' + '\n'.join(parts)
            + '\n</svg>\n')


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    target = pathlib.Path(sys.argv[2])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draw(json.loads(pathlib.Path(sys.argv[1]).read_text())), encoding='utf-8')


if __name__ == '__main__':
    main()
