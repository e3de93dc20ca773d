"""This pod's part in the traffic: the document that holds, and what was made of it."""

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from modelserver.server.app import App
from modelserver.server.workers import Workers
from modelserver.traffic.contact import Contact
from modelserver.traffic.counts import Counts
from modelserver.traffic.document import Candidate, Document
from modelserver.traffic.forward import Forwarder
from modelserver.traffic.pool import Pool
from modelserver.traffic.shadow import ASKERS, Shadows
from modelserver.traffic.splitter import Splitter, Way
from modelserver.traffic.watch import LOOK_SECONDS, Watch

if TYPE_CHECKING:
    from modelserver.traffic.channel import Channels

log = logging.getLogger("modelserver")


class Traffic:
    """Reads the document from the start on, and until `close`. Used in the event loop's thread only."""

    def __init__(self, app: App, workers: Workers, loop: asyncio.AbstractEventLoop) -> None:
        self.app, self._workers, self._loop = app, workers, loop
        self._shadows = Shadows(app.metrics)
        self._way: Way | None = None
        self._channels: Channels | None = None  # the way for gRPC
        self._contact = Contact(time.monotonic())  # of the candidate, in this epoch
        self._candidate: Candidate | None = None  # where the way leads
        self._epoch: tuple[str, str] | None = None  # (candidate's revision, epoch) of which is counted
        self._timer: asyncio.TimerHandle | None = None
        self._watch = Watch(app.settings.traffic_dir, self.apply, self._refused)
        app.metrics.gauges["modelserver_traffic_generation"] = 0

    def start(self) -> None:
        """A pod without a revision belongs to no ModelDeployment, and has nothing to watch."""
        if self.app.settings.revision is not None:
            self._look()

    def apply(self, document: Document) -> None:
        """From now on `document` holds; counts begin anew, unless it tells the same epoch of the same candidate."""
        app, candidate = self.app, document.candidate
        splits = candidate is not None and document.stable == app.settings.revision
        self._lead(candidate if splits else None)
        epoch = (candidate.revision, document.epoch) if candidate is not None and document.epoch else None
        app.counts = self._counts(document.generation, epoch)
        app.splitter = None
        if candidate is not None:
            splitter = Splitter(app, self._workers, document, app.counts, self._way)
            if app.settings.grpc_port:
                from modelserver.grpc_api.splitting import Splitting

                splitter.grpc = Splitting(splitter, self._channels, self._loop)
            app.splitter = splitter
        app.metrics.gauges["modelserver_traffic_generation"] = document.generation
        log.info("traffic: generation %d, %s", document.generation, _part(document, splits))

    def _counts(self, generation: int, epoch: tuple[str, str] | None) -> Counts:
        former, same = self.app.counts, epoch is not None and epoch == self._epoch
        self._epoch = epoch
        if former is None or not same:
            self._contact.begin(time.monotonic())
            return Counts(generation, time.monotonic())
        return replace(former, generation=generation)

    def _lead(self, candidate: Candidate | None) -> None:
        """Have connections to this candidate, and to no other. Those to the same one are kept."""
        if candidate == self._candidate:
            return
        self._candidate = candidate
        if self._way is not None:
            self._way.close()
        if self._channels is not None:
            self._channels.retire()
        self._way = self._channels = None
        if candidate is None:
            return
        now, most, contact = time.monotonic, self.app.settings.max_in_flight, self._contact
        users, copies = Pool(candidate.http, most, now), Pool(candidate.http, ASKERS, now)
        self._way = Way(Forwarder(users, contact, now), Forwarder(copies, contact, now), self._shadows)
        if candidate.grpc is not None and self.app.settings.grpc_port:
            from modelserver.traffic.channel import Channels

            self._channels = Channels(candidate.grpc, self._contact)

    def _look(self) -> None:
        # Set first: whatever goes wrong with one document, the next one is read.
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        self._watch.look()
        if self._way is not None:
            self._way.users.pool.tidy()
            self._way.copies.pool.tidy()

    def _refused(self) -> None:
        self.app.metrics.refused_documents += 1

    def close(self) -> None:
        """The end: users have been answered."""
        if self._timer is not None:
            self._timer.cancel()
        self.app.splitter = None
        self._lead(None)
        self._shadows.close()


def _part(document: Document, splits: bool) -> str:
    """This pod's part, for the log."""
    if document.candidate is None:
        return "no candidate"
    if not splits:
        return f"candidate {document.candidate.revision}; this pod answers what it gets"
    shadowed = f", {document.shadow.share / 100:g}% of the others copied to it" if document.shadow else ""
    return f"candidate {document.candidate.revision} gets {document.weight / 100:g}%{shadowed}"
