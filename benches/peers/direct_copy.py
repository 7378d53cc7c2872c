"""The floor: a copy of a file past the page cache, as fast as the disk will go.

    python direct_copy.py BLOCK_MIB THREADS IN.. OUT

Each of THREADS takes the next block of BLOCK_MIB, reads it of every IN and writes it, with O_DIRECT,
until none is left; so that many transfers are under way at a time. Of several inputs the first is
written. The output's space is reserved at the beginning, and the output is on the disk at the end.
Standard library only.

The buffers lie in huge pages where the kernel has them: of 4 KiB pages, which lie anywhere in
memory, the kernel makes requests of a MiB at most, and that alone can cost a factor of three.
"""

import mmap
import os
import sys
import threading

PAGE = 4096


def main(block_mib, threads, *sources, target=None):
    """Reads all sources, and writes the first one's bytes to the target, if there is one."""
    block, threads = int(block_mib) << 20, int(threads)
    readers = [open_direct(source, os.O_RDONLY) for source in reversed(sources)]
    size = os.fstat(readers[-1]).st_size
    writer = None
    if target:
        writer = open_direct(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.posix_fallocate(writer, 0, -(-size // PAGE) * PAGE)
    offsets, lock, errors = iter(range(0, size, block)), threading.Lock(), []

    # A map is aligned to pages, as O_DIRECT wants.
    buffers = mmap.mmap(-1, block * threads, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        buffers.madvise(mmap.MADV_HUGEPAGE)

    def move_blocks(number):
        buffer = memoryview(buffers)[number * block : (number + 1) * block]
        try:
            while True:
                with lock:
                    offset = next(offsets, None)
                if offset is None:
                    return
                length = min(block, size - offset)
                for reader in readers:
                    transfer(os.preadv, reader, buffer, offset, length)
                if writer is not None:
                    transfer(os.pwritev, writer, buffer, offset, -(-length // PAGE) * PAGE)
        except OSError as error:
            errors.append(error)

    team = [threading.Thread(target=move_blocks, args=(number,)) for number in range(threads)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    if errors:
        raise errors[0]
    if writer is not None:
        os.ftruncate(writer, size)
        os.fsync(writer)


def open_direct(path, flags):
    """Opens a file past the page cache, or through it where the file system knows no other way."""
    try:
        return os.open(path, flags | os.O_DIRECT, 0o644)
    except OSError:
        print(f"{path}: cannot be opened with O_DIRECT; the page cache is used", file=sys.stderr)
        return os.open(path, flags, 0o644)


def transfer(call, descriptor, buffer, offset, length):
    """Reads or writes all of a block, in as many calls as it takes."""
    done = 0
    while done < length:
        end = -(-length // PAGE) * PAGE
        count = call(descriptor, [buffer[done:end]], offset + done)
        if count == 0:
            raise OSError(f"offset {offset + done}: nothing was moved of {length - done} bytes")
        done += count


if __name__ == "__main__":
    main(*sys.argv[1:-1], target=sys.argv[-1])
