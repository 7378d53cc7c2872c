"""What a comparison needs: programs, packages and folders."""

import json
import platform
import subprocess
import sys
from pathlib import Path

from compare.say import last_line, run, say

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ["numpy", "scipy", "dask", "blosc2", "numexpr"]


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
