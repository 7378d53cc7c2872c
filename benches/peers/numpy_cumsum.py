"""The running sum along axis 0 of a file larger than memory, by hand with numpy.memmap.

    python numpy_cumsum.py IN.npy OUT.npy BLOCK_MIB

Row blocks of BLOCK_MIB, summed in double precision; the last row is carried to the next block.
"""

import sys

import numpy as np


def main(source, target, block_mib, _threads=1):
    field = np.load(source, mmap_mode="r")
    result = np.lib.format.open_memmap(target, "w+", field.dtype, field.shape)
    # Of double precision, a block takes twice as much.
    step = max(1, (int(block_mib) << 20) // (2 * field.shape[1] * field.itemsize))
    carry = np.zeros(field.shape[1])
    for row in range(0, len(field), step):
        sums = np.cumsum(field[row : row + step], axis=0, dtype=np.float64)
        sums += carry
        result[row : row + step] = sums
        carry = sums[-1].copy()
    result.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
