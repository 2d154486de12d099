"""The service behind nginx, and threads that send it one input after the other."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import fastcgi_inputs
import honest_inputs
import http_inputs
from api import Maker
from answers import Judge
from inputs import Credentials, Door, Input, keep
from peer import Held, send
from world import World, fetch

SENDERS = 8
# All but four of a worker's may wait for GitHub. That is more than there are senders: nobody is to be told to try again.
WORKER_THREADS = 24
# How many inputs of each kind a second has at least; with fewer it was no test.
LEAST = {"FastCGI": 3, "HTTP": 3, "honest FastCGI": 0.3, "honest HTTP": 0.3}
MOST_KEPT = 20
# So that what the sanitizers and Swift's runtime are told reaches the service, which gets no other environment.
PASSED_ON = ("ASAN_OPTIONS", "TSAN_OPTIONS", "SWIFT_BACKTRACE")


class Fuzzed(World):
    def __init__(self, directory: str, programs: Path, preload: Path | None) -> None:
        self.secret = os.urandom(16).hex()
        super().__init__(
            directory,
            programs,
            WORKER_THREADS,
            settings={
                "ADMIN_IDENTITIES": "root@example.com",
                "GITHUB_WEBHOOK_SECRET": self.secret,
                "DEFAULT_MAX_RUNNERS": "1000000",
                "SYNC_INTERVAL_SECONDS": "10",
                **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
                **({"LD_PRELOAD": str(preload)} if preload else {}),
            },
        )
        self.start([self.programs / "runner-token-service", "maintain"], "maintain", environment=self.environment)
        self._wait_for_all_workers()

    def _wait_for_all_workers(self) -> None:
        """Each says of itself whether it is ready, and any may be asked: once all serve, and so often at a time that none gets
        all of it."""
        self.wait(f"{self.base}/health/ready")
        deadline = time.monotonic() + 60
        while any(len(os.listdir(f"/proc/{worker.pid}/task")) <= WORKER_THREADS for worker in self.workers):
            if time.monotonic() > deadline:
                raise TimeoutError("a worker does not come up")
            time.sleep(0.05)
        with ThreadPoolExecutor(4 * WORKER_THREADS) as pool:
            list(pool.map(self.wait, [f"{self.base}/health/ready"] * 8 * WORKER_THREADS))

    def credentials(self) -> Credentials:
        """And some runners, policies and approvals for the made-up requests to meet."""
        tokens = {name: self.token(name) for name in ("alice", "carol", "root", "honest")}

        def ask(name: str, path: str, body: dict[str, object]) -> dict[str, str]:
            found: dict[str, str] = json.loads(fetch(f"{self.base}/api/v1/{path}", body, tokens[name])[1])
            return found

        policy = {"user_identity": "carol@example.com", "allowed_labels": ["*"], "require_approval": True}
        ask("root", "admin/label-policies", policy)
        found = [ask("carol", "runners/jit", {"runner_name": f"wanted-{n}", "labels": ["gpu"]}) for n in range(3)]
        ids = [each["approval_id"] for each in found]
        found = [ask("alice", "runners/jit", {"runner_name": f"fuzz-{n}", "labels": ["gpu"]}) for n in range(3)]
        ids += [each["runner_id"] for each in found]
        return Credentials(tokens["alice"], tokens["root"], tokens["honest"], self.secret, ids)


@dataclass
class Run:
    """Inputs made from a seed, one after the other, and what was found."""

    world: Fuzzed
    credentials: Credentials
    seed: int
    # Where inputs with a finding are kept.
    folder: Path
    sent: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    codes: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    slowest: float = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    # The service is being stopped: what is in flight says nothing any more.
    interrupted: bool = False

    def __post_init__(self) -> None:
        document = json.loads(fetch(f"{self.world.base}/openapi.json")[1])
        self.maker = Maker(document, self.credentials)
        secrets = [*self.credentials.tokens(), self.credentials.webhook_secret]
        self.judge = Judge([secret.encode() for secret in secrets])
        self.lock, self.next = threading.Lock(), 0
        self.held = Held(self.judged)

    def input(self, number: int) -> Input:
        """The same for the same seed and number, but for tokens and ids."""
        dice = Random(f"{self.seed}/{number}")
        fate = dice.random()
        if fate < 0.1:
            return honest_inputs.made(number, "FastCGI" if fate < 0.05 else "HTTP", self.credentials, dice)
        return (fastcgi_inputs if fate < 0.55 else http_inputs).made(number, self.maker, dice)

    def play_honestly(self, count: int) -> None:
        """With numbers that no other input has."""
        numbers = range(1_000_000_000, 1_000_000_000 + count)
        doors: list[Door] = ["FastCGI", "HTTP"]
        with ThreadPoolExecutor(SENDERS) as pool:
            for number in numbers:
                made = honest_inputs.made(number, doors[number % 2], self.credentials, Random(number))
                pool.submit(self.send, made)
        self.sent.clear()
        self.answered.clear()

    def play(self, seconds: float) -> None:
        threads = [threading.Thread(target=self.send_on, daemon=True) for _ in range(SENDERS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while (elapsed := time.monotonic() - began) < seconds and not self.stopping.is_set():
            time.sleep(min(5, seconds - elapsed))
            self.held.look()
            print(f"  {time.monotonic() - began:4.0f} s: {self.summary()}", flush=True)
        self.stopping.set()
        for thread in threads:
            thread.join()

    def send_on(self) -> None:
        while not self.stopping.is_set():
            with self.lock:
                number, self.next = self.next, self.next + 1
            try:
                self.send(self.input(number))
            except Exception as error:
                self.found(f"input {number}: {error!r}: {traceback.format_exc(limit=-2)}")
                if isinstance(error, ConnectionRefusedError):
                    self.stopping.set()

    def send(self, made: Input) -> None:
        began = time.monotonic()
        outcome = send(made, self.world.directory / "service.sock", self.world.port, self.held)
        with self.lock:
            self.sent[made.kind] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
        if outcome:
            self.judged(made, *outcome)

    def judged(self, made: Input, received: bytes, ended: str) -> None:
        found, answers = self.judge.findings(made, received, ended)
        with self.lock:
            for answer in answers:
                self.answered[str(answer.status)] += 1
                document = answer.document() if answer.status >= 400 else None
                if isinstance(document, dict):
                    self.codes.add(str(document.get("error_code")))
        for finding in found:
            self.found(finding, made, received)

    def found(self, finding: str, made: Input | None = None, received: bytes = b"") -> None:
        if self.interrupted:
            return
        with self.lock:
            self.findings.append(finding)
            count = len(self.findings)
        if count > MOST_KEPT:
            return
        place = ""
        if made:
            path = self.folder / f"{self.seed}-{made.number}.json"
            keep(path, made, self.credentials, self.seed, finding, received)
            place = f" Input {made.number} ({made.door}: {made.what}), kept in {path}"
        print(f"FINDING: {finding}{place}", flush=True)

    def too_few(self, seconds: float) -> list[str]:
        return [
            f"only {self.sent[kind]} inputs of the kind {kind}: that is no test"
            for kind, least in LEAST.items()
            if self.sent[kind] < least * seconds
        ]

    def summary(self) -> str:
        with self.lock:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.sent.items()))
            return f"{sum(self.sent.values()):,} inputs ({kinds}), {sum(self.answered.values()):,} answers, {len(self.findings)} findings"
