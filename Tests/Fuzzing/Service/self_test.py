"""Shows that what a run must notice is noticed: answers, logs and processes are falsified, and a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import aftermath
import fastcgi
import honest_inputs
from answers import Judge
from fastcgi import END, STDOUT, Record
from inputs import Expected, Input, keep, kept
from run import Run

SECRET = b"eyJhbGciOiJSUzI1NiJ9"
PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "No.",
    "error_code": "NOT_FOUND",
    "request_id": "ab12",
}
HEAD = b"X-Request-ID: ab12\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
HEALTHY = b'{"status":"healthy"}'
WHOLE = fastcgi.encoded(fastcgi.request([(b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", b"/health")]))
END_RECORD = Record(END, bytes(8)).encoded()


def http(status: int, body: bytes, media_type: bytes = b"application/json", head: bytes = HEAD) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        media_type,
        len(body),
        head,
        body,
    )


def problem(**members: object) -> bytes:
    status = members.get("status", 404)
    return http(
        status if isinstance(status, int) else 404, json.dumps(PROBLEM | members).encode(), b"application/problem+json"
    )


def cgi(status: int = 200, body: bytes = HEALTHY, head: bytes = HEAD, end: bytes = END_RECORD) -> bytes:
    text = b"Status: %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        len(body),
        head,
        body,
    )
    return Record(STDOUT, text).encoded() + Record(STDOUT).encoded() + end


def to(door: str, data: bytes = b"GET /health HTTP/1.1\r\n\r\n", **members: object) -> Input:
    return Input(0, door, "a test", [(0, data)], **members)  # type: ignore[arg-type]


HEALTH = Expected(200, "status", "healthy")
OVER_HTTP, OVER_FASTCGI = to("HTTP", is_whole=True), to("FastCGI", WHOLE)

# What was sent, what came back, and how the connection ended.
HONEST: dict[str, tuple[Input, bytes, str]] = {
    "health over HTTP": (to("HTTP", is_whole=True, expected=HEALTH), http(200, HEALTHY), "end"),
    "a problem over HTTP": (OVER_HTTP, problem(), "end"),
    "health over FastCGI": (to("FastCGI", WHOLE, expected=HEALTH), cgi(), "end"),
    "half a request over FastCGI": (to("FastCGI", WHOLE[:-3]), b"", "end"),
    "a broken request over FastCGI": (to("FastCGI", b"\2" + WHOLE[1:]), b"", "reset"),
    "a hidden request that is refused": (
        to("HTTP", hides=True),
        problem() + problem(status=400).replace(b"ab12", b"ab13"),
        "end",
    ),
}
WRONG: dict[str, tuple[Input, bytes, str]] = {
    "a 500": (OVER_HTTP, problem(status=500), "end"),
    "a 500 over FastCGI": (OVER_FASTCGI, cgi(500), "end"),
    "a 502 of nginx": (OVER_HTTP, problem(status=502), "end"),
    "a 504 of nginx": (OVER_HTTP, problem(status=504), "end"),
    "no answer": (OVER_HTTP, b"", "end"),
    "no answer over FastCGI": (OVER_FASTCGI, b"", "end"),
    "no end": (OVER_FASTCGI, cgi(), "timeout"),
    "an answer that breaks off": (OVER_HTTP, http(200, HEALTHY)[:-1], "end"),
    "an answer that breaks off over FastCGI": (OVER_FASTCGI, cgi()[:-9], "end"),
    "half a record": (OVER_FASTCGI, cgi()[:-2], "end"),
    "no end of the request": (OVER_FASTCGI, cgi(end=b""), "end"),
    "two ends of the request": (OVER_FASTCGI, cgi(end=END_RECORD * 2), "end"),
    "a record of another request": (OVER_FASTCGI, cgi(end=Record(END, bytes(8), 2).encoded()), "end"),
    "two answers to one request": (
        OVER_HTTP,
        http(200, HEALTHY) + http(200, HEALTHY, head=HEAD.replace(b"2", b"3")),
        "end",
    ),
    "bytes before the answer": (OVER_HTTP, b"\0" + http(200, HEALTHY), "end"),
    "a header that is none": (OVER_HTTP, http(200, HEALTHY, head=HEAD + b"\x01: x\r\n"), "end"),
    "a control character in a header": (OVER_HTTP, http(200, HEALTHY, head=HEAD + b"X: a\x1b\r\n"), "end"),
    "no request id": (OVER_HTTP, http(200, HEALTHY, head=HEAD.partition(b"\n")[2]), "end"),
    "two request ids": (OVER_HTTP, http(200, HEALTHY, head=HEAD + b"X-Request-ID: ab13\r\n"), "end"),
    "an answer that may be stored": (OVER_HTTP, http(200, HEALTHY, head=HEAD.replace(b"no-store", b"public")), "end"),
    "an error as HTML": (OVER_HTTP, http(404, b"<html>", b"text/html"), "end"),
    "a problem that is no JSON": (OVER_HTTP, http(404, b"{", b"application/problem+json"), "end"),
    "a problem without a code": (OVER_HTTP, problem(error_code=None), "end"),
    "a problem of another request": (OVER_HTTP, problem(request_id="ab13"), "end"),
    "a problem of another status": (OVER_HTTP, problem().replace(b'"status": 404', b'"status": 403'), "end"),
    "a member that is there twice": (OVER_HTTP, problem().replace(b'"title": ', b'"type": '), "end"),
    "a token in an answer": (OVER_HTTP, problem(detail=SECRET.decode()), "end"),
    "a wrong length over FastCGI": (OVER_FASTCGI, cgi().replace(b"Content-Length: 20", b"Content-Length: 21"), "end"),
    "half a request that is served": (to("FastCGI", WHOLE[:-3]), cgi(), "end"),
    "a broken request that is served": (to("FastCGI", b"\2" + WHOLE[1:]), cgi(), "end"),
    "a hidden request that is served": (
        to("HTTP", hides=True),
        http(200, HEALTHY) + http(200, HEALTHY, head=HEAD.replace(b"ab12", b"ab13")),
        "end",
    ),
    "an honest request that is refused": (to("HTTP", is_whole=True, expected=HEALTH), problem(), "end"),
    "an honest request with another answer": (
        to("FastCGI", WHOLE, expected=HEALTH),
        cgi(body=b'{"status":"ill"}'),
        "end",
    ),
}


def of_answers() -> list[str]:
    missed = [
        f"{name} is refused: {found}" for name, case in HONEST.items() if (found := Judge([SECRET]).findings(*case)[0])
    ]
    missed += [name for name, case in WRONG.items() if not Judge([SECRET]).findings(*case)[0]]
    judge = Judge([])
    judge.findings(OVER_HTTP, http(200, HEALTHY), "end")
    if not judge.findings(OVER_HTTP, http(200, HEALTHY), "end")[0]:
        missed.append("a request id that is there twice")
    return missed


LOGS = {
    "a report of the address sanitizer": b"==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x60",
    "a report of the thread sanitizer": b"WARNING: ThreadSanitizer: data race (pid=7)",
    "a leak": b"==7==ERROR: LeakSanitizer: detected memory leaks",
    "a trap": b"Storage/Database.swift:9: Fatal error: Index out of range",
    "a smashed stack": b"*** stack smashing detected ***: terminated",
}


def of_processes() -> list[str]:
    """A process that keeps a connection, and one that holds more than it did."""
    missed = [name for name, line in LOGS.items() if not aftermath.reports("x.log", b"fine\n" + line + b"\nfine\n")]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "service.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        before = aftermath.Usage(os.getpid())
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        keeper, _ = listener.accept()
        after = aftermath.Usage(os.getpid())
        if aftermath.accepted(path, before) or aftermath.accepted(path, after) != 1:
            missed.append("a connection that is kept")
        files = [open(os.devnull) for _ in range(aftermath.MORE_DESCRIPTORS)]
        if not aftermath.grown(before, aftermath.Usage(os.getpid()), 0):
            missed.append("descriptors that are kept")
        for each in (listener, client, keeper, *files):
            each.close()
        if found := aftermath.grown(before, before, 0):
            missed.append(f"nothing, and found was {found}")
    after.threads += aftermath.MORE_THREADS + 1
    if not aftermath.grown(before, after, 0):
        missed.append("threads that are kept")
    return missed


def of_inputs(run: Run) -> list[str]:
    """The same seed makes the same inputs, and what is kept is what was sent."""
    missed = []
    if [run.input(number) for number in range(500)] != [run.input(number) for number in range(500)]:
        missed.append("inputs of one seed differ")
    with tempfile.TemporaryDirectory() as directory:
        for number in range(200):
            made = run.input(number)
            keep(Path(directory, "x"), made, run.credentials, 1, "", b"")
            if kept(Path(directory, "x"), run.credentials) != made:
                missed.append(f"input {number} is not what was kept of it")
    return missed


def of_sanitizers(planted: Path, preload: Path | None) -> list[str]:
    """A race and a use of freed memory, of which each sanitizer sees one; and memory that is lost."""
    with tempfile.TemporaryFile() as log:
        environment = os.environ | ({"LD_PRELOAD": str(preload)} if preload else {})
        arguments = [["leak"]] if preload else []
        missed = []
        for each in [[], *arguments]:
            log.truncate(0)
            status = subprocess.run([planted, *each], stdout=log, stderr=log, env=environment).returncode
            log.seek(0)
            if status == 0 or not aftermath.reports("planted.log", log.read()):
                missed.append(f"the planted fault {each}, which ended with status {status}")
        return missed


def of_the_service(run: Run) -> list[str]:
    """A worker that dies."""
    missed = []
    run.play_honestly(50)
    if run.findings:
        missed.append(f"before anything was falsified: {run.findings}")
    before = {worker.pid: aftermath.Usage(worker.pid) for worker in run.world.workers}
    run.send(honest_inputs.made(1, "FastCGI", run.credentials, Random(1)))
    if found := aftermath.of_the_living(run.world, before):
        missed.append(f"nothing, and found was {found}")
    run.world.workers[0].child.send_signal(signal.SIGSEGV)
    time.sleep(1)
    if not aftermath.of_the_living(run.world, before):
        missed.append("a worker that died")
    if not run.too_few(1000):
        missed.append("that too little was sent")
    run.world.stop()
    if not aftermath.of_the_dead(run.world):
        missed.append("the status of a worker that died")
    return missed


def missed(run: Run, planted: Path, preload: Path | None) -> list[str]:
    found = of_answers() + of_processes() + of_inputs(run) + of_sanitizers(planted, preload) + of_the_service(run)
    for name in found:
        print(f"NOT NOTICED: {name}", file=sys.stderr)
    if not found:
        print(
            f"Noticed: {len(WRONG) + 1} wrong answers, {len(LOGS)} logs, what is kept, planted faults and a dead worker."
        )
    return found
