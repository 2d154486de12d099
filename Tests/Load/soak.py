"""Mixed load by 50 identities while one thing after another goes wrong; then everything is counted. scripts/soak builds and calls it."""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import reconcile
from world import World, fetch

USERS = 50
QUOTA = 5
THREADS = 16
SLOWEST = 25


@dataclass
class Answer:
    """What a caller saw of one request. Status 0: the connection broke, or nothing came."""

    what: str
    user: str
    # At its beginning and at its end.
    phases: set[str]
    started: float
    seconds: float
    status: int
    code: str | None = None
    request_id: str | None = None
    runner_id: str | None = None
    secret: str | None = None


class Callers:
    """Threads that ask as 50 people would, and write down every answer."""

    MIX = (
        ["provision"] * 5 + ["jit"] * 4 + ["list"] * 4 + ["show"] * 2 + ["refresh"] * 2 + ["delete"] * 5 + ["me", "bad"]
    )

    def __init__(self, world, count, seed):
        self.world, self.answers, self.phase = world, [], "calm"
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.tokens, self.runners = {}, {user: [] for user in self.users()}
        self.mint()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed + n),)) for n in range(count)]

    @staticmethod
    def users():
        return [f"user-{number}" for number in range(USERS)]

    def mint(self):
        self.tokens = {user: self.world.token(user) for user in self.users()}

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def run(self, dice):
        while not self.stopping.is_set():
            user = dice.choice(self.users())
            self.act(dice.choice(self.MIX), user, dice)
            self.stopping.wait(dice.uniform(0, 0.1))

    def act(self, what, user, dice):
        with self.lock:
            known = list(self.runners[user])
        name = dice.choice(known)["runner_name"] if known else "nobody-0"
        labels = dice.choice([["gpu"], ["gpu", "cuda-12.4"], []])
        if what in ("provision", "jit"):
            self.provision(what, user, labels, dice)
        elif what == "list":
            self.ask(what, user, "GET", "/api/v1/runners?limit=20")
        elif what == "show":
            self.ask(what, user, "GET", f"/api/v1/runners/{name}")
        elif what == "refresh":
            self.ask(what, user, "POST", f"/api/v1/runners/{name}/refresh")
        elif what == "delete":
            if self.ask(what, user, "DELETE", f"/api/v1/runners/{name}?force=true").status in (202, 204, 404):
                self.forget(user, name)
        elif what == "me":
            self.ask(what, user, "GET", "/api/v1/auth/me")
        else:
            self.ask(what, user, "GET", "/api/v1/runners", token=self.tokens[user][:-8] + "AAAAAAAA")

    def provision(self, what, user, labels, dice):
        body = {"runner_name_prefix": "soak", "labels": labels}
        answer, found = self.ask_for(what, user, "POST", f"/api/v1/runners/{what}", body)
        if answer.status != 201:
            return
        with self.lock:
            self.runners[user].append(found)
        # Most machines come; some of those have a job, and are gone with it.
        if dice.random() < 0.6:
            self.machine(found, dice)

    def machine(self, found, dice):
        with contextlib.suppress(OSError):
            if "encoded_jit_config" in found:
                self.world.control("/runners/connect", {"encoded_jit_config": found["encoded_jit_config"]})
            else:
                machine = {"token": found["registration_token"], "name": found["runner_name"], "ephemeral": True}
                self.world.control("/runners/register", dict(machine, labels=found["labels"]))
            if dice.random() < 0.4:
                for action in ("start", "finish"):
                    self.world.control(f"/runners/{found['runner_name']}/job", {"action": action})

    def forget(self, user, name):
        with self.lock:
            self.runners[user] = [runner for runner in self.runners[user] if runner["runner_name"] != name]

    def ask(self, *request, **options):
        return self.ask_for(*request, **options)[0]

    def ask_for(self, what, user, method, path, body=None, token=None):
        phases, started = {self.phase}, time.time()
        clock = time.monotonic()
        status, found, request_id = 0, {}, None
        connection = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {token or self.tokens[user]}"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            content = response.read()
            status, request_id = response.status, response.getheader("X-Request-ID")
            found = json.loads(content) if content else {}
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        secret = found.get("registration_token") or found.get("encoded_jit_config")
        answer = Answer(
            what,
            user,
            phases | {self.phase},
            started,
            time.monotonic() - clock,
            status,
            found.get("error_code"),
            request_id,
            found.get("runner_id"),
            hashlib.sha256(secret.encode()).hexdigest() if secret else None,
        )
        with self.lock:
            self.answers.append(answer)
        return answer, found


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


