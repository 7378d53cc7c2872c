"""The transform along all axes of an array in memory with scipy.fft, and nothing else: no file is written.

    python scipy_alone.py IN.npy _ [_ [THREADS]]

Prints the seconds of the transform alone, and its CPU seconds, as JSON; the array is loaded before.
"""

import json
import sys
import time

import numpy as np
import scipy.fft


def main(source, _target, _block_mib=64, threads=2):
    field = np.load(source)
    begin, cpu_begin = time.perf_counter(), time.process_time()
    scipy.fft.fftn(field, workers=threads)
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu_begin
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
