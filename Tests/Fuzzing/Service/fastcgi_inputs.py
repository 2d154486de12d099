"""What a web server, a broken one and an attacker send to a worker's socket."""

from __future__ import annotations

from random import Random
from typing import Callable

import fastcgi
import hostile
from fastcgi import ABORT, GET_VALUES, PARAMS, STDIN, Record
from inputs import Ending, Input
from api import Maker

# The largest input that is sent in single bytes.
DRIP_LIMIT = 600


def made(number: int, maker: Maker, dice: Random) -> Input:
    request = maker.request(dice)
    parameters, body, notes = request.parameters(), request.body, []
    for _ in range(dice.choice([0, 0, 1, 2])):
        parameters = with_a_hostile_value(parameters, dice)
        notes.append("a hostile parameter")
    identifier = dice.choice([1, 1, 1, 2, 255, 256, 65_535])
    records = written(parameters, body, identifier, dice)
    for _ in range(dice.choice([0, 0, 1, 1, 2, 4])):
        change = dice.choice(CHANGES)
        records = change(records, dice)
        notes.append(change.__name__.replace("_", " "))
    data = fastcgi.encoded(records)
    if dice.random() < 0.15:
        data = hostile.spoiled(data, dice)
        notes.append("spoiled bytes")
    if dice.random() < 0.02:
        data = dice.choice([b"GET / HTTP/1.1\r\n\r\n", bytes(70_000), b"\xff" * 70_000, b"\x01", b""])
        notes.append("no FastCGI")
    steps, manner = delivered(data, dice)
    endings: list[Ending] = ["half close"] * 13 + ["await"] * 3 + ["close"] * 3 + ["hold"]
    return Input(number, "FastCGI", ", ".join(notes + manner) or "as a web server", steps, dice.choice(endings))


def written(parameters: list[tuple[bytes, bytes]], body: bytes, identifier: int, dice: Random) -> list[Record]:
    """A good request, in one of the ways to write it."""
    data = fastcgi.pairs(parameters)
    if dice.random() < 0.1:
        # Four bytes for a length that fits in one.
        data = b"".join(fastcgi.size(len(n), True) + fastcgi.size(len(v), True) + n + v for n, v in parameters)
    begin = fastcgi.begin(identifier, flags=dice.choice([0, 0, 0, fastcgi.KEEP_CONNECTION, 255]))
    pieces = [65_535, 65_535, 8192, 1000, 100]
    records = [
        begin,
        *fastcgi.stream(PARAMS, data, identifier, dice.choice(pieces)),
        *fastcgi.stream(STDIN, body, identifier, dice.choice(pieces)),
    ]
    for record in records:
        if dice.random() < 0.2:
            record.padding = dice.choice([1, 7, 8, 255])
    return records


def with_a_hostile_value(parameters: list[tuple[bytes, bytes]], dice: Random) -> list[tuple[bytes, bytes]]:
    changed = list(parameters)
    place = dice.randrange(len(changed))
    name, value = changed[place]
    fate = dice.random()
    if fate < 0.5:
        changed[place] = (name, hostile.text(dice))
    elif fate < 0.6:
        changed[place] = (name, hostile.spoiled(value, dice))
    elif fate < 0.7:
        changed[place] = (hostile.text(dice), value)
    elif fate < 0.8:
        changed.append((name, hostile.text(dice)))
    elif fate < 0.9:
        del changed[place]
    elif fate < 0.95:
        changed.append((b"HTTP_" + hostile.text(dice), hostile.text(dice)))
    else:
        changed.append((b"X", b"x" * dice.choice([60_000, 65_535, 70_000])))
    return changed or parameters


def delivered(data: bytes, dice: Random) -> tuple[list[tuple[float, bytes]], list[str]]:
    """At once, in pieces or byte by byte."""
    fate = dice.random()
    if fate < 0.75 or len(data) < 2:
        return [(0, data)], []
    if fate < 0.95 or len(data) > DRIP_LIMIT:
        cuts = sorted(dice.randrange(1, len(data)) for _ in range(dice.choice([1, 2, 5])))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)])]
        return [(dice.choice([0, 0.001, 0.02]), piece) for piece in pieces], ["in pieces"]
    return [(0.0005, data[place : place + 1]) for place in range(len(data))], ["byte by byte"]


# MARK: - Changes to the records


def other_version(records: list[Record], dice: Random) -> list[Record]:
    dice.choice(records).version = dice.choice([0, 2, 255])
    return records


