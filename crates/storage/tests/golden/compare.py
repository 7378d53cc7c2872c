"""Reads a list of cases, checks the file that Rust wrote for each, and writes NumPy's own.

    python compare.py FOLDER < cases

A case is a line `number code byte-order order lengths version`, and lengths are `3x4` or `scalar`.
Every difference is a line on standard output.
"""

import sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
from samples import samples, write  # noqa: E402


def differences(path, code, byte_order, order, shape):
    """What NumPy sees in a file that is not as the case says."""
    array = np.load(path, mmap_mode="r")
    mark = "<" if byte_order == "little" else ">"
    if array.dtype != np.dtype(code).newbyteorder(mark):
        yield f"type {array.dtype}"
    if array.shape != shape:
        yield f"shape {array.shape}"
    elif array.astype(code).tobytes() != samples(array.size, code).tobytes():
        yield f"values {array.ravel()[:20]}"
    if not array.flags["C_CONTIGUOUS" if order == "C" else "F_CONTIGUOUS"]:
        yield f"strides {array.strides}"


folder = Path(sys.argv[1])
for line in sys.stdin:
    number, code, byte_order, order, lengths, version = line.split()
    shape = () if lengths == "scalar" else tuple(map(int, lengths.split("x")))
    for difference in differences(folder / f"rust-{number}.npy", code, byte_order, order, shape):
        print(f"{line.strip()}: {difference}")
    path = folder / f"numpy-{number}.npy"
    write(path, code, byte_order, order, shape, (int(version), 0))
