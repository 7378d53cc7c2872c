"""The other side of generate_numpy.rs: writes the arrays that NumPy makes.

Reads one command a line from standard input:

    arange OUT DTYPE START STOP STEP
    linspace OUT DTYPE START STOP COUNT ENDPOINT
    indices OUT AXIS LENGTH..
    quantiles OUT IN                            of the normal distribution, for words of 64 bits
"""

import statistics
import sys

import numpy as np


def number(text, dtype):
    return int(text) if np.dtype(dtype).kind in "iu" else float(text)


def arange(dtype, *limits):
    with np.errstate(all="ignore"):
        return np.arange(*(number(limit, dtype) for limit in limits), dtype=dtype)


def linspace(dtype, start, stop, count, endpoint):
    return np.linspace(float(start), float(stop), int(count), endpoint == "true", dtype=dtype)


def indices(axis, *shape):
    return np.indices([int(length) for length in shape])[int(axis)]


def quantiles(path):
    """By the standard library, of the probabilities that random_normal says it takes."""
    inverse = statistics.NormalDist().inv_cdf
    words = np.load(path)
    return np.array([inverse(((int(word) >> 12) + 0.5) / 2**52) for word in words])


makers = {"arange": arange, "linspace": linspace, "indices": indices, "quantiles": quantiles}
for line in sys.stdin:
    kind, path, *arguments = line.split()
    np.save(path, makers[kind](*arguments))
