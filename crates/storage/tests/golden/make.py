"""Writes the golden files beside this script; made with NumPy 2.4.6, any NumPy 2 writes the same.

    python make.py

The name of a file says what it holds: type, byte order, order, shape and format version. A test
compares the list of these files with the list of what it tests, so change both together.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
from samples import samples, write  # noqa: E402

HERE = Path(__file__).parent
CODES = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
BYTE_ORDERS = ["little", "big"]


def golden(code, byte_order, order, shape, version):
    lengths = "x".join(map(str, shape)) or "scalar"
    name = f"{code}-{byte_order}-{order}-{lengths}-v{version}.npy"
    write(HERE / name, code, byte_order, order, shape, (version, 0))


def with_header(name, dictionary, data):
    """A file of version 1.0 with a header that this NumPy would not write."""
    padding = 64 - (10 + len(dictionary) + 1) % 64
    header = (dictionary + " " * padding + "\n").encode("latin1")
    prefix = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    (HERE / name).write_bytes(prefix + header + data)


for old in HERE.glob("*.npy"):
    old.unlink()

for code, byte_order, order in product(CODES, BYTE_ORDERS, "CF"):
    if np.dtype(code).itemsize > 1 or byte_order == "little":
        golden(code, byte_order, order, (3, 4), 1)

for byte_order in BYTE_ORDERS:
    golden("f8", byte_order, "C", (), 1)
    golden("i2", byte_order, "C", (5,), 1)
    for order in "CF":
        golden("f4", byte_order, order, (0, 4), 1)
        golden("f4", byte_order, order, (4, 0), 1)
        golden("c8", byte_order, order, (2, 3, 4), 1)
        for version in (2, 3):
            golden("u4", byte_order, order, (2, 3), version)

python_2 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"
with_header("python-2.npy", python_2, samples(6, "f4").astype("<f4").tobytes())
np.save(HERE / "structured.npy", np.zeros(3, [("x", "<f4"), ("n", "<i2")]))
np.save(HERE / "object.npy", np.array([1, "a", None], object), allow_pickle=True)
np.save(HERE / "text.npy", np.array(["a", "bc"]))
np.save(HERE / "date.npy", np.array(["2000-01-01"], "M8[D]"))
with open(HERE / "unicode-v3.npy", "wb") as file:
    np.lib.format.write_array(file, np.zeros(2, [("é", "<f4")]), version=(3, 0))
