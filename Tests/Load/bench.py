"""Measures the service behind nginx, beside a minimal C responder behind the same nginx. scripts/bench builds and calls it."""

import argparse
import json
import os
import resource
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from world import World, fetch, listener

HERE = Path(__file__).resolve().parent
USERS = 50
RUNNERS = 20


class Benchmark(World):
    """With the yardsticks in C behind the same nginx."""

    def __init__(self, directory, programs, threads):
        place = "include runner-token-service/fastcgi_params.conf; fastcgi_pass unix:"
        super().__init__(
            directory,
            programs,
            threads,
            locations="\n    ".join(
                f"location /{name} {{ {place}{directory}/{name}.sock; }}" for name in ["responder", "bare"]
            ),
        )
        responder, bare = (listener(self.directory / f"{name}.sock") for name in ["responder", "bare"])
        for _ in range(2):
            self.start([self.programs / "responder", "8"], "responder", responder)
        self.start([self.programs / "bare"], "bare", bare)

    def cpu(self):
        """Seconds of the workers, of nginx and of the simulator."""
        return [sum(process.cpu() for process in self.workers), self.nginx.cpu(), self.simulator.cpu()]

    def tokens(self):
        """A file of tokens, one for each user, who has 20 runners."""
        path = self.directory / "tokens"
        if not path.exists():
            tokens = [self.token(f"user-{number}") for number in range(USERS)]
            for token in tokens:
                for _ in range(RUNNERS):
                    fetch(
                        f"{self.base}/api/v1/runners/provision", {"runner_name_prefix": "own", "labels": ["gpu"]}, token
                    )
            path.write_text("\n".join(tokens) + "\n")
        return path

    def bad_tokens(self):
        """Good in form, and signed by nobody we know."""
        path = self.directory / "bad-tokens"
        if not path.exists():
            forged = [
                ".".join([*token.split(".")[:2], secrets.token_urlsafe(256)])
                for token in self.tokens().read_text().split()
            ]
            path.write_text("\n".join(forged) + "\n")
        return path

    def delay(self, milliseconds):
        fetch(f"{self.github}/control/faults", method="DELETE")
        if milliseconds:
            for fragment in ["registration-token", "generate-jitconfig"]:
                self.control("/faults", {"path_contains": fragment, "count": 1_000_000, "delay_ms": milliseconds})


def wrk(url, seconds, connections=64, method="GET", body=None, tokens=None):
    environment = dict(os.environ, BENCH_METHOD=method, BENCH_PATH=url[url.index("/", 8) :])
    if body is not None:
        environment["BENCH_BODY"] = json.dumps(body)
    if tokens is not None:
        environment["BENCH_TOKENS"] = str(tokens)
    done = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "30s",
            "--latency",
            "-s",
            HERE / "load.lua",
            url,
        ],
        env=environment,
        capture_output=True,
        text=True,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    sys.exit(f"wrk failed: {done.stdout}{done.stderr}")


class Scenario:
    def __init__(self, name, path, expected, connections=64, yardstick=True, **request):
        self.name, self.path, self.expected, self.connections = name, path, expected, connections
        self.yardstick, self.request = yardstick, request

    def measure(self, world, seconds):
        request = {key: value(world) if callable(value) else value for key, value in self.request.items()}
        before = world.cpu()
        result = wrk(world.base + self.path, seconds, self.connections, **request)
        after = world.cpu()
        others = {status: count for status, count in result["statuses"].items() if int(status) != self.expected}
        if others or result["lost"] or result["timeouts"]:
            sys.exit(f"{self.name}: {result}")
        answered = result["requests"]
        if answered == 0:
            sys.exit(f"{self.name}: no answer in {seconds} s")
        return {
            "rate": answered / (result["duration_us"] / 1e6),
            "p50_ms": result["p50_us"] / 1e3,
            "p99_ms": result["p99_us"] / 1e3,
            "cpu_per_1000": (after[0] - before[0]) / answered * 1000,
            "nginx_cpu_per_1000": (after[1] - before[1]) / answered * 1000,
            "github_cpu_per_1000": (after[2] - before[2]) / answered * 1000,
        }


