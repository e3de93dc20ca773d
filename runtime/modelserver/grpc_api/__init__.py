"""The Open Inference Protocol over gRPC, in front of the same model as HTTP; imported only if its port is on.

- `server.py` the port, its limits, and its part of the drain
- `calls.py`  every call that is answered, and by what
- `waiting.py` a caller's thread, until the model has answered or the caller is gone
- `status.py` what the domain's errors are in gRPC's words
- `health.proto` the standard health service; the protocol's own messages are in `protocol/inference.proto`
"""
