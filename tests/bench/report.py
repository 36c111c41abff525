"""The report of 'make bench': what is printed, and report.md with its plots, in build/bench for a whole
run and in build/bench/partial for one of some sections."""

import io
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

from support import ROOT

FOLDER = ROOT / "build/bench"


class Report:
    """Prints and keeps sections, tables, plots and marks, in the order in which they come."""

    def __init__(self, sections, rounds, seconds):
        """`sections` are those of a partial run, or none."""
        self._folder = FOLDER / "partial" if sections else FOLDER
        self._what = f"{', '.join(sections)} alone" if sections else "all sections"
        self._what += f", --rounds {rounds} --seconds {seconds}; sections say where they take others"
        self._text = []
        self._marks = []
        self._plots = {}
        self._began = time.monotonic()
        self._said = 0

    def progress(self, what):
        """On a terminal at once; in a log only what comes half a minute after the last."""
        seconds = int(time.monotonic() - self._began)
        line = f"{seconds // 60}:{seconds % 60:02} {what}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif seconds >= self._said + 30:
            self._said = seconds
            print(line, file=sys.stderr, flush=True)

    def say(self, text=""):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        print(text, flush=True)
        self._text.append(text)

    def section(self, title):
        self.say(f"\n## {title}\n")

    def table(self, title, head, rows):
        """A Markdown table, aligned; the first column to the left, figures to the right."""
        cells = [head, *rows]
        cells = [[str(cell) for cell in row] for row in cells]
        widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
        line = lambda row: "| " + " | ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))) + " |"
        rule = "|" + "|".join("-" * (width + 1) + ("-" if i == 0 else ":")
                              for i, width in enumerate(widths)) + "|"
        if title:
            self.say(f"\n{title}\n")
        self.say("\n".join([line(cells[0]), rule, *map(line, cells[1:])]))

    def mark(self, what, value, *, at_least=None, at_most=None, unit=""):
        """A figure that is to be reached; a mark that is missed is said, and no error. Without a bound it
        is there to be compared."""
        bound, verdict = "", ""
        if at_least is not None:
            bound, verdict = f"≥ {at_least:g}{unit}", "PASS" if value >= at_least else "missed"
        elif at_most is not None:
            bound, verdict = f"≤ {at_most:g}{unit}", "PASS" if value <= at_most else "missed"
        self._marks.append([what, f"{value:.3g}{unit}", bound, verdict])

    def plot(self, name, title, series, labels, *, baseline="", log=False):
        """Bars in NAME.svg: `series`, {what: a value for each label}; `baseline` says what 1 is."""
        self.progress(f"drawing {name}.svg")
        self._plots[f"{name}.svg"] = draw(title, series, labels, baseline, log)
        self._text.append(f"\n![{title}]({name}.svg)")

    def finish(self):
        """Writes all, in place of an earlier run's, which is whole until then."""
        if self._marks:
            self.section("Marks")
            self.table("", ["mark", "here", "to reach", ""], self._marks)
        minutes = (time.monotonic() - self._began) / 60
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("*.svg"):
            old.unlink()
        for name, drawn in self._plots.items():
            (self._folder / name).write_text(drawn)
        path = self._folder / "report.md"
        path.write_text("\n".join(["# userbin, measured", "", *machine(),
                                   f"- Measured in {minutes:.1f} minutes: {self._what}.",
                                   *self._text]) + "\n")
        print(f"\n{minutes:.1f} minutes; the report with its plots is {os.path.relpath(path)}")


def machine():
    """What it ran on, and with what, as a list in Markdown."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return [f"- {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC",
            f"- {os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), "
            f"{int(memory[1]) // 1024 / 1024:.1f} GiB, {platform.system()} {platform.release()}",
            f"- userbin {version('build/release/userbin', '--version')}, commit "
            f"{version('git', 'describe', '--always', '--dirty')}",
            f"- {version('/usr/sbin/nginx', '-v')}; {version('wrk', '-v')}; "
            f"{version('g++', '--version')}",
            "- The load comes from wrk on the same cores. Contenders take turns within this run; "
            "figures are medians of the rounds, where there is more than one."]


def version(*command):
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    except OSError:
        return f"no {command[0]}"
    return re.sub(r"^(nginx version: )|(^userbin )|( Copyright.*)", "", done.stdout.split("\n")[0])


def draw(title, series, labels, baseline, log):
    """The SVG."""
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "userbin", "font.size": 9,
                            "axes.spines.top": False, "axes.spines.right": False}
    figure, axes = plt.subplots(figsize=(7, 3))
    width = 0.8 / len(series)
    for i, (what, values) in enumerate(series.items()):
        places = [j + (i - (len(series) - 1) / 2) * width for j in range(len(labels))]
        foot = 1 if log else 0
        axes.bar(places, [value - foot for value in values], width * 0.92, bottom=foot, label=what,
                 color=plt.cm.tab10(i))
    axes.set_xticks(range(len(labels)), labels)
    if log:
        axes.set_yscale("log")
        axes.minorticks_off()
    if baseline:
        axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
        axes.set_ylabel(f"1 = {baseline}")
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    drawn = io.StringIO()
    figure.savefig(drawn, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    # A tenth of a point is fine enough.
    return re.sub(r"(\d\.\d)\d+", r"\1", drawn.getvalue())
