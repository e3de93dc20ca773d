"""The load: one kept-alive connection, one request at a time, as little Python as possible. A process of its own.

`python -m bench.runtime.client PORT MODEL REQUESTS` prints the latencies' p50 and p99 in milliseconds as JSON.
"""

import json
import socket
import sys
from time import perf_counter

from bench.runtime.models import WIDTHS


def request(model: str) -> bytes:
    """One Open Inference Protocol request of one row, with the headers of an ordinary client."""
    width, _ = WIDTHS[model]
    data = [round(((i * 73) % 997) / 997, 6) for i in range(width)]
    inputs = [{"name": "x", "shape": [1, width], "datatype": "FP32", "data": data}]
    body = json.dumps({"id": "42", "inputs": inputs}).encode()
    head = (
        f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def exchange(client: socket.socket, sent: bytes) -> bytes:
    """Send and read one whole answer; gives its body."""
    client.sendall(sent)
    got = client.recv(262_144)
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += client.recv(262_144)
    head = got[:end].lower()
    at = head.index(b"content-length:") + 15
    length = int(head[at : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])
    while len(got) < end + 4 + length:
        got += client.recv(262_144)
    if b" 200 " not in got[:16]:
        raise RuntimeError(got.decode("latin-1"))
    return got[end + 4 :]


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def main() -> None:
    port, model, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    sent = request(model)
    times = []
    with connect(port) as client:
        for _ in range(count):
            began = perf_counter()
            exchange(client, sent)
            times.append(perf_counter() - began)
    times.sort()
    print(json.dumps({"p50": times[count // 2] * 1e3, "p99": times[count * 99 // 100] * 1e3}))


if __name__ == "__main__":
    main()
