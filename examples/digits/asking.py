"""Asks a model about the pictures in requests.json, a hundred times a second, for ever; see clients.py.

Runs in a pod with Python's standard library. A request that fails is counted and never sent again.
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

HOST = "digits"
PATH = "/v2/models/digits/infer"
THREADS = 4
PER_SECOND = 25  # of each thread
TOLD_EVERY = 5.0


def ask(bodies: list[bytes], counts: Counter[str], host: str) -> None:
    """One client, with a connection of its own that it keeps for as long as the server does."""
    connection = http.client.HTTPConnection(host, timeout=10)
    due = time.monotonic()
    for number in range(sys.maxsize):
        try:
            connection.request("POST", PATH, bodies[number % len(bodies)], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            version = answer.getheader("x-modelway-version", "?")
            counts[f"version {version}" if answer.status == 200 else "failed"] += 1
        except (OSError, http.client.HTTPException):
            counts["failed"] += 1
            connection.close()
        due = max(due + 1 / PER_SECOND, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def main() -> None:
    bodies = [json.dumps(body).encode() for body in json.loads(Path(__file__).with_name("requests.json").read_text())]
    host = sys.argv[1] if len(sys.argv) > 1 else HOST
    counts: Counter[str] = Counter()
    for _ in range(THREADS):
        threading.Thread(target=ask, args=(bodies, counts, host), daemon=True).start()
    before: Counter[str] = Counter()
    while True:
        time.sleep(TOLD_EVERY)
        now = Counter(counts)
        new = {name: now[name] - before[name] for name in sorted(now) if now[name] != before[name]}
        told = ", ".join(f"{count} {name}" for name, count in new.items() if name != "failed")
        print(f"{sum(now.values())} requests, {now['failed']} failed; in the last five seconds: {told}")
        before = now


if __name__ == "__main__":
    main()