YARDSTICK = Scenario("C responder", "/responder", 200)
BARE = Scenario("bare epoll responder", "/bare", 200)


def scenarios():
    provision = {"runner_name_prefix": "bench", "labels": ["gpu"]}
    return {
        "health": Scenario("health", "/health", 200),
        "list": Scenario("list of 20", "/api/v1/runners?limit=20", 200, tokens=Benchmark.tokens),
        "401": Scenario("rejected token", "/api/v1/runners", 401, tokens=Benchmark.bad_tokens),
        "provision": Scenario(
            "provision", "/api/v1/runners/provision", 201, method="POST", body=provision, tokens=Benchmark.tokens
        ),
        "jit": Scenario("jit", "/api/v1/runners/jit", 201, method="POST", body=provision, tokens=Benchmark.tokens),
    }


def median(results):
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def show(name, result, ratio=None):
    beside = f"  {ratio:5.2f} x C" if ratio else ""
    print(
        f"{name:24} {result['rate']:9,.0f}/s  p50 {result['p50_ms']:7.2f} ms  p99 {result['p99_ms']:7.2f} ms  "
        f"CPU {result['cpu_per_1000']:6.3f} s + nginx {result['nginx_cpu_per_1000']:5.3f} s "
        f"+ simulator {result['github_cpu_per_1000']:5.3f} s per 1,000{beside}",
        flush=True,
    )


def beside_the_responder(world, wanted, rounds, seconds):
    print(f"\n{rounds} rounds of {seconds} s each in turn, 64 connections; medians")
    figures = {}
    for name in wanted:
        scenario = scenarios()[name]
        own, other = [], []
        for _ in range(rounds):
            own.append(scenario.measure(world, seconds))
            other.append(YARDSTICK.measure(world, seconds))
        ratio = statistics.median(a["rate"] / b["rate"] for a, b in zip(own, other))
        show(name, median(own), ratio)
        figures[name] = dict(median(own), ratio=ratio, responder=median(other)["rate"])
    bare = median([BARE.measure(world, seconds) for _ in range(rounds)])
    show("(C responder)", median([YARDSTICK.measure(world, seconds) for _ in range(rounds)]))
    show("(bare epoll responder)", bare)
    figures["bare"] = bare
    return figures


def under_latency(world, seconds):
    print("\nGitHub answers after 150 ms")
    figures = {}
    world.delay(150)
    for connections in [64, 128]:
        for name in ["provision", "jit"]:
            scenario = scenarios()[name]
            scenario.connections = connections
            result = scenario.measure(world, seconds)
            show(f"{name}, {connections} callers", result, None)
            figures[f"{name}-{connections}"] = result
    figures["rush"] = rush(world, seconds)
    world.delay(0)
    return figures


