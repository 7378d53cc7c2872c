"""The tables, in Markdown."""

import os
import platform
import re
import statistics
import sys
from datetime import datetime
from pathlib import Path

from compare.process import IS_ROOT
from compare.say import run, show_bytes
from compare.surroundings import ROOT
from compare.works import CORES


def head(arguments, cap, base, versions, missing, folder, floor, why_no_group):
    """Where and how it was measured."""
    describe = ["git", "-C", str(ROOT), "describe", "--always", "--tags", "--dirty"]
    outcore = run(describe).stdout.strip()
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    words = " ".join(["python3", "benches/compare.py", *sys.argv[1:]])
    lines = [
        f"- Command: `{words}`, {datetime.now():%Y-%m-%d %H:%M}.",
        f"- Machine: {cpu_model()}, {CORES} cores, {show_bytes(total_memory())} of memory, "
        f"Linux {platform.release()}, {file_system(folder)}; load {os.getloadavg()[0]:.1f} before.",
        f"- Versions: outcore {outcore or 'unknown'}, {packages}.",
    ]
    if why_no_group:
        lines.append(f"- **No memory cap**: no control group can be made ({why_no_group}).")
    else:
        extra = f", and {show_bytes(base)} for an interpreter" if base else ""
        lines.append(f"- Memory cap: a control group of {show_bytes(cap)}{extra}; Outcore's budget "
                     f"is {show_bytes(cap * 3 // 4)} for scale and transforms, {show_bytes(cap // 2)} "
                     "for the others.")
    if not IS_ROOT:
        lines.append("- **The page cache is not emptied** before each run: that takes root.")
    for name, reason in missing.items():
        lines.append(f"- **Skipped: {name}**: {reason}")
    lines += [
        f"- Everything uses all {CORES} cores. Time is from the start of the process, interpreter "
        "and imports included, until the output is on the disk.",
        "- The floor is a direct copy of the input, or a direct read where little is written, in "
        f"blocks of {floor[0]} MiB by {floor[1]} threads, the fastest of 9 ways that were tried.",
        "- MB/s is the size of inputs and output by the time, whatever else was moved. "
        "Resident memory is the most of the process, with what it maps; the group's is what the cap "
        "limits, with the page cache. Error is the relative L2 error of sampled rows, or of the "
        "value.",
    ]
    return "\n".join(lines)


def table(work, results, checks, missing):
    """A work's table in Markdown."""
    array, count = work.sources[0], len(work.sources)
    rows, columns = array.shape
    several = f"{count} of " if count > 1 else ""
    moved = sum(array.bytes for array in work.sources) + work.written
    reference = next(name for name in results if name.startswith(work.reference))
    base = median(results[reference])
    lines = [
        f"### {work.title}",
        "",
        f"{several}{array.dtype}, {rows} x {columns}, {show_bytes(array.bytes)}.",
        "",
        f"| what | seconds, median (min to max) | ratio to {reference.split(':')[0].split(',')[0]} "
        "| CPU seconds | resident | group | MB/s | error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for competitor in work.competitors:
        runs = results[competitor.name]
        done = [run for run in runs if not run.failure]
        cells = [competitor.name]
        if done:
            times, middle = [run.seconds for run in done], median(done)
            spread = f" ({min(times):.2f} to {max(times):.2f})" if len(times) > 1 else ", one run"
            cells.append(f"{middle:.2f}{spread}")
            cells.append(f"{middle / base:.2f}" if base else "")
            cells.append(f"{statistics.median(run.cpu_seconds for run in done):.1f}")
        elif runs:
            more = "more than " if "more than" in runs[-1].failure else ""
            ratio = f"{more}{runs[-1].seconds / base:.0f}" if more and base else ""
            cells += [runs[-1].failure, ratio, f"{runs[-1].cpu_seconds:.1f}"]
        else:
            cells += [f"skipped: no {competitor.needs}"] + [""] * 6
        if runs:
            cells.append(show_bytes(max(run.resident for run in runs)))
            peaks = [run.group_peak for run in runs if run.group_peak]
            cells.append(show_bytes(max(peaks)) if peaks else "")
            timed = done and not competitor.times_itself
            cells.append(f"{moved / middle / 1e6:.0f}" if timed else "")
            cells.append(checks.get(competitor.name, ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def median(runs):
    times = [run.seconds for run in runs if not run.failure]
    return statistics.median(times) if times else None


def cpu_model():
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def total_memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def file_system(folder):
    """The type of the file system that a folder is on: of the longest mount point above it."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = [mount for mount in mounts if Path(folder).is_relative_to(mount[1])]
    device, _, kind = max(above, key=lambda mount: len(mount[1]))[:3]
    return f"{kind} on {device}"
