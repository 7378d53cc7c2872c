"""An expression of two files larger than memory with numexpr over numpy.memmap.

    python numexpr_eval.py A.npy OUT.npy BLOCK_MIB THREADS EXPRESSION B.npy

Row blocks of BLOCK_MIB are evaluated straight from two maps into a third.
"""

import sys

import numexpr
import numpy as np


def main(source, target, block_mib, threads, expression, other):
    numexpr.set_num_threads(int(threads))
    a, b = (np.load(path, mmap_mode="r") for path in (source, other))
    result = np.lib.format.open_memmap(target, "w+", a.dtype, a.shape)
    step = max(1, (int(block_mib) << 20) // (a.shape[1] * a.itemsize))
    for row in range(0, len(a), step):
        part = slice(row, row + step)
        numexpr.evaluate(expression, {"a": a[part], "b": b[part]}, out=result[part])
    result.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
