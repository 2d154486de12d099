"""What goes wrong during a soak. Each fault is a generator: it breaks something, waits for the callers at its yields, and puts it right."""

import contextlib
import resource
import signal
import socket

from world import usage


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
    for _ in range(2 * world.threads + 8):
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
