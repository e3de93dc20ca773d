"""Exact shares of traffic between a stable revision and its candidate, by the stable pods themselves.

- `document.py`  what the operator wants: the traffic document, validated, as a value
- `watch.py`     notices a new one
- `traffic.py`   what this pod makes of it: one `Splitter` for each generation, or none
- `share.py`     which way a request goes (pure)
- `splitter.py`  carries it out: answer, or forward, and shadow after the reply
- `outgoing.py`  a request's head as the candidate gets it (pure)
- `forward.py`   asks the candidate over HTTP, within `patience.py` (pure) and `circuit.py` (pure),
                 on the connections of `pool.py`, each an `upstream.py`
- `channel.py`   asks the candidate over gRPC; imported only where that port is on
- `shadow.py`    copies to the candidate after the reply, and what came of them
- `answers.py`   an answer's bytes as arrays again (pure), for `compare.py` (pure): where do two answers differ
- `counts.py`    what is counted for one generation
- `state.py`     what `GET /modelway/state` tells of all that
"""
