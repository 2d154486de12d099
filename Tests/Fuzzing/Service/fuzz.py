"""Sends made-up input to the service, over FastCGI and through nginx, and looks at what comes back and what is left. scripts/fuzz-service
builds the programs and calls it."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

import aftermath
import self_test
from inputs import kept
from run import Fuzzed, Run

# Until idle connections are closed, and as long as a request may take to arrive.
QUIET = 40
# Honest requests before what the workers hold is noted.
WARM_UP = 200


def warm_up(run: Run) -> dict[int, aftermath.Usage]:
    """What the workers hold once each of their threads has served."""
    run.play_honestly(WARM_UP)
    time.sleep(1)
    return {worker.pid: aftermath.Usage(worker.pid) for worker in run.world.workers}


def wait_until_quiet(run: Run) -> None:
    """Until the workers have ended the connections that were held."""
    deadline = time.monotonic() + QUIET
    while run.held.look() and time.monotonic() < deadline:
        time.sleep(0.2)
    run.held.give_up()
    # Once more the sweep that comes each second.
    time.sleep(2)


def look(run: Run, before: dict[int, aftermath.Usage]) -> None:
    for finding in aftermath.of_the_living(run.world, before):
        run.found(finding)
    run.world.stop()
    for finding in aftermath.of_the_dead(run.world):
        run.found(finding)


def fuzz(run: Run, seconds: float) -> None:
    before = warm_up(run)
    run.play(seconds)
    wait_until_quiet(run)
    sizes = ", ".join(
        f"{aftermath.resident(worker.pid)} MiB" for worker in run.world.workers if worker.child.poll() is None
    )
    look(run, before)
    for finding in run.too_few(seconds):
        run.found(finding)
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(run.answered.items()))
    print(
        f"{run.summary()}; the slowest took {run.slowest:.1f} s; workers of {sizes}\nStatuses {statuses}\nError codes {', '.join(sorted(run.codes))}"
    )


def replay(run: Run, path: Path) -> None:
    run.send(kept(path, run.credentials))
    wait_until_quiet(run)
    look(run, {worker.pid: aftermath.Usage(worker.pid) for worker in run.world.workers})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, type=Path, help="where the programs are")
    parser.add_argument("--directory", required=True, type=Path, help="an empty one, with a short path")
    parser.add_argument("--findings", required=True, type=Path, help="where to keep inputs with a finding, and logs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--replay", type=Path, help="an input that was kept")
    parser.add_argument("--preload", type=Path, help="into the service's processes")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--planted", type=Path, help="for it, a program that its sanitizer ends")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    world: Fuzzed | None = None
    run: Run | None = None
    findings: list[str] = ["it did not come to its end"]
    try:
        world = Fuzzed(str(options.directory), options.programs, options.preload)
        run = Run(world, world.credentials(), options.seed, options.findings)
        if options.self_test:
            findings = self_test.missed(run, options.planted, options.preload)
        elif options.replay:
            replay(run, options.replay)
            findings = run.findings
        else:
            print(f"{options.seconds:.0f} s, seed {options.seed}", flush=True)
            fuzz(run, options.seconds)
            findings = run.findings
    finally:
        if run:
            run.interrupted = True
            run.stopping.set()
        if world:
            world.stop()
        if findings:
            keep_logs(options.directory, options.findings)
    if findings:
        sys.exit(f"fuzz: {len(findings)} findings; to repeat the run: --seed {options.seed}")
    print("No finding.")


def end(*_: object) -> None:
    """Once: who asks again must not keep it from stopping the service."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def keep_logs(directory: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in directory.glob("*.log"):
        shutil.copy(log, folder)
    print(f"Logs are in {folder}")


if __name__ == "__main__":
    main()
