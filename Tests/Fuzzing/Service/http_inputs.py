"""What clients, broken ones and attackers send to nginx."""

from __future__ import annotations

from random import Random
from typing import Callable

import hostile
from api import METHODS, ODD_TARGETS, Maker, Request
from inputs import Ending, Input

HOST = b"127.0.0.1"
# A second request in the bytes of a first one. Its answer would have these 404's; nobody may give it.
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def made(number: int, maker: Maker, dice: Random) -> Input:
    fate = dice.random()
    if fate < 0.6:
        return of_a_request(number, maker.request(dice), dice)
    if fate < 0.9:
        change = dice.choice(SHAPES)
        data, hides = change(maker.request(dice), dice)
        what = change.__name__.replace("_", " ")
        return Input(number, "HTTP", what, steps(data, dice), ending(dice), hides=hides)
    data = written(maker.request(dice))
    for _ in range(dice.choice([1, 1, 2, 5])):
        data = hostile.spoiled(data, dice)
    return Input(number, "HTTP", "spoiled bytes", steps(data, dice), ending(dice))


def of_a_request(number: int, request: Request, dice: Random) -> Input:
    data = written(request)
    is_whole = all(is_plain(text) for header in request.headers for text in header)
    is_whole &= request.target.startswith(b"/") and is_plain(request.target) and request.method in METHODS
    is_whole &= len(request.target) < 4000
    return Input(number, "HTTP", "a request", steps(data, dice), ending(dice), is_whole=is_whole)


def is_plain(text: bytes) -> bool:
    return all(32 <= byte < 127 for byte in text)


def ending(dice: Random) -> Ending:
    return "close" if dice.random() < 0.07 else "half close"


def steps(data: bytes, dice: Random) -> list[tuple[float, bytes]]:
    if dice.random() < 0.85 or len(data) < 2:
        return [(0, data)]
    cut = dice.randrange(1, len(data))
    return [(0, data[:cut]), (dice.choice([0, 0.02]), data[cut:])]


def written(
    request: Request, framing: bytes | None = None, body: bytes | None = None, version: bytes = b"HTTP/1.1"
) -> bytes:
    """As a client writes it, unless told how to frame the body."""
    if framing is None:
        framing = b"Content-Length: %d\r\n" % len(request.body) if request.body else b""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in request.headers)
    head = request.method + b" " + request.target + b" " + version + b"\r\nHost: " + HOST + b"\r\n"
    return head + lines + framing + b"\r\n" + (request.body if body is None else body)


def chunked(body: bytes, dice: Random) -> bytes:
    data, place = b"", 0
    while place < len(body):
        size = dice.choice([1, 7, 100, 5000])
        piece = body[place : place + size]
        extension = dice.choice([b"", b"", b";a=b", b';a="\\""', b";" + b"x" * 500])
        data += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
        place += size
    return data + b"0\r\n" + dice.choice([b"", b"", b"X-Trailer: 1\r\n"]) + b"\r\n"


# MARK: - Shapes: bytes, and whether a request hides in them


def in_chunks(request: Request, dice: Random) -> tuple[bytes, bool]:
    return written(request, b"Transfer-Encoding: chunked\r\n", chunked(request.body or b"{}", dice)), False


def in_bad_chunks(request: Request, dice: Random) -> tuple[bytes, bool]:
    body = chunked(request.body or b"{}", dice)
    sizes = [
        b"-1",
        b"0x2",
        b"FFFFFFFFFFFFFFFFF",
        b"7fffffffffffffff",
        b"8000000000000000",
        b"",
        b"g",
        b" 2",
        b"2 ",
        b"00000002",
        b"+2",
    ]
    body = dice.choice([hostile.spoiled(body, dice), dice.choice(sizes) + b"\r\n" + body, body[:-4], b"\r\n" + body])
    return written(request, b"Transfer-Encoding: chunked\r\n", body), False


def of_two_lengths(request: Request, dice: Random) -> tuple[bytes, bool]:
    body = b"0\r\n\r\n" + HIDDEN
    length, encoding = b"Content-Length: %d\r\n" % len(body), b"Transfer-Encoding: chunked\r\n"
    framings = [
        length + encoding,
        encoding + length,
        length + b"Content-Length: 5\r\n",
        b"Content-Length: 5\r\n" + length,
        length + length,
        b"Content-Length: 5, %d\r\n" % len(body),
        b"Content-Length: +%d\r\n" % len(body),
        b"Content-Length: 0x%x\r\n" % len(body),
        b"Content-Length: -5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: \r\n",
        encoding + b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: chunked, identity\r\n" + length,
        b"Transfer-Encoding: xchunked\r\n" + length,
        b"Transfer-Encoding:\tchunked\r\n" + length,
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + length,
    ]
    return written(request, dice.choice(framings), body), True


