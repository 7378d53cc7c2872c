"""Outcore beside the disk, numpy.memmap, scipy, dask and others, on arrays larger than memory.

    python3 benches/compare.py [--folder DIR] [--runs 3] [--cap 512MiB] [--only WORK..] [--quick]
                               [--timeout 600] [--output TABLE.md]

From a clean checkout: makes a virtual environment of its own below target/, builds the release
programs with cargo, makes the inputs, runs everything, and writes a Markdown table. Standard
library only. What is compared is in benches/compare/works.py, what with in benches/peers, a short
program each.

Each run is a process of its own, as root inside a control group with a memory limit and with an
empty page cache. The competitors take turns: all of them once, then all of them again. Time is wall
time from the start of the process to the moment when its output is on the disk (the output is
synced here, whether the program did so or not). After the first run of each, its output is checked
against the definition.
"""

import argparse
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from compare.bench import Bench
from compare.process import no_group
from compare.say import MIB, say, show_bytes
from compare.surroundings import build, environment, target_folder
from compare.table import head, table
from compare.works import works

# What an interpreter with its libraries takes; it is added to the caps of --quick.
QUICK_BASE = 128 * MIB
# Of no size and no place: for the names of the works alone.
NO_TOOLS = {"outcore": "", "scale": "", "python": "", "floor": []}
WORKS = [work.key for work in works(512 * MIB, 0, NO_TOOLS)]


def size(text):
    found = re.fullmatch(r"(\d+) ?([KMG]?)(iB|B|)", text)
    if not found:
        raise argparse.ArgumentTypeError("a size is a number and a unit, such as 512MiB")
    power = " KMG".index(found[2] or " ")
    return int(found[1]) * (1000 if found[3] == "B" else 1024) ** power


def disk_bytes(chosen):
    """All inputs, and the largest output with as much scratch."""
    inputs = {array for work in chosen for array in work.sources}
    others = {other.source for work in chosen for other in work.competitors if other.source}
    most = max(work.written for work in chosen)
    return sum(array.bytes for array in inputs | others) + 2 * max(most, 64 * MIB)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the arrays are [target/compare]")
    parser.add_argument("--runs", type=int, default=3, help="rounds [3]")
    parser.add_argument("--cap", type=size, default=512 * MIB, help="memory of each run [512MiB]")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=WORKS, metavar="WORK",
                        help=f"some of: {', '.join(WORKS)}")
    parser.add_argument("--quick", action="store_true", help="a sixteenth of everything")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for each run [600]; one "
                        "that took half of it is not run again")
    parser.add_argument("--output", type=Path, help="the table [target/compare.md]")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that nothing is left behind.
    cap = arguments.cap // 16 if arguments.quick else arguments.cap
    base = QUICK_BASE if arguments.quick else 0

    target = target_folder()
    build()
    python, versions, missing = environment(target)
    release = target / "release"
    tools = {"outcore": str(release / "outcore"), "python": python, "floor": ["4", "4"],
             "scale": str(release / "examples" / "06_scale_a_file")}
    why_no_group = no_group()
    parent = arguments.folder or target / "compare"
    parent.mkdir(parents=True, exist_ok=True)
    chosen = [work for work in works(cap, base, tools) if work.key in arguments.only]
    needed, free = disk_bytes(chosen), shutil.disk_usage(parent).free
    if free < needed:
        sys.exit(f"{parent}: has {show_bytes(free)} free; {show_bytes(needed)} are needed")
    output = arguments.output or target / "compare.md"
    with tempfile.TemporaryDirectory(prefix="outcore-compare-", dir=parent) as folder:
        bench = Bench(Path(folder), tools, versions, missing, arguments, not why_no_group)
        smallest = min((array for work in chosen for array in work.sources), key=lambda a: a.bytes)
        tools["floor"] = bench.tune_floor(smallest, cap + base)
        text = head(arguments, cap, base, versions, missing, folder, tools["floor"], why_no_group)
        output.write_text(text + "\n")
        for work in works(cap, base, tools):
            if work.key in arguments.only:
                results, checks = bench.compare(work)
                text += "\n\n" + table(work, results, checks, missing)
                output.write_text(text + "\n")
    print(text)
    say(f"the table is in {output}")


if __name__ == "__main__":
    main()
