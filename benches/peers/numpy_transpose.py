"""The transpose of a file larger than memory, by hand with numpy.memmap.

    python numpy_transpose.py IN.npy OUT.npy BLOCK_MIB

Square tiles of about BLOCK_MIB are copied from one map into the other.
"""

import math
import sys

import numpy as np


def main(source, target, block_mib, _threads=1):
    field = np.load(source, mmap_mode="r")
    rows, columns = field.shape
    result = np.lib.format.open_memmap(target, "w+", field.dtype, (columns, rows))
    side = math.isqrt((int(block_mib) << 20) // field.itemsize)
    for row in range(0, rows, side):
        for column in range(0, columns, side):
            down, across = slice(row, row + side), slice(column, column + side)
            result[across, down] = field[down, across].T
    result.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