def usage(pid):
    """Threads and descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd"))


def open_files(pid):
    """How many of each kind."""
    links = (os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd"))
    return dict(Counter(link.partition(":")[0] if ":" in link else Path(link).name for link in links))


# What goes wrong. Each is a generator: it breaks something, waits for the callers at its yields, and puts it right. Its `allowed` are
# the statuses that callers may see then, beside those that they may always see.

ALWAYS = {"provision": {201, 429}, "jit": {201, 429}, "list": {200}, "show": {200, 404}, "refresh": {200, 404},
          "delete": {202, 204, 404}, "me": {200}, "bad": {401}}  # fmt: skip


def kills_a_worker(world, callers):
    for index in (0, 1):
        world.replace(index, signal.SIGKILL)
        yield


def restarts_all(world, callers):
    for index in (0, 1):
        world.replace(index, signal.SIGTERM)
        yield


def kills_maintenance(world, callers):
    world.maintenance.child.kill()
    world.maintenance.child.wait()
    yield
    world.processes.remove(world.maintenance)
    world.maintenance = world.start_maintenance()
    yield


def github_fails(world, callers):
    world.fault(path_contains="/api/v3", status=500)
    yield
    world.no_faults()
    # What was asked is done, and the answer is lost.
    world.fault(path_contains="jitconfig", status=502, after=True)
    yield
    world.no_faults()


def github_is_slow(world, callers):
    world.fault(path_contains="/api/v3", delay_ms=1500)
    yield
    world.no_faults()


def github_resets(world, callers):
    switch = world.directory / "reset"
    switch.touch()
    yield
    switch.unlink()


def github_limits(world, callers):
    world.control("/rate-limit", {"remaining": 0, "reset_in": 4})
    yield


def keys_rotate(world, callers):
    world.control("/keys/rotate", {"keep_old": False})
    callers.mint()
    yield


def provider_is_down(world, callers):
    world.fault(path_contains="/oidc", status=500)
    yield
    world.no_faults()


def disk_fills(world, callers):
    ballast = world.directory / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    yield
    ballast.unlink()


def log_rotates(world, callers):
    """As logrotate does it, which leaves an absent file alone."""
    log = world.directory / "audit.jsonl"
    for _ in range(3):
        for number in (2, 1):
            with contextlib.suppress(FileNotFoundError):
                log.with_suffix(f".jsonl.{number}").rename(log.with_suffix(f".jsonl.{number + 1}"))
        with contextlib.suppress(FileNotFoundError):
            log.rename(log.with_suffix(".jsonl.1"))
        yield


def clock_steps(world, callers):
    for step in (45, -45, 0):
        world.step_clock(step)
        yield


def peers_hang(world, callers):
    peers = []
    for _ in range(2 * THREADS + 8):
        silent, dripping = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for peer in (silent, dripping):
            peer.connect(str(world.directory / "service.sock"))
        peers += [silent, dripping]
    # The beginning of a request, a byte at a time.
    for byte in bytes([1, 1, 0, 1, 0, 8, 0]):
        for peer in peers[1::2]:
            with contextlib.suppress(OSError):
                peer.send(bytes([byte]))
        yield
    for peer in peers:
        peer.close()


def descriptors_run_out(world, callers):
    for worker in world.workers:
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (usage(worker.pid)[1] + 2, hard))
    yield
    for worker in world.workers:
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (hard, hard))


FAULTS = [
    # What goes wrong, and what callers may see of it. 0: a broken connection.
    (kills_a_worker, {0, 502, 503}),
    (restarts_all, set()),
    (kills_maintenance, set()),
    (github_fails, {502, 503}),
    (github_is_slow, {503}),
    (github_resets, {502, 503}),
    (github_limits, {503}),
    (keys_rotate, {401}),
    (provider_is_down, set()),
    (disk_fills, {503}),
    (log_rotates, set()),
    # A rate limit that was over is not, by a clock that was set back.
    (clock_steps, {503}),
    (peers_hang, set()),
    (descriptors_run_out, {0, 502, 503, 504}),
]


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
