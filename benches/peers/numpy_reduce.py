"""A sum, mean or variance of a file larger than memory as it is done by hand with numpy.memmap.

    python numpy_reduce.py IN.npy OUT.npy BLOCK_MIB THREADS sum|mean|var [AXIS]

Row blocks of BLOCK_MIB, summed in double precision. Without AXIS the result is printed; along axis 0
the moments of the blocks are combined (Chan, Golub and LeVeque, 1979).
"""

import sys

import numpy as np


def blocks(field, block_mib):
    step = max(1, (block_mib << 20) // (field.shape[1] * field.itemsize))
    for row in range(0, len(field), step):
        yield slice(row, row + step), field[row : row + step]


def total(field, block_mib):
    return sum(np.sum(block, dtype=np.float64) for _, block in blocks(field, block_mib))


def var_of_columns(field, block_mib):
    count, mean, squares = 0, 0.0, 0.0
    for _, block in blocks(field, block_mib):
        more = len(block)
        distance = np.mean(block, axis=0, dtype=np.float64) - mean
        squares = squares + np.var(block, axis=0, dtype=np.float64) * more
        squares += distance**2 * (count * more / (count + more))
        mean = mean + distance * (more / (count + more))
        count += more
    return (squares / count).astype(field.dtype)


def var_of_rows(field, block_mib):
    result = np.empty(len(field), field.dtype)
    for part, block in blocks(field, block_mib):
        result[part] = np.var(block, axis=1, dtype=np.float64)
    return result


def main(source, target, block_mib, _threads, op, axis=None):
    field, block_mib = np.load(source, mmap_mode="r"), int(block_mib)
    if op == "var":
        np.save(target, [var_of_columns, var_of_rows][int(axis)](field, block_mib))
    else:
        print(total(field, block_mib) / (field.size if op == "mean" else 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
