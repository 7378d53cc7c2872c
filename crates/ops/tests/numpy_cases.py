"""The other side of the tests against NumPy: writes inputs, and compares results.

Reads one command a line from standard input and answers each with one line:

    make INPUT DTYPE ORDER (SHAPE) SEED KIND      write random numbers
    quantile INPUT OUTPUT METHOD AXIS Q...        "same" if OUTPUT holds NumPy's quantiles
    histogram INPUT EDGES COUNTS BINS RANGE       "same" if the files hold NumPy's, or its error
    stats INPUT                                   what the elements that are not NaN come to: count,
                                                  NaN, infinite, zeros, min, max, sum, mean, std,
                                                  skewness, kurtosis
"""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")


def make(path, dtype, order, shape, seed, kind):
    dtype = np.dtype(dtype)
    native = dtype.newbyteorder("=")
    shape = tuple(int(n) for n in shape.strip("()").split(",") if n)
    rng = np.random.default_rng(int(seed))
    if dtype.kind == "b":
        numbers = rng.random(shape) < 0.3
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low, high = limits.min, limits.max
        if kind in ("few", "nan"):
            low, high = max(low, -3), 5
        elif kind == "same":
            low = high = 77
        elif dtype.itemsize == 8:
            # Differences of 64-bit integers must not wrap round in NumPy.
            low, high = low // 2, high // 2
        numbers = rng.integers(low, high, shape, dtype=native, endpoint=True)
    elif kind == "few":
        numbers = rng.integers(-3, 5, shape) / 4
    elif kind == "same":
        numbers = np.full(shape, 0.1)
    elif kind == "wide":
        numbers = np.exp(rng.normal(0, 3, shape)) * rng.choice([-1, 1], shape)
    else:
        numbers = np.asarray(rng.normal(size=shape))
        if numbers.size and kind in ("nan", "infinite"):
            value = np.nan if kind == "nan" else rng.choice([-np.inf, np.inf])
            numbers.flat[rng.integers(numbers.size)] = value
    np.save(path, np.asarray(numbers).astype(dtype, order=order))
    return "done"


def differs(found, expected):
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return f"{found.shape} {found.dtype}, not {expected.shape} {expected.dtype}"
    equal = (found == expected) | ((found != found) & (expected != expected))
    if not equal.all():
        at = tuple(np.argwhere(~np.atleast_1d(equal))[0])
        return f"{np.atleast_1d(found)[at]!r}, not {np.atleast_1d(expected)[at]!r} at {at}"
    return None


def quantile(path, output, method, axis, *quantiles):
    numbers, found = np.load(path), np.load(output)
    numbers = numbers.astype(numbers.dtype.newbyteorder("="))
    if method in ("linear", "midpoint"):
        # NumPy subtracts no booleans, and differences of integers wrap round in their own type.
        if numbers.dtype.kind == "b":
            numbers = numbers.astype(np.uint8)
        elif numbers.dtype.kind == "i":
            numbers = numbers.astype(np.int64)
    axis = None if axis == "all" else int(axis)
    expected = [np.quantile(numbers, float(q), axis=axis, method=method) for q in quantiles]
    expected = np.asarray(expected)
    if axis is not None and len(quantiles) == 1:
        expected = expected[0]
    return differs(found, expected) or "same"


def histogram(path, edges, counts, bins, limits):
    numbers = np.load(path)
    numbers = numbers.astype(numbers.dtype.newbyteorder("="))
    limits = None if limits == "all" else tuple(float(x) for x in limits.split(","))
    try:
        expected_counts, expected_edges = np.histogram(numbers, int(bins), range=limits)
    except ValueError as error:
        return f"error: {error}".replace("\n", " ")
    if edges == "none":
        return "no error"
    expected_counts = expected_counts.astype(np.uint64)
    return (
        differs(np.load(edges), expected_edges)
        or differs(np.load(counts), expected_counts)
        or "same"
    )


def stats(path):
    numbers = np.load(path).ravel()
    # In extended precision.
    wide = numbers.astype(np.longdouble)
    numbers, wide = numbers[wide == wide], wide[wide == wide]
    count = len(wide)
    counts = [count, np.load(path).size - count]
    counts += [np.isinf(wide).sum(), (wide == 0).sum()]
    if not count:
        return " ".join(str(int(n)) for n in counts) + " none"
    mean = wide.sum() / count
    second, third, fourth = (((wide - mean) ** p).sum() / count for p in (2, 3, 4))
    # Of numbers that are all the same there is no skewness.
    same = (wide == wide[0]).all()
    second = second * 0 if same else second
    skewness = np.longdouble("nan") if same else third / second**1.5
    kurtosis = np.longdouble("nan") if same else fourth / second**2 - 3
    results = [wide.min(), wide.max(), wide.sum(), mean, np.sqrt(second), skewness, kurtosis]
    return " ".join([*(str(int(n)) for n in counts), *(repr(float(x)) for x in results)])


commands = {"make": make, "quantile": quantile, "histogram": histogram, "stats": stats}
for line in sys.stdin:
    command, *arguments = line.split()
    print(commands[command](*arguments), flush=True)
