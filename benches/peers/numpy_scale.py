"""x -> 2x of a file larger than memory as it is done by hand with numpy.memmap.

    python numpy_scale.py IN.npy OUT.npy [BLOCK_MIB]

Row blocks of BLOCK_MIB (64) are multiplied straight from one map into the other.
"""

import sys

import numpy as np


def main(source, target, block_mib=64, _threads=1):
    field = np.load(source, mmap_mode="r")
    scaled = np.lib.format.open_memmap(target, "w+", field.dtype, field.shape)
    step = max(1, (block_mib << 20) // (field.shape[1] * field.itemsize))
    for row in range(0, len(field), step):
        np.multiply(field[row : row + step], 2, out=scaled[row : row + step])
    scaled.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
