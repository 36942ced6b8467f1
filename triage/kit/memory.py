"""Keeps processes small: what one frees goes back to the system, and what it has loaded is shared by its children."""

import ctypes
import gc

from sqlalchemy.orm import configure_mappers

# glibc's names for them, in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MIB = 1024 * 1024


def give_back() -> None:
    """Call before threads start. Left alone, glibc keeps a heap for each few threads, and the room in which a
    password was hashed. Does nothing where there is no glibc."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_ARENA_MAX, 2)
        library.mallopt(_MMAP_THRESHOLD, _MIB)
        library.mallopt(_TRIM_THRESHOLD, _MIB)


def share() -> None:
    """Call when everything is loaded, before the process forks: what is never written to stays shared."""
    configure_mappers()
    gc.collect()
    gc.freeze()
