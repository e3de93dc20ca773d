"""The command line: `modelserver inspect PATH`, `serve [PATH]` and `fetch`; help is made from the settings."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from modelserver import __version__, termination
from modelserver.errors import BadSettings, ContainerError
from modelserver.settings import FetchSettings, ServeSettings, flag, read

DESCRIPTION = """\
Serves one ONNX model over HTTP: the Open Inference Protocol v2, and POST /model/predict.

  modelserver inspect model.onnx     what it is, what it takes and gives, a curl line to try it with
  modelserver serve model.onnx       serve it (a file, or a folder that holds one) on port 8080
  modelserver fetch                  fill the model directory from MODELSERVER_MODEL_URI, verified
  modelserver serve                  serve what fetch has put there
"""
EPILOGUE = """\
Every setting is a flag (--http-port 9000) and an environment variable (MODELSERVER_HTTP_PORT=9000); the flag wins.
`modelserver serve --help` lists them with their defaults.

Exit code: 0 done, 1 failed (the last line on stderr says why, and what to do), 2 wrong usage.
"""
INSPECT = """\
Loads the model, runs it once on zeros and tells what it found: datatypes and shapes with the names of open sizes,
operators, opsets, weights, the digest that `fetch` would record, whether requests can be batched, settings that should
not be the defaults, and a request that works.

  modelserver inspect model.onnx
  modelserver inspect model.onnx --json | jq .inputs
  modelserver inspect model.onnx --request | curl localhost:8080/v2/models/model/infer -d @-
"""
SERVE = """\
Loads the model, warms it up, then answers until SIGTERM.

  curl localhost:8080/v2/models/NAME                                          what it takes and gives
  curl localhost:8080/model/predict -d '{"data": [[5.1, 3.5, 1.4, 0.2]]}'     the plain way
  curl localhost:8080/v2/models/NAME/infer -d '{"inputs": [...]}'             the Open Inference Protocol
  curl localhost:8080/metrics                                                 Prometheus metrics

On SIGTERM it turns unready, goes on answering everybody while the news spreads, closes connections politely and
exits 0; a second SIGTERM ends sooner. Exit code 1 means failure, told in one sentence.
"""
FETCH = """\
Downloads the model to MODEL_DIR/content and writes MODEL_DIR/artifact.json, last and atomically.

Broken connections are resumed, the size is bounded, the sha256 is compared with the pinned or recorded digest, and
what is no ONNX model (a login page, an archive, a cut-off file) is refused. S3 reads the usual AWS_* variables;
AWS_ENDPOINT_URL names another server, AWS_SKIP_SIGNATURE=true reads public buckets.
"""
MODES = {"serve": (ServeSettings, SERVE), "fetch": (FetchSettings, FETCH)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 failed (and said why), 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["modelserver"]:  # a pod's `args: [modelserver, serve]` behind the image's entry point
        del words[0]
    given = vars(_parser().parse_args(words))
    command, path = given.pop("command"), given.pop("path", None)
    log = Path(given.get("termination_log") or os.environ.get("MODELSERVER_TERMINATION_LOG") or "/dev/termination-log")
    try:
        if command == "inspect":
            return _inspect(Path(path or ""), given["as_json"], given["request"])
        if command == "fetch":
            return _fetch(read(FetchSettings, given, os.environ), log)
        return _serve(read(ServeSettings, given, os.environ), path)
    except ContainerError as error:
        termination.say(termination.failure_message(error.reason, str(error)), log)
        print(f"modelserver {command}: {error.reason}: {error}", file=sys.stderr)
        return 1


def _fetch(settings: FetchSettings, log: Path) -> int:
    from modelserver.artifact.fetch import fetch  # `serve` must not pay for it

    artifact = fetch(settings)
    termination.say(termination.success_message(artifact.digest, artifact.bytes), log)
    print(f"modelserver fetch: {artifact.uri} is {artifact.digest}, {artifact.bytes} bytes in {artifact.files} file(s)")
    return 0


def _inspect(path: Path, as_json: bool, request: bool) -> int:
    import orjson

    from modelserver import inspect, report

    found = inspect.inspect(path, read(ServeSettings, {}, os.environ).providers)
    if request and found.request is None:
        raise BadSettings(f"A request for {path} would be too long to print. Ask with a client and your own data.")
    if as_json or request:
        print(orjson.dumps(found.request if request else found, option=orjson.OPT_INDENT_2 * as_json).decode())
    else:
        print(report.text(found), end="")
    return 0


def _serve(settings: ServeSettings, path: str | None) -> int:
    from modelserver.server.lifecycle import serve  # `fetch` must not import onnxruntime or numpy

    return serve(settings, Path(path) if path else None)


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("modelserver", description=DESCRIPTION, epilog=EPILOGUE, formatter_class=formatter)
    parser.add_argument("--version", action="version", version=f"modelserver {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="inspect|serve|fetch")
    look = commands.add_parser("inspect", description=INSPECT, formatter_class=formatter)
    look.add_argument("path", metavar="PATH", help="a .onnx or .ort file, a folder that holds one, or what fetch wrote")
    look.add_argument("--json", dest="as_json", action="store_true", help="everything, as one JSON document")
    look.add_argument("--request", action="store_true", help="only a request of zeros that the model accepts")
    for command, (settings, description) in MODES.items():
        sub = commands.add_parser(command, description=description, formatter_class=formatter)
        if command == "serve":
            sub.add_argument("path", nargs="?", metavar="PATH", help="a .onnx file or a folder; default: --model-dir")
        for field in dataclasses.fields(settings):
            default = f" [{field.default}]" if field.default not in (None, "", ()) else ""
            explanation = f"{field.metadata['help']}{default} ({field.metadata['env']})".replace("%", "%%")
            sub.add_argument(flag(field.name), metavar="…", help=explanation)
    return parser
