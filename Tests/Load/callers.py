"""Those who call the service during a soak, and what they saw."""

import contextlib
import hashlib
import http.client
import json
import random
import threading
import time
from dataclasses import dataclass

USERS = 50


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
