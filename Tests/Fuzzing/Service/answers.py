"""Reads what came back, and says what is wrong with it."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

import fastcgi
from inputs import Input

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]*")
CGI_STATUS_LINE = re.compile(rb"Status: (\d{3}) [ -~]+")
# Bytes that a header of ours has.
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([ -~]*)")
REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
PROBLEM = {"type": str, "title": str, "status": int, "detail": str, "error_code": str, "request_id": str}
# Without a problem: of a redirect, nginx's pages for /docs.
REDIRECTS = {301, 302, 308}
# What a caller may be told to try again: its policy was changed by an administrator's request at the same time; or another
# request is just asking GitHub for what all of them share, such as the runner groups.
EXPLAINED = {
    "Your label policy was changed just now; send the request again.",
    "Many callers wait for GitHub; try again in a second.",
}


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each == name), None)

    def document(self) -> Any:
        """What its JSON says; None if it is no JSON."""
        try:
            return json.loads(self.body.decode(), object_pairs_hook=unique)
        except ValueError:
            return None


def unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in members}) != len(members):
        raise ValueError("a member is there twice")
    return dict(members)


@dataclass
class Judge:
    """Holds all answers of a run against what is promised. Its methods return findings."""

    secrets: list[bytes]
    # Those that nginx gave out, none of them twice.
    request_ids: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def findings(self, made: Input, received: bytes, ended: str) -> tuple[list[str], list[Answer]]:
        """What is wrong with `received`, and the answers in it. `ended`: how the connection did: `end`, `reset` or `timeout`."""
        found = [f"a secret in an answer: {secret[:12]!r}…" for secret in self.secrets if secret in received]
        if ended == "timeout":
            found.append("the connection did not end in time")
        if made.ending == "close":
            # Whoever hangs up may miss the end.
            return found, []
        more, answers = self.over_fastcgi(made, received) if made.door == "FastCGI" else self.over_http(made, received)
        found += more
        if made.expected and not more:
            found += self.unlike(made, answers)
        return found, answers

    def unlike(self, made: Input, answers: list[Answer]) -> list[str]:
        expected = made.expected
        if expected is None or len(answers) != 1:
            return [f"{len(answers)} answers to an honest request"]
        document = answers[0].document()
        value = document.get(expected.member) if isinstance(document, dict) else None
        if (answers[0].status, value) == (expected.status, expected.value):
            return []
        return [
            f"an honest request got {answers[0].status} and {expected.member} {value!r}, not {expected.status} and {expected.value!r}"
        ]

    # MARK: FastCGI

    def over_fastcgi(self, made: Input, received: bytes) -> tuple[list[str], list[Answer]]:
        reading = fastcgi.reading(made.data)
        if reading.verdict != "complete":
            return ([f"an answer to a request that is {reading.verdict}"] if received else []), []
        if not received:
            return ["no answer to a whole request"], []
        reply = fastcgi.reply(received, reading.id)
        if reply.faults:
            return reply.faults, []
        head, separator, body = reply.output.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = CGI_STATUS_LINE.fullmatch(lines[0])
        if not status or not separator:
            return [f"no CGI answer: {reply.output[:100]!r}"], []
        headers, found = read_headers(lines[1:])
        answer = Answer(int(status[1]), headers, body)
        length = answer.header("content-length")
        if answer.status == 204:
            found += ["a body with 204"] if body else []
        elif reading.method == b"HEAD":
            found += ["a body with HEAD"] if body else []
        elif length != str(len(body)):
            found.append(f"Content-Length is {length} with {len(body)} bytes")
        return found + self.answer_faults(answer, reading.method == b"HEAD"), [answer]

    # MARK: HTTP

    def over_http(self, made: Input, received: bytes) -> tuple[list[str], list[Answer]]:
        may_be_head = b"HEAD" in made.data
        answers, found = read_http(received, may_be_head)
        for answer in answers:
            found += self.answer_faults(answer, may_be_head)
            identifier = answer.header("x-request-id")
            with self.lock:
                if identifier in self.request_ids:
                    found.append(f"the request id {identifier} is there twice")
                elif identifier:
                    self.request_ids.add(identifier)
        if made.is_whole and len(answers) != 1:
            found.append(f"{len(answers)} answers to one request")
        if made.hides and any(answer.status != 400 for answer in answers[1:]):
            found.append("a hidden request was served")
        return found, answers

    # MARK: Both

    def answer_faults(self, answer: Answer, may_be_head: bool) -> list[str]:
        found = []
        if answer.status >= 500 and not is_explained(answer):
            found.append(f"status {answer.status}: {answer.body[:300]!r}")
        wanted = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        if answer.status in REDIRECTS:
            return found
        for name, value in wanted.items():
            if answer.header(name) != value:
                found.append(f"status {answer.status} with {name} {answer.header(name)}")
        identifiers = [value for name, value in answer.headers if name == "x-request-id"]
        if len(identifiers) != 1 or not REQUEST_ID.fullmatch(identifiers[0]):
            found.append(f"status {answer.status} with the request ids {identifiers}")
        if answer.status >= 400:
            found += problem_faults(answer, may_be_head)
        elif (
            answer.body
            and answer.header(
                "content-type",
            )
            is None
        ):
            found.append("a body without a content type")
        return found


def is_explained(answer: Answer) -> bool:
    document = answer.document()
    return isinstance(document, dict) and answer.status == 503 and document.get("detail") in EXPLAINED


def problem_faults(answer: Answer, may_be_head: bool) -> list[str]:
    """RFC 9457, with the members that are promised."""
    if answer.header("content-type") != "application/problem+json":
        return [f"an error as {answer.header('content-type')}"]
    if may_be_head and not answer.body:
        return []
    document = answer.document()
    if not isinstance(document, dict):
        return [f"a problem that is no JSON object: {answer.body[:100]!r}"]
    found = [f"a problem without {name}" for name, kind in PROBLEM.items() if not isinstance(document.get(name), kind)]
    if document.get("status") != answer.status:
        found.append(f"a problem of status {document.get('status')} with {answer.status}")
    if document.get("request_id") != answer.header("x-request-id"):
        found.append(f"a problem of request {document.get('request_id')} with {answer.header('x-request-id')}")
    return found


def read_headers(lines: list[bytes]) -> tuple[list[tuple[str, str]], list[str]]:
    headers, found = [], []
    for line in lines:
        header = HEADER.fullmatch(line)
        if header:
            headers.append((header[1].decode().lower(), header[2].decode()))
        else:
            found.append(f"no header: {line[:100]!r}")
    for name in ("content-length", "content-type", "transfer-encoding"):
        if sum(1 for each, _ in headers if each == name) > 1:
            found.append(f"{name} is there twice")
    return headers, found


def read_http(data: bytes, may_be_head: bool) -> tuple[list[Answer], list[str]]:
    """All answers on a connection."""
    answers: list[Answer] = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = STATUS_LINE.fullmatch(lines[0])
        if not status or not separator:
            if not answers and is_document(data):
                # As HTTP 0.9 has it: nothing but the body, to a request line without a version.
                return [], []
            return answers, [f"no HTTP answer: {data[:100]!r}"]
        headers, found = read_headers(lines[1:])
        answer = Answer(int(status[1]), headers, b"")
        if answer.status == 100:
            data = rest
            continue
        answer.body, data, fault = read_body(answer, rest, may_be_head)
        answers.append(answer)
        if found or fault:
            return answers, [*found, *([fault] if fault else [])]
    return answers, []


def is_document(data: bytes) -> bool:
    return isinstance(Answer(0, [], data).document(), dict)


def read_body(answer: Answer, rest: bytes, may_be_head: bool) -> tuple[bytes, bytes, str | None]:
    """The body, what follows it, and what is wrong."""
    if answer.status in (204, 304):
        return b"", rest, None
    if may_be_head and (not rest or rest.startswith(b"HTTP/1.1 ")):
        return b"", rest, None
    if answer.header("transfer-encoding") == "chunked":
        return read_chunks(rest)
    length = answer.header("content-length")
    if length is None or not length.isdigit():
        return rest, b"", f"an answer with Content-Length {length}"
    if len(rest) < int(length):
        return rest, b"", f"a body of {len(rest)} bytes with Content-Length {length}"
    return rest[: int(length)], rest[int(length) :], None


def read_chunks(rest: bytes) -> tuple[bytes, bytes, str | None]:
    body = b""
    while True:
        line, separator, rest = rest.partition(b"\r\n")
        if not separator or not re.fullmatch(rb"[0-9a-fA-F]+", line):
            return body, b"", f"no chunk: {line[:50]!r}"
        size = int(line, 16)
        if len(rest) < size + 2 or rest[size : size + 2] != b"\r\n":
            return body, b"", "a chunk is cut off"
        body, rest = body + rest[:size], rest[size + 2 :]
        if size == 0:
            return body, rest, None