def beside(world, seconds, load):
    """What others notice of a load: health, a list and a refusal, a connection each."""
    loads = [
        subprocess.Popen([sys.executable, __file__, "--load", json.dumps(load)], stdout=subprocess.PIPE, text=True)
    ]
    time.sleep(1)
    others = {}
    for name in ["health", "list", "401"]:
        scenario = scenarios()[name]
        scenario.connections = 2
        others[name] = scenario.measure(world, max(2, seconds // 3))
        show(f"  beside it: {name}", others[name])
    output, _ = loads[0].communicate()
    return json.loads(output), others


def rush(world, seconds):
    load = dict(
        url=f"{world.base}/api/v1/runners/provision",
        seconds=seconds + 4,
        connections=500,
        method="POST",
        body={"runner_name_prefix": "rush", "labels": ["gpu"]},
        tokens=str(world.tokens()),
    )
    result, others = beside(world, seconds, load)
    print(f"  500 callers: {result['statuses']}, slowest {result['max_us'] / 1e6:.2f} s, lost {result['lost']}")
    return dict(result, beside=others)


def hanging(world, seconds):
    print("\nEvery call to GitHub hangs")
    world.delay(19_000)
    load = dict(
        url=f"{world.base}/api/v1/runners/provision",
        seconds=seconds + 4,
        connections=128,
        method="POST",
        body={"runner_name_prefix": "hang", "labels": ["gpu"]},
        tokens=str(world.tokens()),
    )
    result, others = beside(world, seconds, load)
    world.delay(0)
    return dict(result, beside=others)


def memory(world, requests):
    print(f"\nMemory of a worker over {requests:,} requests")
    figures = []
    each = 4
    scenario = scenarios()
    done = 0
    while done < requests:
        for name in ["health", "list", "401", "provision"]:
            result = wrk(
                world.base + scenario[name].path,
                each,
                64,
                **{key: value(world) if callable(value) else value for key, value in scenario[name].request.items()},
            )
            done += result["requests"]
        resident, own = zip(*(process.memory() for process in world.workers))
        figures.append({"requests": done, "MiB": resident, "own_MiB": own})
        amounts = [
            f"{all_pages:.1f} MiB, {own_pages:.1f} of them its own" for all_pages, own_pages in zip(resident, own)
        ]
        print(f"  after {done:9,}: {'; '.join(amounts)}", flush=True)
    return figures


def first_answer(world, times=9):
    """From the start of a worker to its first answer: the request is in the socket before the worker is."""
    figures = []
    for process in world.workers:
        process.stop()
    for _ in range(times):
        start = time.monotonic()
        worker = world.start_worker()
        fetch(f"{world.base}/health")
        figures.append((time.monotonic() - start) * 1000)
        worker.stop()
    world.workers = [world.start_worker() for _ in range(2)]
    world.wait(f"{world.base}/health")
    print(f"\nFirst answer after the start: median {statistics.median(figures):.0f} ms, slowest {max(figures):.0f} ms")
    return figures


def elsewhere(url, rounds, seconds):
    """Another service: the path is all that is known of it."""
    results = [wrk(url, seconds) for _ in range(rounds)]
    rate = statistics.median(result["requests"] / (result["duration_us"] / 1e6) for result in results)
    print(f"{url}: {rate:,.0f}/s, {results[-1]['statuses']}")
    return {"url": url, "rate": rate}


PARTS = ["beside", "latency", "hanging", "memory", "start"]


def measure(part, world, options):
    if part == "beside":
        return beside_the_responder(world, options.scenario or list(scenarios()), options.rounds, options.seconds)
    if part == "latency":
        return under_latency(world, options.seconds)
    if part == "start":
        return first_answer(world)
    if part == "memory":
        return memory(world, options.requests)
    return hanging(world, options.seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", help="where the programs are")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="(default 3)")
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory (default 100000)")
    parser.add_argument(
        "--threads", type=int, default=36, help="of each worker: four answer what needs no GitHub (default 36)"
    )
    parser.add_argument("--scenario", action="append", choices=scenarios(), help="only this; may be repeated")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument("--against", metavar="URL", help="measure GET of this URL too, in the same run")
    parser.add_argument("--output", help="write all figures to this file, as JSON")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(wrk(**json.loads(options.load))))
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts = options.part or PARTS
    figures = {"cores": os.cpu_count(), "load_before": os.getloadavg()}
    print(
        f"{os.cpu_count()} cores, load before {figures['load_before'][0]:.1f}; 2 workers of {options.threads} threads"
    )
    if options.against:
        figures["elsewhere"] = elsewhere(options.against, options.rounds, options.seconds)
    for part in parts:
        # Each begins with nothing at the simulator, which finds a runner by its name the slower the more it has.
        with tempfile.TemporaryDirectory(prefix="bench.", dir="/tmp") as directory:
            world = Benchmark(directory, Path(options.programs), options.threads)
            try:
                figures[part] = measure(part, world, options)
            finally:
                world.stop()
    if options.output:
        Path(options.output).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
