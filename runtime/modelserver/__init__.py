"""A very fast ONNX Runtime server: bytes in, bytes out.

The rooms, in the order in which a request meets them:

- `server/`    connections (HTTP/1.1 on uvloop), the routes table, the life cycle from start to drained
- `grpc_api/`  the same over gRPC, on a port and in threads of its own
- `protocol/`  pure codecs: the bytes of a wire format ⇄ named tensors; one file a wire format
- `core.py`    decode → run → encode, protocol-free: the file to read first
- `session.py` ONNX Runtime: load, signature, run; `warmup.py` makes it warm; `threads.py` says how many threads
- `tensors.py` the datatypes and what a model's inputs and outputs look like
- `artifact/`  `modelserver fetch`: from a URI to a verified model directory (needs neither onnxruntime nor numpy)
- `metrics.py` every metric, declared in one place; `errors.py` every error and what it means at the edges
- `settings.py` every setting, its environment variable, flag, default and explanation

It never imports `modelway`; ARCHITECTURE.md holds the contract between the two.
"""

__version__ = "0.1.0"
