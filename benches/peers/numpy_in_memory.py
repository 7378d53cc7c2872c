"""The 2-D transform of a file that fits in memory, with numpy and scipy: map it, transform, save.

    python numpy_in_memory.py IN.npy OUT.npy [_ [THREADS]]
"""

import sys

import numpy as np
import scipy.fft


def main(source, target, _block_mib=64, threads=2):
    field = np.load(source, mmap_mode="r")
    np.save(target, scipy.fft.fft2(field, workers=threads))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
