"""Words and numbers for whoever waits, and commands whose output is kept."""

import subprocess
import sys

MIB = 1 << 20


def run(command):
    return subprocess.run(command, capture_output=True, text=True)


def last_line(done):
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def say(text):
    print(text, file=sys.stderr, flush=True)


def show_bytes(count):
    for unit, size in (("GiB", 1 << 30), ("MiB", MIB), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"
