"""What a run leaves behind: processes, threads, descriptors, connections, logs, the database and the audit log."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import reconcile
from world import World, fetch

# What a sanitizer, Swift's runtime or the C library say before they end a process. With less, a process goes on.
REPORT = re.compile(
    rb"^.*(?:AddressSanitizer|ThreadSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|Fatal error|Simultaneous accesses"
    rb"|stack smashing|double free|malloc\(\)|free\(\)|corrupted|Assertion .* failed).*$",
    re.MULTILINE,
)
# How many descriptors more than before there may be: connections to other hosts and the database are kept.
MORE_DESCRIPTORS = 16
# The system's own queues start threads when they need some.
MORE_THREADS = 4


class Usage:
    """What a process holds."""

    def __init__(self, pid: int) -> None:
        self.threads = len(os.listdir(f"/proc/{pid}/task"))
        self.files: Counter[str] = Counter()
        self.sockets: set[str] = set()
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{number}")
            except FileNotFoundError:
                continue
            self.files[link.partition(":")[0] if ":" in link else Path(link).name] += 1
            if link.startswith("socket:"):
                self.sockets.add(link[8:-1])

    @property
    def descriptors(self) -> int:
        return sum(self.files.values())


def resident(pid: int) -> int:
    """MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def accepted(path: Path, usage: Usage) -> int:
    """How many connections to the listener at `path` a process holds."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    # Of a listener, the flags say so; those that it has accepted have its path too.
    connected = {line[6] for line in lines if len(line) == 8 and line[7] == str(path) and line[3] == "00000000"}
    return len(connected & usage.sockets)


def grown(before: Usage, after: Usage, connections: int) -> list[str]:
    """What a worker holds now that it did not."""
    found = []
    if connections:
        found.append(f"a worker still holds {connections} connections that nobody has")
    if after.threads > before.threads + MORE_THREADS:
        found.append(f"a worker has {after.threads} threads, and had {before.threads}")
    if after.descriptors > before.descriptors + MORE_DESCRIPTORS:
        more = dict(after.files - before.files)
        found.append(f"a worker has {after.descriptors} descriptors, and had {before.descriptors}: {more} more")
    return found


def of_the_living(world: World, before: dict[int, Usage]) -> list[str]:
    """While the service runs, with nobody connected."""
    found = [f"{process.name} ended with status {status}" for process, status in ended(world)]
    for worker in world.workers:
        if worker.child.poll() is None:
            after = Usage(worker.pid)
            found += grown(before[worker.pid], after, accepted(world.directory / "service.sock", after))
    if not found:
        try:
            fetch(f"{world.base}/health/ready")
        except OSError as error:
            found.append(f"/health/ready: {error}")
    return found + reconcile.integrity(world)


def ended(world: World) -> list[tuple[Any, int]]:
    return [(each, each.child.returncode) for each in world.processes if each.child.poll() is not None]


def of_the_dead(world: World) -> list[str]:
    """After the service was stopped. A sanitizer gives a process that it objects to a status of its own."""
    found = [f"{process.name} ended with status {status}" for process, status in ended(world) if status != 0]
    for log in sorted(world.directory.glob("*.log")):
        found += reports(log.name, log.read_bytes())
    return found


def reports(name: str, log: bytes) -> list[str]:
    return [f"{name}: {line.decode('utf-8', 'replace')[:300]}" for line in dict.fromkeys(REPORT.findall(log))]
