"""The phases of a run, each a row or two of the design's table of figures."""

from __future__ import annotations

import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.operator.fleet import NAMESPACE, Fleet
from bench.operator.process import SYSTEM, Operator, service_account_kubeconfig
from e2e.audit import AuditMark, request_name
from e2e.cluster import Cluster, current
from e2e.steps import install_chart

QUIET = 5.0  # seconds without a write of the operator: it has come to rest
SINGLES = 30


class Bench:
    """The cluster with the chart's permissions, the fleet, and the operator processes under measurement."""

    def __init__(self, objects: int, folder: Path) -> None:
        self.cluster: Cluster = current()
        self.folder = folder
        self.objects = objects
        self.version = 1
        self.started = 0
        self.operators: list[Operator] = []
        self.undone = ExitStack()  # what puts the cluster back: all of it is tried, also when the run or a part fails
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self.undone.callback(install_chart, self.cluster, wait=False)
        install_chart(self.cluster, "replicas=0")
        self.undone.callback(self.cluster.start_service_proxies)
        self.undone.callback(self.cluster.kwok_down)
        self.cluster.kwok_up(nodes=max(10, self.objects // 60))
        self.kubeconfig = service_account_kubeconfig(self.cluster, self.folder)
        self.fleet = Fleet(self.cluster, self.objects)
        self.undone.callback(self.fleet.remove)
        self.cluster.stop_service_proxies()  # nobody calls the fleet's Services, but two nodes would route each
        # Else a lease that an earlier run's process left would say that ours leads before it has listed anything.
        self.cluster.kubectl("-n", SYSTEM, "delete", "lease", "modelway", "--ignore-not-found")
        self.operator = self.start()
        self.wait_leader(self.operator)

    def start(self, identity: str = "") -> Operator:
        """A new process; with ``identity`` that of one that ended, as the kubelet starts a container again."""
        self.started += 1
        name = identity or f"bench-{self.started}"
        operator = Operator(self.kubeconfig, name, 18090 + self.started, self.folder)
        self.operators.append(operator)
        return operator

    def leader(self) -> str:
        path = "jsonpath={.spec.holderIdentity}"
        return self.cluster.kubectl("-n", SYSTEM, "get", "lease", "modelway", "--ignore-not-found", "-o", path)

    def wait_leader(self, operator: Operator, timeout: float = 60) -> float:
        begun = time.monotonic()
        while self.leader() != operator.identity:
            if time.monotonic() - begun > timeout:
                raise TimeoutError(f"{operator.identity} did not become the leader: {operator.log.read_text()[-2000:]}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def until_quiet(self, mark: AuditMark, timeout: float = 120) -> None:
        """Until the operator has written nothing for a while."""
        begun, seen, last = time.monotonic(), -1, time.monotonic()
        while time.monotonic() - last < QUIET and time.monotonic() - begun < timeout:
            time.sleep(0.5)
            writes = sum(mark.writes().values())
            if writes != seen:
                seen, last = writes, time.monotonic()

    def close(self) -> None:
        for operator in self.operators:
            operator.stop()
        self.undone.close()


def show(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}", flush=True)
    for name, value in rows.items():
        print(f"  {name:<44} {value}", flush=True)


def per_object(requests: Counter[str], objects: int) -> dict[str, str]:
    without_leases = {name: count for name, count in requests.items() if not name.endswith(" leases")}
    events = sum(count for name, count in without_leases.items() if name.endswith(" events"))
    total = sum(without_leases.values())
    rows = {name: f"{count / objects:.2f}" for name, count in sorted(without_leases.items(), key=lambda r: -r[1])}
    return {
        "requests per object": f"{total / objects:.2f} ({(total - events) / objects:.2f} without Events)",
        **{f"  {name}": value for name, value in rows.items()},
    }


def create(bench: Bench) -> None:
    mark, cpu, (memory, _) = AuditMark(bench.cluster.audit_log), bench.operator.cpu(), bench.operator.memory()
    begun = time.monotonic()
    bench.fleet.create()
    bench.fleet.wait("1", 900)
    took = time.monotonic() - begun
    bench.until_quiet(mark)
    used, (now, peak) = bench.operator.cpu() - cpu, bench.operator.memory()
    show(
        f"create {bench.objects}",
        {
            "wall": f"{took:.0f} s",
            "CPU per object": f"{1e3 * used / bench.objects:.1f} ms",
            "memory before; now (PSS); peak (RSS)": f"{memory:.0f}; {now:.0f}; {peak:.0f} MiB",
            "memory growth per object": f"{1024 * (now - memory) / bench.objects:.1f} KiB",
            **per_object(mark.requests(), bench.objects),
        },
    )


def rest(bench: Bench) -> None:
    mark, cpu, begun = AuditMark(bench.cluster.audit_log), bench.operator.cpu(), time.monotonic()
    time.sleep(60)
    share = (bench.operator.cpu() - cpu) / (time.monotonic() - begun)
    show(
        "at rest, 60 s",
        {"writes": sum(mark.writes().values()), "requests": dict(mark.requests()), "CPU": f"{share:.2%}"},
    )


def single(bench: Bench) -> None:
    """One change at rest → the first child written, from the audit log's time stamps."""
    names = bench.fleet.names[:SINGLES]
    mark = AuditMark(bench.cluster.audit_log)
    for name in names:
        bench.fleet.patch(name, f"{bench.version}-single").raise_for_status()
        time.sleep(0.5)
    bench.until_quiet(mark)
    delays = sorted(filter(None, (_reaction(mark, name) for name in names)))
    bench.fleet.change(names, str(bench.version))
    bench.until_quiet(mark)
    show(
        f"one change at rest → first child written ({len(delays)} of {len(names)} seen)",
        {"p50": f"{statistics.median(delays):.1f} ms", "p99": f"{delays[int(len(delays) * 0.99)]:.1f} ms"},
    )


def _reaction(mark: AuditMark, name: str) -> float | None:
    """Milliseconds from the user's change answered to the operator's first write of a child of that object."""
    changed: datetime | None = None
    for event in mark.since():
        reference = event.get("objectRef", {})
        if reference.get("namespace") != NAMESPACE:
            continue
        by_operator = SYSTEM in event["user"]["username"]
        if not by_operator and reference.get("name") == name and event["verb"] == "patch":
            changed = datetime.fromisoformat(event["stageTimestamp"])
        elif changed and by_operator and reference.get("name", "").startswith(f"{name}-"):
            begun = datetime.fromisoformat(event["requestReceivedTimestamp"])
            return 1e3 * (begun - changed).total_seconds()
    return None


def change(bench: Bench) -> None:
    mark, cpu = AuditMark(bench.cluster.audit_log), bench.operator.cpu()
    bench.version += 1
    begun = time.monotonic()
    bench.fleet.change(bench.fleet.names, str(bench.version))
    bench.fleet.wait(str(bench.version), 900)
    took = time.monotonic() - begun
    bench.until_quiet(mark)
    used = bench.operator.cpu() - cpu
    show(
        f"change all {bench.objects}",
        {
            "wall": f"{took:.0f} s",
            "CPU per object": f"{1e3 * used / bench.objects:.1f} ms",
            "peak memory (RSS)": f"{bench.operator.memory()[1]:.0f} MiB",
            **per_object(mark.requests(), bench.objects),
        },
    )


def restart(bench: Bench) -> None:
    """Killed, one change waiting, started again."""
    bench.operator.stop(signal.SIGKILL)
    changed = bench.fleet.names[7]
    bench.fleet.patch(changed, f"{bench.version}-waiting").raise_for_status()
    mark = AuditMark(bench.cluster.audit_log)
    bench.operator = bench.start(bench.operator.identity)
    started = datetime.now().astimezone()
    bench.until_quiet(mark)
    cpu, (now, peak) = bench.operator.cpu(), bench.operator.memory()
    writes = [e for e in mark.since() if SYSTEM in e["user"]["username"] and request_name(e).split()[0] != "get"]
    writes = [e for e in writes if e["verb"] not in ("list", "watch") and "leases" not in request_name(e)]
    of_changed = [e for e in writes if e["objectRef"].get("name", "").startswith(changed)]
    others = [e for e in writes if e not in of_changed and "events" not in request_name(e)]
    first = min((datetime.fromisoformat(e["requestReceivedTimestamp"]) for e in of_changed), default=None)
    reaction = f"{(first - started).total_seconds():.2f} s" if first else "never"
    show(
        f"killed and started with {bench.objects}, one change waiting",
        {
            "start of the process → first write for it": reaction,
            "writes to unchanged objects": len(others),
            "CPU until quiet": f"{cpu:.2f} s",
            "memory now (PSS); peak (RSS)": f"{now:.0f}; {peak:.0f} MiB",
        },
    )
    bench.fleet.patch(changed, str(bench.version)).raise_for_status()
    bench.until_quiet(mark)


def leader(bench: Bench) -> None:
    """The leader is killed, then another one asked to leave: how long until the next one leads."""
    rows = {}
    for how, name in ((signal.SIGKILL, "crash"), (signal.SIGTERM, "clean exit")):
        standby = bench.start()
        time.sleep(6)
        begun = time.monotonic()
        bench.operator.stop(how)
        bench.wait_leader(standby, 60)
        rows[f"{name} → the next one leads"] = f"{time.monotonic() - begun:.1f} s"
        bench.operator = standby
    show("leader lost", rows)


PHASES: dict[str, Callable[[Bench], None]] = {
    "create": create,
    "rest": rest,
    "single": single,
    "change": change,
    "restart": restart,
    "leader": leader,
}
