"""The other side of expression_numpy.rs: writes inputs, and evaluates expressions with NumPy.

Reads one command a line from standard input, its words parted by tabs, and answers each with one:

    make PATH DTYPE ORDER SHAPE SEED       write random numbers, small and large, NaN and infinities
    check OUTPUT EXPRESSION NAME=PATH ...  "refused" if NumPy refuses it; otherwise the greatest
                                           error of OUTPUT in ulps, or what is altogether different
"""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")


def make(path, dtype, order, shape, seed):
    dtype, shape = np.dtype(dtype), tuple(int(n) for n in shape.split(","))
    rng = np.random.default_rng(int(seed))
    if dtype.kind == "b":
        numbers = rng.random(shape) < 0.5
    elif dtype.kind in "iu":
        limits, native = np.iinfo(dtype), dtype.newbyteorder("=")
        large = rng.integers(limits.min, limits.max, shape, dtype=native, endpoint=True)
        small = rng.integers(-5 * (dtype.kind == "i"), 9, shape).astype(native)
        numbers = np.where(rng.random(shape) < 0.3, large, small)
    else:
        numbers = 3 * rng.standard_normal(shape)
        numbers = np.where(rng.random(shape) < 0.2, np.round(numbers), numbers)
        if dtype.kind == "c":
            numbers = numbers + 1j * rng.standard_normal(shape)
        else:
            special = rng.random(shape)
            numbers = np.where(special < 0.03, np.nan, numbers)
            numbers = np.where(special > 0.97, np.inf * np.sign(numbers), numbers)
    np.save(path, numbers.astype(dtype, order=order))
    return "done"


NAMES = {name: getattr(np, name) for name in np.__all__} | {"abs": np.abs, "round": np.round}


def check(output, expression, *inputs):
    inputs = dict(word.split("=", 1) for word in inputs)
    arrays = {name: np.load(path) for name, path in inputs.items()}
    # What NumPy computes in foreign byte order has another type in name only.
    arrays = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
    try:
        expected = np.asarray(eval(expression, dict(NAMES), arrays))
    except (TypeError, OverflowError, ValueError, ZeroDivisionError):
        return "refused"
    if output == "-":
        return f"{expected.dtype} {expected.shape}"
    found = np.load(output)
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"{expected.dtype} {expected.shape}, not {found.dtype} {found.shape}"
    if found.dtype.kind not in "fc":
        wrong = np.flatnonzero(found != expected)
        return "0" if not wrong.size else places(wrong, found, expected, arrays)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    if found.dtype.kind == "c":
        # Which parts of an infinite complex number are NaN is left to the libraries.
        same |= ~np.isfinite(found) & ~np.isfinite(expected)
    wrong = np.flatnonzero(~same & ~(np.isfinite(found) & np.isfinite(expected)))
    if wrong.size:
        return places(wrong, found, expected, arrays)
    limits = np.finfo(found.dtype)
    wide = np.clongdouble if found.dtype.kind == "c" else np.longdouble
    found, expected = found[~same].astype(wide), expected[~same].astype(wide)
    size = np.maximum(np.abs(expected), limits.smallest_normal)
    return repr(float(np.max(np.abs(found - expected) / size, initial=0) / limits.eps))


def places(wrong, found, expected, arrays):
    first = int(wrong[0])
    values = {name: np.broadcast_to(array, found.shape).flat[first] for name, array in arrays.items()}
    return f"at {first} of {values}: {found.flat[first]!r}, not {expected.flat[first]!r}"


for line in sys.stdin:
    command, *arguments = line.rstrip("\n").split("\t")
    print({"make": make, "check": check}[command](*arguments), flush=True)
