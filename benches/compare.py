"""Outcore beside the disk, numpy.memmap, scipy, dask and blosc2, on arrays larger than memory.

    python3 benches/compare.py [--folder DIR] [--runs 3] [--cap 512MiB] [--only WORK..] [--quick]
                               [--timeout 600] [--output TABLE.md]

From a clean checkout: makes a virtual environment of its own below target/, builds the release
programs with cargo, makes the inputs, runs everything, and writes a Markdown table. Standard library
only; what it compares with is in benches/peers, a short program each.

Each run is a process of its own, as root inside a control group with a memory limit and with an
empty page cache. The competitors take turns: all of them once, then all of them again. Time is wall
time from the start of the process to the moment when its output is on the disk (the output is synced
here, whether the program did so or not). After the first run of each, its output is checked against
the definition.
"""

import argparse
import dataclasses
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
PACKAGES = ["numpy", "scipy", "dask", "blosc2"]
WORKS = ["scale", "fft2", "tiles", "in-memory", "twice"]
CORES = len(os.sched_getaffinity(0))
IS_ROOT = os.geteuid() == 0
MIB = 1 << 20
# What an interpreter with its libraries takes; it is added to the caps of --quick.
QUICK_BASE = 128 * MIB


# --- What is compared -------------------------------------------------------------------------


@dataclasses.dataclass
class Array:
    """An input: its type, its shape and its format."""

    dtype: str
    shape: tuple
    format: str = "npy"

    @property
    def name(self):
        return f"{self.dtype}-{self.shape[0]}x{self.shape[1]}.{self.format}"

    @property
    def bytes(self):
        return self.shape[0] * self.shape[1] * {"float32": 4, "complex64": 8}[self.dtype]


@dataclasses.dataclass
class Competitor:
    """A program that does a work; SOURCE and TARGET in its command stand for the files."""

    name: str
    command: list
    cap: int = None
    source: Array = None  # If it is not the work's.
    needs: str = None  # A package.
    is_checked: bool = True
    times_itself: bool = False  # It prints "seconds" and "cpu_seconds" as JSON.


@dataclasses.dataclass
class Work:
    """A table: an operation on an array, and who does it."""

    key: str
    title: str
    source: Array
    check: str
    competitors: list
    reference: str = "floor"  # The first word of the competitor that ratios are taken to.
    is_cold: bool = True


