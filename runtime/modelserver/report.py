"""What `modelserver inspect` found, as a person reads it."""

from collections.abc import Iterable, Iterator

from modelserver.inspect import Report, Tensor

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
MOST_OPERATORS = 12
MOST_FILES = 3
WIDTH = 12  # of the first column


def text(report: Report) -> str:
    """The whole report, some twenty lines."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield _row("model", f"{report.name}, {size(report.bytes)} at {report.path}")
    yield _row("digest", report.digest)
    yield from _file(report)
    yield from _tensors("inputs", report.inputs)
    yield from _tensors("outputs", report.outputs)
    yield _row("batches", "yes: the first axis of each input and output is open" if report.batchable else "no")
    if report.run_seconds is not None:
        memory = size(report.peak_memory_bytes)
        yield _row(
            "one run",
            f"{report.run_seconds * 1000:.3f} ms for zeros or ones; this process took {memory} at most",
        )
    yield _row("runs on", ", ".join(f"{name} {value}" for name, value in report.runtime.items()))
    yield from _titled("settings", _settings(report))
    yield from _titled("advice", report.advice)
    yield ""
    yield f"modelserver serve {report.path}"
    yield report.curl


def _file(report: Report) -> Iterator[str]:
    file = report.file
    if file is None:
        made = f", made by {report.producer}" if report.producer else ""
        yield _row("format", f"ONNX Runtime's own (.ort){made}; it does not tell operators, opsets and weights")
        return
    opsets = ", ".join(f"{domain} {version}" for domain, version in file.opsets.items())
    yield _row("producer", f"{file.producer or 'not told'}; ONNX IR version {file.ir_version}; opsets: {opsets}")
    files = list(file.external_files)
    rest = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
    elsewhere = f", in {', '.join(files[:MOST_FILES])}{rest}" if files else ""
    yield _row("weights", f"{file.parameters:,} parameters, {size(file.weight_bytes)}{elsewhere}")
    several = [f"{name} ×{count}" if count > 1 else name for name, count in file.operators.items()]
    more = len(several) - MOST_OPERATORS
    yield _row("operators", ", ".join(several[:MOST_OPERATORS]) + (f", and {more} more kinds" if more > 0 else ""))


def _tensors(title: str, tensors: tuple[Tensor, ...]) -> Iterator[str]:
    widest = max((len(tensor.name) for tensor in tensors), default=0)
    shapes = (", ".join(str(part) for part in tensor.shape) for tensor in tensors)
    told = (f"{one.name:{widest}}  {one.datatype:6} [{shape}]" for one, shape in zip(tensors, shapes, strict=True))
    return _titled(title, told)


def _settings(report: Report) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in report.settings.items()) or ("the defaults fit",)


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    """The title stands before the first line only."""
    return (_row("" if index else title, line) for index, line in enumerate(lines))


def _row(title: str, content: str) -> str:
    return f"{title:{WIDTH}}{content}"


def size(count: int) -> str:
    """`5906` → `5.8 KiB`."""
    amount = float(count)
    for unit in UNITS:
        if amount < 1024 or unit == UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
