"""Give back what only starting needed."""

import ctypes
import gc
import re
from collections.abc import Iterator
from pathlib import Path

MADV_DONTNEED = 4
# A mapping of a shared library that can't be written to: `7f…-7f… r-xp 00030000 fe:00 1234 /app/…/x.so`.
LIBRARY = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [1-9][0-9]*\s+/.*\.so[.0-9]*$")
ANONYMOUS = re.compile(r"Anonymous:\s+([0-9]+) kB")


def settle() -> None:
    """Call once, after the warm-up.

    What is loaded now stays, so the garbage collector need never look at it again. ONNX Runtime runs 13 MB of code to
    register operators, load and optimise the graph; of that, serving a small model needs about 3. Unmapped pages come
    back from the page cache, without I/O, should they be needed again: about 0.5 µs a page, once.
    """
    gc.collect()
    gc.freeze()
    smaps = Path("/proc/self/smaps")
    if not smaps.is_file():
        return  # not Linux
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end in untouched_library_mappings(smaps.read_text()):
        libc.madvise(start, end - start, MADV_DONTNEED)  # only advice: where it is refused, nothing is lost
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def untouched_library_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """Address ranges of libraries' code and constants that equal the file's bytes.

    Ranges with anonymous pages are left alone: the loader has written relocations there, which no file holds.
    """
    mapping: re.Match[str] | None = None
    for line in smaps.splitlines():
        if line[0].islower() or line[0].isdigit():
            mapping = LIBRARY.match(line)
        elif mapping and (anonymous := ANONYMOUS.match(line)):
            if anonymous[1] == "0":
                yield int(mapping[1], 16), int(mapping[2], 16)
            mapping = None
