"""The other side of scipy.rs: writes inputs with NumPy, and compares outputs with SciPy.

Reads one command a line from standard input and answers each with one line:

    make INPUT DTYPE ORDER ROWS COLUMNS SEED HOW   write random numbers, by np.save or open_memmap
    check INPUT OUTPUT DIRECTION NORM PART         the relative error of OUTPUT in the L2 norm
"""

import sys

import numpy as np
import scipy.fft


def make(path, dtype, order, rows, columns, seed, how):
    dtype, shape = np.dtype(dtype), (int(rows), int(columns))
    rng = np.random.default_rng(int(seed))
    if dtype.kind == "b":
        numbers = rng.random(shape) < 0.5
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        native = dtype.newbyteorder("=")
        numbers = rng.integers(limits.min, limits.max, shape, dtype=native, endpoint=True)
    elif dtype.kind == "c":
        numbers = rng.random(shape) - 0.5 + 1j * (rng.random(shape) - 0.5)
    else:
        numbers = rng.random(shape) - 0.5
    numbers = numbers.astype(dtype, order=order)
    if how == "save":
        np.save(path, numbers)
    else:
        array = np.lib.format.open_memmap(
            path, "w+", dtype=dtype, shape=shape, fortran_order=order == "F"
        )
        array[:] = numbers
        array.flush()
    return "done"


def check(source, output, direction, norm, part):
    numbers = np.load(source, mmap_mode="r")
    found = np.load(output, mmap_mode="r")
    single = numbers.dtype.kind == "b" or numbers.dtype.itemsize <= 2 or numbers.dtype.char in "fF"
    expected_type = np.dtype(np.complex64 if single else np.complex128)
    if part == "real":
        expected_type = np.dtype(np.float32 if single else np.float64)
    if (found.shape, found.dtype) != (numbers.shape, expected_type):
        return f"shape {found.shape} {found.dtype}, not {numbers.shape} {expected_type}"
    if found.flags.f_contiguous != numbers.flags.f_contiguous:
        return "another order"
    transform = scipy.fft.fft2 if direction == "forward" else scipy.fft.ifft2
    # Integers of 64 bits become double precision first, as they do for SciPy itself.
    wide = np.asarray(numbers).astype(np.complex128).astype(np.clongdouble)
    expected = transform(wide, norm=norm)
    size = np.sqrt(np.sum(np.abs(expected) ** 2))
    if part == "real":
        expected = expected.real
    error = np.sqrt(np.sum(np.abs(found - expected) ** 2))
    return repr(float(error / size) if size else float(error))


for line in sys.stdin:
    command, *arguments = line.split()
    print({"make": make, "check": check}[command](*arguments), flush=True)
