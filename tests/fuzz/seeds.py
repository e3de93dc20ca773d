"""What fuzzing begins with: requests as clients send them, and as they should not, and the words they are made of."""

import json

V2 = json.dumps({"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}).encode()
_ROWS = {"name": "x", "shape": [100, 4], "datatype": "FP32", "data": [number / 8 for number in range(400)]}
LONG = json.dumps({"inputs": [_ROWS]}).encode()  # read by simdjson
DOCUMENTED = json.dumps(
    {
        "generation": 3,
        "digests": {"6f9c": "sha256:00"},
        "stable": "6f9c",
        "candidate": {"revision": "81ab", "http": "http://digits-81ab.default.svc:8080", "grpc": "digits-81ab:9000"},
        "weight": 12.5,
        "headers": [{"name": "x-model", "value": "candidate"}],
        "sticky": {"header": "x-user"},
        "shadow": {"percent": 100, "absoluteTolerance": 1e-4, "relativeTolerance": 1e-3},
    }
).encode()
PREDICT = b'{"data": [[1, 2.5, null, 4]]}'
INSTANCES = b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}'
_INPUT = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
BINARY_HEAD = json.dumps({"inputs": [_INPUT], "parameters": {"binary_data_output": True}}).encode()
BINARY = BINARY_HEAD + bytes(range(16))


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: t", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(path: str, *parts: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


INFER = "/v2/models/tiny/infer"
REQUESTS = [
    post(INFER, V2),
    post("/model/predict", PREDICT, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    post("/v1/models/tiny:predict", INSTANCES, "x-request-id: a", "x-request-timeout-ms: 100"),
    post(INFER, BINARY, f"Inference-Header-Content-Length: {len(BINARY_HEAD)}"),
    chunked(INFER, V2[:9], V2[9:]),
    b"GET /v2/health/live HTTP/1.1\r\nHost: t\r\n\r\n" * 3,
    b"HEAD /v2 HTTP/1.1\r\nHost: t\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n",
    b"GET http://t/v2/models/tiny HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
    post(INFER, V2, "Expect: 100-continue", "Connection: Upgrade", "Upgrade: h2c"),
    b"GET /v2 HTTP/1.1\r\nHost: t\r\n\r\n" * 20 + post(INFER, V2),  # more than one turn's
    b"\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
]
HEADS = [
    b"POST /model/predict HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"POST http://t/v2/models/tiny/infer?a=b HTTP/1.1\r\nhost: t\r\nAuthorization: Bearer a\r\nx-api-key: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close, x-api-key, te\r\nx-api-key: b\r\nTE: trailers\r\n\r\n",
]
# Words that a mutation puts in: whole tokens, where random bytes would take for ever to find them.
WORDS = [
    b"\r\n",
    b"\r\n\r\n",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked",
    b"Inference-Header-Content-Length: ",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Upgrade: h2c",
    b"HTTP/1.0",
    b"Host: ",
    b"Connection: ",
    b"x-api-key: ",
    b"authorization",
    b"x-request-timeout-ms: ",
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    b"HTTP/1.1",
    b"HEAD ",
    b"0\r\n\r\n",
    b"ffffffff",
    b";a=b",
    b"99999999999999999999",
    b"-1",
    b"[" * 40,
    b"[" * 1000 + b"]" * 1000,
    b"a" * 3000,
    b"]",
    b"{",
    b"}",
    b'"',
    b"null",
    b"true",
    b"1e999",
    b"0.1",
    b'"inputs"',
    b'"outputs"',
    b'"parameters"',
    b'"binary_data_size"',
    b'"binary_data"',
    b'"instances"',
    b'"data"',
    b'"shape"',
    b'"datatype"',
    b'"b64"',
    b"\xff\xff\xff\xff",
    b"\x00",
    b"\xe2\x80\xa8",
    b"\\ud800",
]
