"""The median of a file with numpy.median, which holds all of it.

    python numpy_median.py IN.npy
"""

import sys

import numpy as np


def main(source, *_):
    print(np.median(np.load(source)))


if __name__ == "__main__":
    main(*sys.argv[1:])
