"""A .npy file as a dask array whose blocks are slices of a memory map, mapped when needed.

This is how the dask documentation loads memory-mapped files: a delayed function opens the map and
takes its slice, so that no map of the whole file is passed around in the graph.
"""

import dask
import dask.array as da
import numpy as np


def load_block(path, part):
    return np.load(path, mmap_mode="r")[part]


def open_blocks(path, block_shape):
    """The array of a file in blocks of (rows, columns)."""
    whole = np.load(path, mmap_mode="r")
    load = dask.delayed(load_block, pure=True)

    def block(row, column):
        part = np.s_[row : row + block_shape[0], column : column + block_shape[1]]
        return da.from_delayed(load(path, part), whole[part].shape, whole.dtype)

    rows, columns = (range(0, *pair) for pair in zip(whole.shape, block_shape))
    return da.block([[block(row, column) for column in columns] for row in rows])


def open_rows(path, block_mib):
    """The array of a file in blocks of whole rows."""
    rows, columns = np.load(path, mmap_mode="r").shape
    return open_blocks(path, (max(1, (block_mib << 20) // (columns * 4)), columns))


def compute(array, threads):
    """Computes an array, or a number, in memory."""
    with dask.config.set(scheduler="threads", num_workers=threads):
        return array.compute()


def store(array, path, threads):
    """Computes an array into a new .npy file."""
    result = np.lib.format.open_memmap(path, "w+", array.dtype, array.shape)
    with dask.config.set(scheduler="threads", num_workers=threads):
        da.store(array, result, lock=False)
    result.flush()
