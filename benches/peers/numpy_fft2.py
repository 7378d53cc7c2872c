"""The 2-D transform of a file larger than memory as it is done by hand with numpy.memmap.

    python numpy_fft2.py IN.npy OUT.npy [BLOCK_MIB [THREADS]]

Row blocks of BLOCK_MIB (64) are transformed from IN into OUT, then column blocks of OUT in place,
with scipy.fft on THREADS (2).
"""

import sys
import time

import numpy as np
import scipy.fft


def main(source, target, block_mib=64, threads=2):
    begin = time.perf_counter()
    field = np.load(source, mmap_mode="r")
    rows, columns = field.shape
    spectrum = np.lib.format.open_memmap(target, "w+", field.dtype, field.shape)
    block = block_mib << 20
    step = max(1, block // (columns * field.itemsize))
    for row in range(0, rows, step):
        part = np.s_[row : row + step]
        spectrum[part] = scipy.fft.fft(field[part], axis=1, workers=threads)
    middle = time.perf_counter()
    step = max(1, block // (rows * field.itemsize))
    for column in range(0, columns, step):
        part = np.s_[:, column : column + step]
        spectrum[part] = scipy.fft.fft(spectrum[part], axis=0, workers=threads)
    spectrum.flush()
    end = time.perf_counter()
    print(f"rows {middle - begin:.2f} s, columns {end - middle:.2f} s, total {end - begin:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