def other_type(records: list[Record], dice: Random) -> list[Record]:
    dice.choice(records).type = dice.choice([0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 77, 255])
    return records


def other_id(records: list[Record], dice: Random) -> list[Record]:
    dice.choice(records).id = dice.choice([0, 1, 2, 3, 256, 65_535])
    return records


def wrong_length(records: list[Record], dice: Random) -> list[Record]:
    record = dice.choice(records)
    record.length = max(
        0, min(65_535, dice.choice([0, 1, len(record.content) - 1, len(record.content) + 1, 32_768, 65_535]))
    )
    return records


def wrong_padding(records: list[Record], dice: Random) -> list[Record]:
    dice.choice(records).padding = dice.choice([1, 8, 200, 255])
    return records


def without_one(records: list[Record], dice: Random) -> list[Record]:
    place = dice.randrange(len(records))
    return records[:place] + records[place + 1 :] or records


def one_twice(records: list[Record], dice: Random) -> list[Record]:
    place = dice.randrange(len(records))
    return records[: place + 1] + records[place:]


def two_exchanged(records: list[Record], dice: Random) -> list[Record]:
    one, other = dice.randrange(len(records)), dice.randrange(len(records))
    records[one], records[other] = records[other], records[one]
    return records


def with_abort(records: list[Record], dice: Random) -> list[Record]:
    return inserted(records, [Record(ABORT, b"", records[0].id)], dice)


def with_management(records: list[Record], dice: Random) -> list[Record]:
    names = [b"FCGI_MAX_CONNS", b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS", b"X"]
    asked = fastcgi.pairs((dice.choice(names), b"") for _ in range(dice.choice([1, 4, 40])))
    return inserted(records, [Record(dice.choice([GET_VALUES, GET_VALUES, 10, 11, 200]), asked, 0)], dice)


def with_another_request(records: list[Record], dice: Random) -> list[Record]:
    other = fastcgi.request(
        [(b"REQUEST_METHOD", b"DELETE"), (b"REQUEST_URI", b"/api/v1/runners/fuzz-1")], b"", dice.choice([1, 2])
    )
    if dice.random() < 0.5:
        return records + other
    mixed: list[Record] = []
    while records or other:
        source = records if records and (not other or dice.random() < 0.5) else other
        mixed.append(source.pop(0))
    return mixed


def hidden_in_the_body(records: list[Record], dice: Random) -> list[Record]:
    hidden = fastcgi.encoded(fastcgi.request([(b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", b"/smuggled")]))
    return records[:-1] + [Record(STDIN, bytes(dice.choice([0, 1, 8])) + hidden * 2, records[-1].id), records[-1]]


def torn_parameters(records: list[Record], dice: Random) -> list[Record]:
    torn = dice.choice(
        [
            b"\x84\0\0\0\x84\0\0\0\1",
            b"\x84\0",
            b"\1",
            b"\xff\xff\xff\xff\xff\xff\xff\xff" + b"x" * 16,
            b"\x7f\x7f",
            b"\x80\0\0\1\x80\0\0\1ab",
            b"\0\0" * 100,
            b"\1\xff\xff\xff\xffA",
            b"\x80\0\0\0\xff\xff\xff\xff",
        ]
    )
    for record in records:
        if record.type == PARAMS:
            record.content = dice.choice([torn, record.content + torn, torn + record.content])[:65_535]
            break
    return records


def end_missing(records: list[Record], dice: Random) -> list[Record]:
    return records[: dice.randrange(1, len(records) + 1)]


def other_role(records: list[Record], dice: Random) -> list[Record]:
    records[0].content = dice.choice([b"\0\2", b"\0\3", b"\0\0", b"\xff\1", b"\1\1"]) + records[0].content[2:]
    return records


def other_begin(records: list[Record], dice: Random) -> list[Record]:
    records[0].content = dice.choice([b"", b"\0\1", bytes(16), records[0].content + b"\0"])
    return records


def inserted(records: list[Record], more: list[Record], dice: Random) -> list[Record]:
    place = dice.randrange(len(records) + 1)
    return records[:place] + more + records[place:]


CHANGES: list[Callable[[list[Record], Random], list[Record]]] = [
    other_version,
    other_type,
    other_id,
    wrong_length,
    wrong_padding,
    without_one,
    one_twice,
    two_exchanged,
    with_abort,
    with_management,
    with_another_request,
    hidden_in_the_body,
    torn_parameters,
    end_missing,
    other_role,
    other_begin,
]
