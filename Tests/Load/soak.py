"""Mixed load by 50 identities while one thing after another goes wrong; then everything is counted. scripts/soak builds and calls it."""

import argparse
import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import reconcile
from callers import Callers
from faults import FAULTS
from world import World, fetch, usage

QUOTA = 5
THREADS = 16
SLOWEST = 25


class Soak(World):
    def __init__(self, directory, programs):
        self.clock = Path(directory) / "clock"
        self.clock.write_bytes(bytes(8))
        super().__init__(
            directory,
            programs,
            THREADS,
            settings={
                "DEFAULT_MAX_RUNNERS": str(QUOTA),
                "SYNC_INTERVAL_SECONDS": "10",
                "LOG_LEVEL": "info",
                "LD_PRELOAD": str(programs / "clock.so"),
                "CLOCK_OFFSET_FILE": str(self.clock),
            },
        )
        self.maintenance = self.start_maintenance()

    def step_clock(self, seconds):
        """Of the service's processes alone."""
        with open(self.clock, "r+b") as file:
            file.write(struct.pack("=q", seconds))

    def start_maintenance(self):
        return self.start(
            [self.programs / "runner-token-service", "maintain"], "maintain", environment=self.environment
        )

    def replace(self, index, number):
        """Another worker first, so that there is always one; then the old one ends as `number` has it."""
        old = self.workers[index]
        if number == signal.SIGTERM:
            self.workers[index] = self.start_worker()
            time.sleep(1)
            old.child.terminate()
            if old.child.wait(40) != 0:
                sys.exit(f"a worker ended with status {old.child.returncode}")
        else:
            old.child.send_signal(number)
            old.child.wait(10)
            self.workers[index] = self.start_worker()
        self.processes.remove(old)

    def fault(self, **fault):
        self.control("/faults", {"count": 1_000_000, **fault})

    def no_faults(self):
        fetch(f"{self.github}/control/faults", method="DELETE")


def open_files(pid):
    """How many of each kind."""
    links = (os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd"))
    return dict(Counter(link.partition(":")[0] if ":" in link else Path(link).name for link in links))


def heals(world, callers):
    """After each fault a caller who did nothing yet is served, in half a minute at most."""
    newcomer = world.token(f"newcomer-{time.monotonic_ns()}")
    callers.tokens["newcomer"] = newcomer
    deadline = time.monotonic() + 30
    while True:
        answer, _ = callers.ask_for(
            "heals", "newcomer", "POST", "/api/v1/runners/provision", {"runner_name_prefix": "well", "labels": ["gpu"]}
        )
        if answer.status == 201:
            return None
        if time.monotonic() > deadline:
            return f"after {callers.phase} a provision still gets {answer.status} {answer.code}"
        time.sleep(0.5)


# What callers may see at any time; what they may see of a fault is beside it in FAULTS.
ALWAYS = {"provision": {201, 429}, "jit": {201, 429}, "list": {200}, "show": {200, 404}, "refresh": {200, 404},
          "delete": {202, 204, 404}, "me": {200}, "bad": {401}}  # fmt: skip


def unexpected(answers, allowed):
    """Answers that nobody may have had."""
    found = {}
    for answer in answers:
        fitting = ALWAYS.get(answer.what, {answer.status}).union(*(allowed.get(phase, ()) for phase in answer.phases))
        if answer.status not in fitting:
            key = (" and ".join(sorted(answer.phases)), answer.what, answer.status, answer.code)
            found.setdefault(key, []).append(answer.request_id)
    return [
        f"while {phases}: {what} got {status} {code} {len(ids)} times, such as request {ids[0]}"
        for (phases, what, status, code), ids in found.items()
    ]


def wait_until_quiet(world):
    """Idle connections are closed by then; those to other hosts are kept."""
    time.sleep(12)
    findings = []
    for worker in world.workers:
        threads, descriptors = usage(worker.pid)
        # Those that control it, and SQLite's; for each thread three kept connections and what the database library has.
        if threads > THREADS + 10 or descriptors > 64 + 4 * THREADS:
            findings.append(f"a worker has {threads} threads and {descriptors} descriptors: {open_files(worker.pid)}")
    return findings


def play(world, callers, seconds, chosen):
    findings, allowed = [], {}
    share = seconds / len(chosen)
    for fault, statuses in chosen:
        name = fault.__name__.replace("_", " ")
        allowed[name] = statuses
        callers.phase = name
        begin, count = time.monotonic(), len(callers.answers)
        # A step for each yield, over two thirds of the time; the rest is for what is late.
        for _ in fault(world, callers):
            time.sleep(max(0.3, share / 6))
        healed = heals(world, callers)
        findings += [healed] if healed else []
        time.sleep(max(0, begin + share - time.monotonic()))
        wal = os.stat(world.directory / "service.db-wal").st_size >> 20
        statuses = Counter(str(answer.code or answer.status) for answer in callers.answers[count:])
        print(f"  {name:22} {dict(sorted(statuses.items()))}, log {wal} MiB", flush=True)
    return findings, allowed


@contextlib.contextmanager
def small_disk(parent, seconds):
    """A directory on a file system of its own, with room for more than is written in so many seconds (0.7 MiB each)."""
    directory = tempfile.mkdtemp(prefix="soak.", dir=parent)
    size = 96 + 2 * seconds
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0700", "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="where the programs are")
    parser.add_argument("--seconds", type=int, default=600, help="how long (default 600)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what callers do")
    parser.add_argument("--fault", action="append", choices=[fault.__name__ for fault, _ in FAULTS], help="only this")
    parser.add_argument(
        "--self-test", action="store_true", help="a short run; then its results are falsified, which must be noticed"
    )
    options = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("soak: run it as root: it mounts a small disk, and takes descriptors from a process")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [(fault, statuses) for fault, statuses in FAULTS if fault.__name__ in (options.fault or [fault.__name__])]
    if options.self_test:
        chosen, options.seconds = chosen[1:2], 8
    print(f"{options.seconds} s, seed {options.seed}")
    with small_disk("/tmp", options.seconds) as directory:
        world = None
        try:
            world = Soak(directory, Path(options.programs))
            callers = Callers(world, 12, options.seed)
            callers.start()
            try:
                findings, allowed = play(world, callers, options.seconds, chosen)
            finally:
                callers.stop()
            callers.answers, answers = [], callers.answers
            world.no_faults()
            findings += unexpected(answers, allowed) + wait_until_quiet(world)
            findings += [f"a request took {a.seconds:.1f} s: {a.request_id}" for a in answers if a.seconds > SLOWEST]
            found, facts, summary = reconcile.everything(world, answers, QUOTA)
            findings += found
            missed = reconcile.unnoticed(world, facts, QUOTA) if options.self_test else []
        except BaseException:
            keep_logs(directory)
            raise
        finally:
            if world:
                world.stop()
        print(summary)
        for finding in findings:
            print(f"FINDING: {finding}")
        if findings:
            keep_logs(directory)
            sys.exit(1)
        if missed:
            sys.exit(f"soak: would not have been noticed: {missed}")
        print("Each falsification was noticed." if options.self_test else "Nothing was lost.")


def keep_logs(directory):
    kept = tempfile.mkdtemp(prefix="soak-logs.", dir="/tmp")
    for pattern in ("*.log", "service.db*"):
        for file in Path(directory).glob(pattern):
            shutil.copy(file, kept)
    print(f"logs and database: {kept}")


if __name__ == "__main__":
    main()
