"""One run of a program: in a control group, until its output is on the disk."""

import dataclasses
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from compare.say import MIB
from compare.surroundings import ROOT

IS_ROOT = os.geteuid() == 0


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
            result.failure = f"failed after {seconds:.1f} s: {reason(errors, status)[-160:]}"
        return result
    finally:
        if group:
            group.remove()


def reason(errors, status):
    """The line that says why: a command line's error, or the last, as Python prints it."""
    lines = errors.strip().splitlines() or [f"exit code {status}"]
    return next((line for line in lines if line.startswith("error:")), lines[-1])


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
