"""What it costs to write short runs past the page cache, by what they are written to.

    python short_writes.py OUT [THREADS]

Writes 2 GiB in 82,000 runs of 28 KiB at most, strip by strip, as the columns of 16384 rows of 128 KiB:
to a file without blocks, to one whose blocks are reserved, and to that one again, which then has been
written. Prints the seconds of each; OUT is removed. Standard library only.
"""

import mmap
import os
import sys
import threading
import time

ROWS, ROW, RUN = 16384, 128 << 10, 28 << 10


def write(out, threads):
    """Writes every strip, from several threads, each of which has some of the rows."""
    buffer = memoryview(mmap.mmap(-1, RUN))

    def part(first, strip):
        length = min(RUN, ROW - strip)
        for row in range(first, first + ROWS // threads):
            os.pwrite(out, buffer[:length], row * ROW + strip)

    begin = time.perf_counter()
    for strip in range(0, ROW, RUN):
        firsts = range(0, ROWS, ROWS // threads)
        workers = [threading.Thread(target=part, args=(first, strip)) for first in firsts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    os.fsync(out)
    return time.perf_counter() - begin


def main(path, threads="16"):
    for name in ["without blocks", "reserved", "written before"]:
        if name != "written before":
            if os.path.exists(path):
                os.remove(path)
            out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
            if name == "reserved":
                os.posix_fallocate(out, 0, ROWS * ROW)
        print(f"{name}: {write(out, int(threads)):.2f} s")
    os.remove(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
