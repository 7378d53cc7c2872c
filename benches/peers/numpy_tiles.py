"""The 2-D transform of each tile of a file as it is done by hand with numpy.memmap.

    python numpy_tiles.py IN.npy OUT.npy [TILE [THREADS]]

A tile of TILE x TILE (1024) is copied, transformed with scipy.fft on THREADS (2), and its real part
is written to the same place of OUT.
"""

import sys

import numpy as np
import scipy.fft

def main(source, target, length=1024, threads=2):
    field = np.load(source, mmap_mode="r")
    result = np.lib.format.open_memmap(target, "w+", field.dtype, field.shape)
    rows, columns = field.shape
    for row in range(0, rows, length):
        for column in range(0, columns, length):
            part = np.s_[row : row + length, column : column + length]
            result[part] = scipy.fft.fft2(np.array(field[part]), workers=threads).real
    result.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
