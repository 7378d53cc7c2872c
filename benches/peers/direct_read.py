"""The floor of what only reads: a file read once past the page cache, as direct_copy.py reads it.

    python direct_read.py BLOCK_MIB THREADS IN
"""

import sys

from direct_copy import main

if __name__ == "__main__":
    main(*sys.argv[1:])
