"""`python -m modelserver` and the console script `modelserver`."""

import sys


def main() -> None:
    from modelserver.cli import main as run  # keeps `import modelserver.__main__` free of effects

    sys.exit(run())


if __name__ == "__main__":
    main()
