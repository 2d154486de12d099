"""Whether a request costs the same with a million records as with a thousand. scripts/benchmark-growth builds and calls it."""

import argparse
import http.client
import json
import resource
import secrets
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from records import LABELS, Records, show_progress
from world import World, fetch

# Ordinary callers, and how many runners each has.
CALLERS = 10
RUNNERS = 20
# Runners to delete, before a batch of that: more than it takes.
STOCK = 300
# Of CPU, in seconds: a batch of cheap requests goes on until then.
LEAST = 0.1
# Seconds after which a batch of slow requests ends, once it has three.
LONGEST = 5


class Filled(World):
    """A service that has been in use for a year: `rows` runners, most of them long gone, and as many audit records."""

    def __init__(self, directory, programs, rows):
        self.rows, self.provisioned = rows, []
        directory.mkdir()
        super().__init__(
            directory,
            programs,
            threads=16,
            workers=1,
            settings={"ADMIN_IDENTITIES": "user-0@example.com", "SYNC_INTERVAL_SECONDS": "86400"},
        )
        try:
            self._become_callers()
            self._maintain()
        except BaseException:
            self.stop()
            raise

    # -- Filling

    def prepare(self):
        start = time.monotonic()
        print(f"Making {self.rows:,} runners and as many audit records", flush=True)
        path = self.directory / "service.db"
        with Records(path, issuer=f"{self.github}/oidc", progress=show_progress) as records:
            records.runners(self._runners(records))
            records.audit_log(self.rows, people=max(1, self.rows // 4))
        print(f"  {path.stat().st_size / 2**20:,.0f} MiB after {time.monotonic() - start:.0f} s", flush=True)

    def _runners(self, records):
        """Of ten callers with twenty live ones each; of the hoarder, with a tenth of all, gone but for twenty; and of a great many
        people with a few each, of all of which one in fifty is live."""
        hoarder, strangers = CALLERS, self.rows // 4
        live = [(number % CALLERS, f"own-{number + 1:05}") for number in range(CALLERS * RUNNERS)]
        live += [(hoarder, f"hoard-{number + 1:05}") for number in range(RUNNERS)]
        live += [(100 + number % strangers, f"live-{number + 1:05}") for number in range(min(20_000, self.rows // 50))]
        ids = {}
        for prefix in ["own", "hoard", "live"]:
            count = sum(name.startswith(prefix) for _, name in live)
            ids[prefix] = self._at_github(prefix, count)
        gone = self.rows - len(live)
        for number in range(gone):
            owner = hoarder if number % 10 == 0 else 100 + number % strangers
            yield records.runner(records.person(owner), f"ci-{number}", number / self.rows)
        for number, (owner, name) in enumerate(live, gone):
            prefix, _, place = name.partition("-")
            github_id = ids[prefix] + int(place) - 1
            yield records.runner(records.person(owner), name, number / self.rows, "active", github_id)

    def _at_github(self, prefix, count):
        body = {"count": count, "prefix": prefix, "labels": LABELS}
        _, answer = fetch(f"{self.github}/control/runners/many", body)
        return json.loads(answer)["first_id"]

    # -- Asking

    def _become_callers(self):
        self.tokens = [self.token(f"user-{number}") for number in range(CALLERS)]
        self.hoarder = self.token(f"user-{CALLERS}")
        self.forged = [".".join([*token.split(".")[:2], secrets.token_urlsafe(256)]) for token in self.tokens]
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, token, expected, body=None):
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != expected:
            sys.exit(f"{method} {path}: {answer.status} {text.decode(errors='replace')[:300]}")
        return json.loads(text) if text else None

    # -- Maintenance

    def _maintain(self):
        self.maintenance = self.start(
            [self.programs / "runner-token-service", "maintain"], "maintain", environment=self.environment
        )
        deadline = time.monotonic() + 300
        while self._syncs() == 0:
            if self.maintenance.child.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"maintenance did not sync: {(self.directory / 'maintain.log').read_text()[-300:]}")
            time.sleep(0.5)

    def _syncs(self):
        database = sqlite3.connect(self.directory / "service.db")
        try:
            return database.execute("SELECT coalesce(max(last_sync), 0) FROM github_installation").fetchone()[0]
        finally:
            database.close()

    def command(self, *arguments):
        """The CPU time that a command took, in seconds."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu(process):
    """Seconds of user and system time, to the nanosecond: the process' own clock."""
    return time.clock_gettime(~process.pid << 3 | 2)


# -- What is asked for


def own_list(world, number):
    world.ask("GET", "/api/v1/runners?limit=20", world.tokens[number % CALLERS], 200)


def list_of_the_hoarder(world, number):
    world.ask("GET", "/api/v1/runners?limit=20", world.hoarder, 200)


def active_of_the_hoarder(world, number):
    page = world.ask("GET", "/api/v1/runners?status=active&limit=20", world.hoarder, 200)
    if page["total"] != RUNNERS:
        sys.exit(f"the hoarder has {page['total']} active runners")


def own_name(number):
    return f"own-{number % (CALLERS * RUNNERS) + 1:05}"


def show(world, number):
    world.ask("GET", f"/api/v1/runners/{own_name(number)}", world.tokens[number % CALLERS], 200)


def refresh(world, number):
    world.ask("POST", f"/api/v1/runners/{own_name(number)}/refresh", world.tokens[number % CALLERS], 200)


def provision(world, number, token=None):
    token = token or world.tokens[number % CALLERS]
    body = {"runner_name_prefix": "growth", "labels": ["gpu"]}
    answer = world.ask("POST", "/api/v1/runners/provision", token, 201, body)
    world.provisioned.append((answer["runner_name"], token))


def provision_of_the_hoarder(world, number):
    provision(world, number, world.hoarder)


def delete(world, number):
    name, token = world.provisioned.pop()
    world.ask("DELETE", f"/api/v1/runners/{name}", token, 204)


def rejected(world, number):
    world.ask("GET", "/api/v1/runners", world.forged[number % CALLERS], 401)


def admin(path):
    return lambda world, number: world.ask("GET", path, world.tokens[0], 200)


REQUESTS = {
    "list of 20 own runners": own_list,
    "list of 20, owner of very many gone ones": list_of_the_hoarder,
    "list of 20 active, the same owner": active_of_the_hoarder,
    "show one": show,
    "provision, GitHub at 0 ms": provision,
    "provision, owner of very many gone ones": provision_of_the_hoarder,
    "delete": delete,
    "refresh": refresh,
    "rejected token": rejected,
    "admin: everybody's runners": admin("/api/v1/admin/runners"),
    "admin: everybody's active runners": admin("/api/v1/admin/runners?status=active"),
    "admin: one person's runners": admin("/api/v1/admin/runners?user_identity=user-1@example.com"),
    "admin: audit log": admin("/api/v1/admin/audit-log"),
}


def alternately(worlds, name, rounds, requests):
    """Milliseconds of the worker and of maintenance for a request, medians, for each of `worlds`."""
    ask = REQUESTS[name]
    costs = [[] for _ in worlds]
    # The first is to warm up.
    for turn in range(rounds + 1):
        for world, own in zip(worlds, costs):
            # nginx has closed one that was idle for long.
            world.connection.close()
            if ask is delete:
                while len(world.provisioned) < STOCK:
                    provision(world, len(world.provisioned))
            before = cpu(world.workers[0]), cpu(world.maintenance)
            done, end = 0, time.monotonic() + LONGEST
            while done < 3 or time.monotonic() < end and (done < requests or cpu(world.workers[0]) - before[0] < LEAST):
                ask(world, turn * requests + done)
                done += 1
            after = cpu(world.workers[0]), cpu(world.maintenance)
            if turn > 0:
                own.append([(b - a) / done * 1000 for a, b in zip(before, after)])
    return [[statistics.median(column) for column in zip(*own)] for own in costs]


def at_rest(worlds, seconds):
    """Milliseconds of CPU of maintenance for a minute in which nothing is due."""
    before = [cpu(world.maintenance) for world in worlds]
    time.sleep(seconds)
    return [(cpu(world.maintenance) - start) * 1000 * 60 / seconds for world, start in zip(worlds, before)]


def show_row(name, small, large, unit="ms"):
    print(f"{name:44} {small:10.3f} {large:10.3f} {unit:3} {large / small:8.2f}", flush=True)


def measure(worlds, wanted, options):
    figures = {}
    small, large = (f"{world.rows:,}" for world in worlds)
    print(f"\nCPU time of the worker for a request; batches of {options.requests} in turn, medians of {options.rounds}")
    print(f"{'':44} {small:>10} {large:>10}     {'ratio':>8}")
    for name in wanted:
        costs = alternately(worlds, name, options.rounds, options.requests)
        figures[name] = dict(zip(["small", "large"], costs))
        show_row(name, costs[0][0], costs[1][0])
    if options.no_maintenance:
        return figures
    print("\nCPU time of maintenance and of commands")
    rest = at_rest(worlds, 60)
    show_row("a minute at rest", *rest)
    syncs = [statistics.median(world.command("sync-github", "--dry-run") for _ in range(3)) for world in worlds]
    show_row("a sync of unchanged pages", *syncs, "s")
    verified = [world.command("verify-audit-log") for world in worlds]
    show_row("verify-audit-log", *verified, "s")
    figures["maintenance"] = {"rest_ms": rest, "sync_s": syncs, "verify_audit_log_s": verified}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="where the programs are")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large one (default 1000000)")
    parser.add_argument("--rounds", type=int, default=5, help="(default 5)")
    parser.add_argument(
        "--requests",
        type=int,
        choices=range(1, 201),
        default=100,
        metavar="N",
        help="in a batch, 1 to 200 (default 100)",
    )
    parser.add_argument("--only", action="append", metavar="TEXT", help="what has this in its name; may be repeated")
    parser.add_argument("--no-maintenance", action="store_true", help="requests only")
    parser.add_argument("--output", help="write all figures to this file, as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = [name for name in REQUESTS if not options.only or any(text in name for text in options.only)]
    if not wanted:
        parser.error(f"no request has this in its name: {', '.join(options.only)}")
    worlds = []
    with tempfile.TemporaryDirectory(prefix="growth.", dir="/tmp") as directory:
        try:
            # The one that takes long first: the other is as fresh then.
            for name, rows in [("large", options.rows), ("small", 1000)]:
                worlds.insert(0, Filled(Path(directory) / name, Path(options.programs), rows))
            figures = measure(worlds, wanted, options)
        finally:
            for world in worlds:
                world.stop()
    if options.output:
        Path(options.output).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
