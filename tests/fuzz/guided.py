"""One run of atheris, in a process of its own: libFuzzer ends the process that it runs in.

    python -m tests.fuzz.guided TARGET SECONDS SEED CORPUS FINDINGS

A finding is written down and the run goes on; what takes longer than 30 s, or 1 GB of memory, ends it.
"""

import sys
from pathlib import Path

import atheris

LONGEST = 8192

with atheris.instrument_imports(include=["modelserver"]):
    from tests.fuzz.findings import Book
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, seconds, seed, corpus, findings = sys.argv[1:]
    target, book = TARGETS[name], Book(name, Path(findings))
    for number, content in enumerate(target.seeds()):
        (Path(corpus) / f"seed-{number}").write_bytes(content)

    def once(data: bytes) -> None:
        try:
            target.run(data)
        except Exception as problem:
            book.write(data, problem)

    limits = ["-timeout=30", "-rss_limit_mb=1024", f"-max_len={LONGEST}", "-print_final_stats=1"]
    limits += [f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={findings}/{name}-"]
    atheris.Setup([sys.argv[0], *limits, corpus], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