def works(cap, base, tools):
    """The five works for a memory cap of so many bytes."""
    outcore, scale, python = tools["outcore"], tools["scale"], tools["python"]
    memory = f"{cap * 3 // 4}"
    limit, large_limit = cap + base, 8 * cap + base
    columns = 1 << ((cap // 2).bit_length() // 2)
    tile = columns // 16
    rows = max(1, cap // 2 // columns // 1024) * 1024
    plane = Array("complex64", (rows, columns))
    field = Array("float32", (2 * rows, columns))
    small = Array("complex64", (columns // 2, columns // 2))

    def peer(name, script, cap_of_run=limit, **options):
        package = script.split("_")[0]
        block = cap // (4 * CORES if package == "dask" else 8)  # dask works on CORES at a time
        first = tile if "tiles" in script else max(1, block // MIB)
        command = [python, str(PEERS / script), "SOURCE", "TARGET", str(first), str(CORES)]
        return Competitor(name, command, cap_of_run, needs=package, **options)

    def floor(cap=limit):
        command = [sys.executable, str(PEERS / "direct_copy.py"), "SOURCE", "TARGET"]
        name = "floor: a direct copy"
        return Competitor(name, [*command, *tools["floor"]], cap, is_checked=False)

    def fft2(*options, cap=limit):
        command = [outcore, "fft2", "SOURCE", "TARGET", "--force", "--quiet", "--json", *options]
        return Competitor("outcore", command, cap)

    budget = ["--memory", memory]
    return [
        Work("scale", "x -> 2x, file to file", field, "scale", [
            floor(),
            Competitor("outcore", [scale, "SOURCE", "TARGET", "2", *budget], limit),
            peer("numpy.memmap by hand", "numpy_scale.py"),
            peer("dask", "dask_scale.py"),
            peer("blosc2, compression off", "blosc2_scale.py",
                 source=dataclasses.replace(field, format="b2nd")),
        ]),
        Work("fft2", "fft2 of the whole array, file to file", plane, "fft2", [
            floor(),
            fft2(*budget),
            peer("numpy.memmap by hand, scipy.fft", "numpy_fft2.py"),
            peer("dask", "dask_fft2.py"),
            peer(f"dask, with {show_bytes(8 * cap)}", "dask_fft2.py", large_limit),
        ]),
        Work("tiles", f"fft2 of each tile of {tile} x {tile}, real part, file to file", field,
             f"tiles {tile}", [
            floor(),
            fft2(*budget, "--tile", f"{tile},{tile}", "--real"),
            peer("numpy.memmap by hand, scipy.fft", "numpy_tiles.py"),
            peer("dask", "dask_tiles.py"),
        ]),
        Work("in-memory", "fft2 of an array that fits in memory: no cap, warm page cache", small,
             "fft2", [
            peer("scipy.fft alone, in memory to memory", "scipy_alone.py", None,
                 is_checked=False, times_itself=True),
            fft2(cap=None),
            peer("numpy, file to file, scipy.fft", "numpy_in_memory.py", None),
            floor(None),
        ], reference="scipy", is_cold=False),
        Work("twice", "fft2 of an array twice as large, with the same cap",
             Array("complex64", (2 * rows, columns)), "fft2", [floor(), fft2(*budget)]),
    ]


# --- The surroundings -------------------------------------------------------------------------


def environment(target):
    """A virtual environment with the packages: its Python, versions, what is missing and why."""
    folder, python = target / "compare-venv", target / "compare-venv/bin/python"
    missing = {}
    if not python.exists():
        say("makes a virtual environment")
        made = run([sys.executable, "-m", "venv", str(folder)])
        if made.returncode:
            say(f"cannot make a virtual environment, so {sys.executable} it is: {last_line(made)}")
            python = Path(sys.executable)
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        ask = f"import {package}, importlib.metadata as m; print(m.version('{package}'))"
        found = run([str(python), "-c", ask])
        if found.returncode:
            say(f"installs {package}")
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            installed = run([*pip, package])
            found = run([str(python), "-c", ask])
            if found.returncode:
                missing[package] = last_line(installed if installed.returncode else found)
                continue
        versions[package] = found.stdout.strip()
    for package in {"numpy", "scipy"} & missing.keys():
        sys.exit(f"{package} is needed for the inputs and the checks: {missing[package]}")
    return str(python), versions, missing


def build():
    """The release programs."""
    for arguments in (["-p", "outcore-cli"], ["--example", "06_scale_a_file"]):
        say(f"cargo build --release {' '.join(arguments)}")
        command = ["cargo", "build", "--release", "--locked", "--quiet", *arguments]
        subprocess.run(command, cwd=ROOT, check=True)


def target_folder():
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(json.loads(found.stdout)["target_directory"])


class Group:
    """A control group with a memory limit, for one run; version 1 or 2, whichever there is."""

    V1 = (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.max_usage_in_bytes",
          "memory.oom_control", "memory.memsw.limit_in_bytes")
    V2 = (Path("/sys/fs/cgroup"), "memory.max", "memory.peak", "memory.events", "memory.swap.max")
    number = 0

    def __init__(self, limit):
        reasons = []
        Group.number += 1
        for root, limit_file, self.peak_file, self.events_file, swap_file in (self.V1, self.V2):
            self.path = root / f"outcore-compare-{os.getpid()}-{Group.number}"
            try:
                self.path.mkdir()
                (self.path / limit_file).write_text(str(limit))
            except OSError as error:
                reasons.append(f"{self.path / limit_file}: {error.strerror}")
                self.remove()
                continue
            try:  # Swap would hide what does not fit. Not every kernel counts it.
                (self.path / swap_file).write_text("0" if "swap" in swap_file else str(limit))
            except OSError:
                pass
            return
        raise OSError("; ".join(reasons))

    def join(self):
        """Moves the process that calls it into the group."""
        (self.path / "cgroup.procs").write_text("0")

    def peak(self):
        try:
            return int((self.path / self.peak_file).read_text())
        except OSError:
            return None

    def kills(self):
        try:
            found = re.search(r"^oom_kill (\d+)", (self.path / self.events_file).read_text(), re.M)
        except OSError:
            return 0
        return int(found[1]) if found else 0

    def remove(self):
        deadline = time.monotonic() + 5
        while self.path.exists() and time.monotonic() < deadline:
            try:
                self.path.rmdir()
            except OSError:  # A process may take a moment to be gone.
                time.sleep(0.1)


def no_group():
    """Why memory cannot be limited, if so."""
    try:
        Group(64 * MIB).remove()
    except OSError as error:
        return str(error)
    return None


# --- A run ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Run:
    """What was measured of one process; `failure` says why there is no result."""

    seconds: float
    cpu_seconds: float
    resident: int
    group_peak: int = None
    failure: str = None
    output: str = ""


def measure(command, target, cap, timeout, is_cold):
    """Runs a command to its end, or to the time-out."""
    os.sync()
    if is_cold and IS_ROOT:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    group = Group(cap) if cap else None
    late = threading.Event()
    try:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begin = time.perf_counter()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     cwd=ROOT, start_new_session=True,
                                     preexec_fn=group and group.join)
            status, usage = wait(child, timeout, late)
            if status == 0 and target.exists():
                with target.open("rb") as file:
                    os.fsync(file)
            seconds = time.perf_counter() - begin
            out.seek(0), err.seek(0)
            output, errors = out.read().decode(), err.read().decode()
        result = Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output=output)
        result.group_peak = group.peak() if group else None
        if late.is_set():
            result.failure = f"more than {timeout:.0f} s"
        elif status == -signal.SIGKILL or status and group and group.kills():
            result.failure = f"killed for want of memory after {seconds:.1f} s"
        elif status:
            lines = errors.strip().splitlines() or [f"exit code {status}"]
            result.failure = f"failed after {seconds:.1f} s: {lines[-1][-160:]}"
        return result
    finally:
        if group:
            group.remove()


def wait(child, timeout, late):
    """Waits for a process, and kills it if it is late; its exit code and what it used."""

    def stop():
        late.set()
        os.killpg(child.pid, signal.SIGKILL)

    timer = threading.Timer(timeout, stop)
    timer.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    finally:
        timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage


class Bench:
    """Where the files are, and how runs are made."""

    def __init__(self, folder, tools, versions, missing, arguments, has_groups):
        self.inputs, self.outputs = folder / "in", folder / "out"
        self.inputs.mkdir()
        self.tools, self.versions, self.missing = tools, versions, missing
        self.arguments, self.has_groups = arguments, has_groups

    def input(self, array):
        path = self.inputs / array.name
        if not path.exists():
            say(f"makes {array.name}, {show_bytes(array.bytes)}")
            make = [self.tools["python"], str(PEERS / "make_input.py"), str(path), array.dtype]
            subprocess.run([*make, *map(str, array.shape)], check=True)
        return path

    def run(self, work, competitor):
        """One run, the output of which stays until the next."""
        shutil.rmtree(self.outputs, ignore_errors=True)
        self.outputs.mkdir()
        array = competitor.source or work.source
        source, target = self.input(array), self.outputs / f"out.{array.format}"
        names = {"SOURCE": str(source), "TARGET": str(target)}
        command = [names.get(word, word) for word in competitor.command]
        if not work.is_cold:
            with source.open("rb") as file:
                while file.read(16 * MIB):
                    pass
        cap = competitor.cap if self.has_groups else None
        result = measure(command, target, cap, self.arguments.timeout, work.is_cold)
        if competitor.times_itself and not result.failure:
            own = json.loads(result.output)
            result.seconds, result.cpu_seconds = own["seconds"], own["cpu_seconds"]
        return result, target

    def check(self, work, target):
        """The relative error of sampled rows of an output."""
        script, source = str(PEERS / "check.py"), str(self.inputs / work.source.name)
        done = run([self.tools["python"], script, source, str(target), *work.check.split()])
        if done.returncode:
            return last_line(done)
        error = float(done.stdout)
        return f"{error:.1e}" if error else "0"

    def compare(self, work):
        """All rounds of a work; the runs, the check and the skipped of each competitor."""
        results = {competitor.name: [] for competitor in work.competitors}
        checks = {}
        for number in range(self.arguments.runs):
            for competitor in work.competitors:
                runs = results[competitor.name]
                spent = sum(run.seconds for run in runs)
                if competitor.needs in self.missing or any(run.failure for run in runs):
                    continue
                if spent >= self.arguments.timeout / 2:
                    continue  # A slow one has shown that it is.
                result, target = self.run(work, competitor)
                runs.append(result)
                said = result.failure or f"{result.seconds:.2f} s"
                say(f"{work.key}, round {number + 1}: {competitor.name}: {said}")
                if competitor.is_checked and not result.failure and competitor.name not in checks:
                    checks[competitor.name] = self.check(work, target)
                    say(f"    relative error {checks[competitor.name]}")
        return results, checks

    def tune_floor(self, array, cap):
        """The block size and the number of threads with which a direct copy is fastest."""
        best = None
        for block in (1, 4, 16):
            for threads in (2, 4, 8):
                script, options = str(PEERS / "direct_copy.py"), [str(block), str(threads)]
                command = [sys.executable, script, "SOURCE", "TARGET", *options]
                work = Work("floor", "", array, "", [])
                result, _ = self.run(work, Competitor("floor", command, cap))
                if result.failure:
                    sys.exit(f"the direct copy {result.failure}")
                say(f"floor with blocks of {block} MiB, {threads} threads: {result.seconds:.2f} s")
                best = min(best or (result.seconds, options), (result.seconds, options))
        return best[1]


# --- The table --------------------------------------------------------------------------------


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
                     f"is {show_bytes(cap * 3 // 4)}.")
    if not IS_ROOT:
        lines.append("- **The page cache is not emptied** before each run: that takes root.")
    for name, reason in missing.items():
        lines.append(f"- **Skipped: {name}**: {reason}")
    lines += [
        f"- Everything uses all {CORES} cores. Time is from the start of the process, interpreter "
        "and imports included, until the output is on the disk.",
        f"- The floor is a direct copy of the input in blocks of {floor[0]} MiB by {floor[1]} "
        "threads, the fastest of 9 ways that were tried.",
        "- MB/s is the size of the input and of the output by the time, whatever else was moved. "
        "Resident memory is the most of the process, with what it maps; the group's is what the cap "
        "limits, with the page cache. Error is the relative L2 error of 3 rows.",
    ]
    return "\n".join(lines)


def table(work, results, checks, missing):
    """A work's table in Markdown."""
    array = work.source
    rows, columns = array.shape
    reference = next(name for name in results if name.startswith(work.reference))
    base = median(results[reference])
    lines = [
        f"### {work.title}",
        "",
        f"{array.dtype}, {rows} x {columns}, {show_bytes(array.bytes)}.",
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
            several = f" ({min(times):.2f} to {max(times):.2f})" if len(times) > 1 else ", one run"
            cells.append(f"{middle:.2f}{several}")
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
            cells.append(f"{2 * array.bytes / middle / 1e6:.0f}" if timed else "")
            cells.append(checks.get(competitor.name, ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def median(runs):
    times = [run.seconds for run in runs if not run.failure]
    return statistics.median(times) if times else None


def show_bytes(count):
    for unit, size in (("GiB", 1 << 30), ("MiB", MIB), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"


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


# --- The program ------------------------------------------------------------------------------


def size(text):
    found = re.fullmatch(r"(\d+) ?([KMG]?)(iB|B|)", text)
    if not found:
        raise argparse.ArgumentTypeError("a size is a number and a unit, such as 512MiB")
    power = " KMG".index(found[2] or " ")
    return int(found[1]) * (1000 if found[3] == "B" else 1024) ** power


def run(command):
    return subprocess.run(command, capture_output=True, text=True)


def last_line(done):
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def say(text):
    print(text, file=sys.stderr, flush=True)


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
    needed, free = 34 * cap, shutil.disk_usage(parent).free
    if free < needed:
        sys.exit(f"{parent}: has {show_bytes(free)} free; {show_bytes(needed)} are needed")
    output = arguments.output or target / "compare.md"
    with tempfile.TemporaryDirectory(prefix="outcore-compare-", dir=parent) as folder:
        bench = Bench(Path(folder), tools, versions, missing, arguments, not why_no_group)
        fits = next(work for work in works(cap, base, tools) if work.key == "in-memory")
        tools["floor"] = bench.tune_floor(fits.source, cap + base)
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