def in_a_body(request: Request, dice: Random) -> tuple[bytes, bool]:
    """A request, or a FastCGI record, as a well-framed body of another."""
    record = b"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0"
    body = dice.choice([HIDDEN, b"\r\n" + HIDDEN, record * 2, bytes(8192) + record])
    if request.method == b"HEAD":
        request.method = b"GET"
    return written(request, b"Content-Length: %d\r\n" % len(body), body), True


def with_an_odd_line(request: Request, dice: Random) -> tuple[bytes, bool]:
    lines = [
        b"GET /health\r\n",
        b"GET\r\n",
        b"\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n",
        b"GET /health HTTP/1.0\r\n",
        b"GET /health HTTP/1.2\r\nHost: a\r\n",
        b"GET /health HTTP/2.0\r\nHost: a\r\n",
        b"GET /health HTTP/11.1\r\n",
        b"GET /health HTTP/1.1 x\r\n",
        b"GET  /health  HTTP/1.1\r\nHost: a\r\n",
        b"GET\t/health\tHTTP/1.1\r\n",
        b"GET /he alth HTTP/1.1\r\n",
        b" GET /health HTTP/1.1\r\n",
        b"GET /health HTTP/1.1\nHost: a\n\n",
        b"GET /health HTTP/1.1\r\r\n",
        b"GET \x00/health HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n",
        b"GET " + dice.choice(ODD_TARGETS) + b" HTTP/1.1\r\nHost: a\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n",
        hostile.text(dice) + b" /health HTTP/1.1\r\nHost: a\r\n",
    ]
    return dice.choice(lines) + b"\r\n", False


def with_an_odd_header(request: Request, dice: Random) -> tuple[bytes, bool]:
    headers = [
        b"Host: other\r\n",
        b"Host: \r\n",
        b"Host: " + hostile.text(dice) + b"\r\n",
        b"X-A : b\r\n",
        b" folded: x\r\n",
        b"X-A: b\r\n\tfolded\r\n",
        b"X-A: b\n",
        b"X-A: b\rX-B: c\r\n",
        b"X-A\r\n",
        b": b\r\n",
        b"X_A: b\r\n",
        b"X-A: \x00\r\n",
        b"X-\xff: \xff\r\n",
        b"X-A: " + hostile.text(dice) + b"\r\n",
        b"X-A: " + b"a" * 20_000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % n for n in range(900)),
        b"X-A: b\r\n" * 300,
        b"Authorization: a\r\nAuthorization: b\r\n",
        b"Expect: 100-continue\r\n",
        b"Expect: x\r\n",
        b"Connection: close, X-A\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Range: bytes=0-1,3-4\r\n",
        b"If-None-Match: *\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Proxy: http://127.0.0.1:1\r\n",
        b"X-Accel-Redirect: /\r\n",
        b"X-Forwarded-For: 10.0.0.1\r\n",
    ]
    data = written(request)
    line = data.index(b"\r\n") + 2
    return data[:line] + dice.choice(headers) + data[line:], False


def cut_short(request: Request, dice: Random) -> tuple[bytes, bool]:
    data = written(request)
    return data[: dice.randrange(len(data))], False


def several_at_once(request: Request, dice: Random) -> tuple[bytes, bool]:
    if request.method == b"HEAD":
        request.method = b"GET"
    return written(request) * dice.choice([2, 3, 10]), False


def too_large(request: Request, dice: Random) -> tuple[bytes, bool]:
    request.method, body = b"POST", bytes(dice.choice([65_536, 65_537, 70_000]))
    return written(request, b"Content-Length: %d\r\n" % (len(body) + dice.choice([0, 0, 1, 10**9])), body), False


SHAPES: list[Callable[[Request, Random], tuple[bytes, bool]]] = [
    in_chunks,
    in_bad_chunks,
    of_two_lengths,
    of_two_lengths,
    in_a_body,
    with_an_odd_line,
    with_an_odd_line,
    with_an_odd_header,
    with_an_odd_header,
    with_an_odd_header,
    cut_short,
    several_at_once,
    too_large,
]
