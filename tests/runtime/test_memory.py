"""Which mappings may be given back: a mistake here is a crash, so only those that equal their file."""

from modelserver.memory import settle, untouched_library_mappings


def mapping(addresses: str, permissions: str, path: str, anonymous: int) -> str:
    head = f"{addresses} {permissions} 00030000 fe:00 1234    {path}"
    return f"{head}\nSize: 8 kB\nAnonymous: {anonymous:8} kB\nVmFlags: rd\n"


def test_only_clean_mappings_of_libraries_that_cannot_be_written() -> None:
    smaps = "".join(
        (
            mapping("1000-3000", "r-xp", "/app/x.so", 0),
            mapping("3000-4000", "r--p", "/app/x.so.1.2", 0),
            mapping("4000-5000", "r--p", "/app/x.so", 4),  # relocated, then made read-only
            mapping("5000-6000", "rw-p", "/app/x.so", 0),
            mapping("a000-b000", "r-xp", "/usr/bin/python3.11", 0),
            mapping("c000-d000", "r-xp", "[vdso]", 0),
            mapping("e000-f000", "r--p", "/app/gone.so (deleted)", 0),
        )
    )
    assert list(untouched_library_mappings(smaps)) == [(0x1000, 0x3000), (0x3000, 0x4000)]


def test_this_process_survives_it() -> None:
    settle()
    import numpy as np

    assert float(np.linalg.norm(np.ones(4))) == 2.0
