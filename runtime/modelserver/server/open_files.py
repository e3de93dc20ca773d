"""Each connection is an open file, and many systems allow a process 1,024 of them unless it asks for more."""

import logging
import resource

log = logging.getLogger("modelserver")
SPARE = 512  # connections that are being refused, the model's files, gRPC, and what Python has open


def allow(connections: int) -> None:
    """Raise the soft limit so far that so many connections fit; what the hard limit does not let us is told."""
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < needed:
        log.warning(
            "At most %d files may be open here, so fewer than %d connections fit. Raise it (ulimit -Hn), or lower "
            "MODELSERVER_MAX_CONNECTIONS.",
            most,
            connections,
        )
