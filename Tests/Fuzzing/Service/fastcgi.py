"""FastCGI records: written as a web server writes them, and read as the specification and this service's promises have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Literal

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, GET_VALUES = 1, 2, 3, 4, 5, 6, 7, 9
RESPONDER = 1
KEEP_CONNECTION = 1
# All parameters of a request together, in bytes.
PARAMETERS_LIMIT = 65_535

Verdict = Literal["refused", "incomplete", "complete"]


@dataclass
class Record:
    type: int
    content: bytes = b""
    id: int = 1
    padding: int = 0
    version: int = 1
    # What the header says of the content's length, where that is a lie.
    length: int | None = None

    def encoded(self) -> bytes:
        length = len(self.content) if self.length is None else self.length
        head = [self.version, self.type, self.id >> 8, self.id & 255, length >> 8 & 255, length & 255, self.padding, 0]
        return bytes(head) + self.content + bytes(self.padding)


def begin(identifier: int = 1, role: int = RESPONDER, flags: int = 0) -> Record:
    return Record(BEGIN, bytes([role >> 8, role & 255, flags, 0, 0, 0, 0, 0]), identifier)


def size(count: int, is_long: bool = False) -> bytes:
    return bytes([count]) if count < 128 and not is_long else (count | 1 << 31).to_bytes(4, "big")


def pairs(parameters: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(size(len(name)) + size(len(value)) + name + value for name, value in parameters)


def stream(kind: int, content: bytes, identifier: int = 1, piece: int = 65_535) -> list[Record]:
    """As many records as the content needs, and the empty one that ends it."""
    records = [Record(kind, content[start : start + piece], identifier) for start in range(0, len(content), piece)]
    return [*records, Record(kind, b"", identifier)]


def encoded(records: Iterable[Record]) -> bytes:
    return b"".join(record.encoded() for record in records)


def request(parameters: Iterable[tuple[bytes, bytes]], body: bytes = b"", identifier: int = 1) -> list[Record]:
    return [begin(identifier), *stream(PARAMS, pairs(parameters), identifier), *stream(STDIN, body, identifier)]


def are_pairs(data: bytes) -> bool:
    """Whether these are names and values from the first byte to the last (section 3.4)."""
    place = 0
    while place < len(data):
        sizes = []
        for _ in range(2):
            if place >= len(data):
                return False
            width = 4 if data[place] & 128 else 1
            if place + width > len(data):
                return False
            sizes.append(int.from_bytes(data[place : place + width], "big") & (0x7FFFFFFF if width == 4 else 0x7F))
            place += width
        place += sum(sizes)
    return place == len(data)


@dataclass
class Reading:
    """What a worker must make of the bytes on a connection: it serves a whole request and nothing else."""

    verdict: Verdict
    id: int = 0
    method: bytes = b""


def reading(data: bytes) -> Reading:
    place, stage, identifier, parameters = 0, BEGIN, 0, b""
    while len(data) - place >= 8:
        version, kind = data[place], data[place + 1]
        record_id = int.from_bytes(data[place + 2 : place + 4], "big")
        length, padding = int.from_bytes(data[place + 4 : place + 6], "big"), data[place + 6]
        if version != 1 or kind != stage:
            return Reading("refused")
        if stage == BEGIN and (record_id == 0 or length != 8) or stage != BEGIN and record_id != identifier:
            return Reading("refused")
        end = place + 8 + length
        if end + padding > len(data):
            return Reading("incomplete")
        content, place = data[place + 8 : end], end + padding
        if stage == BEGIN:
            identifier, stage = record_id, PARAMS
            if int.from_bytes(content[:2], "big") != RESPONDER:
                return Reading("refused")
        elif stage == PARAMS:
            parameters += content
            if len(parameters) > PARAMETERS_LIMIT:
                return Reading("refused")
            if not content:
                stage = STDIN
                if not are_pairs(parameters):
                    return Reading("refused")
        elif not content:
            return Reading("complete", identifier, first_value(parameters, b"REQUEST_METHOD"))
    return Reading("incomplete")


def first_value(parameters: bytes, wanted: bytes) -> bytes:
    """Of parameters that are pairs. A C string ends at its first zero."""
    place = 0
    while place < len(parameters):
        sizes = []
        for _ in range(2):
            width = 4 if parameters[place] & 128 else 1
            sizes.append(
                int.from_bytes(parameters[place : place + width], "big") & (0x7FFFFFFF if width == 4 else 0x7F)
            )
            place += width
        pair = parameters[place : place + sizes[0]] + b"=" + parameters[place + sizes[0] : place + sum(sizes)]
        name, _, value = pair.partition(b"\0")[0].partition(b"=")
        if name == wanted:
            return value
        place += sum(sizes)
    return b""


@dataclass
class Reply:
    """What a worker sent on a connection."""

    output: bytes
    faults: list[str]


def reply(data: bytes, identifier: int) -> Reply:
    """Reads an answer; its faults say in what way it is not the one whole answer to a request of this id."""
    place, output, faults, ended = 0, b"", [], 0
    while place < len(data):
        if ended:
            faults.append("something follows the end of the request")
            break
        head = data[place : place + 8]
        if len(head) < 8:
            faults.append("a record's header is cut off")
            break
        length = int.from_bytes(head[4:6], "big")
        content = data[place + 8 : place + 8 + length]
        place += 8 + length + head[6]
        if place > len(data):
            faults.append("a record is cut off")
        if head[0] != 1 or int.from_bytes(head[2:4], "big") != identifier:
            faults.append(f"a record of version {head[0]} and request {int.from_bytes(head[2:4], 'big')}")
        if head[1] == STDOUT:
            output += content
        elif head[1] == STDERR and content:
            faults.append(f"a message on the error stream: {content[:100]!r}")
        elif head[1] == END:
            ended += 1
            if content != bytes(8):
                faults.append(f"the request ended with {content.hex()}")
        elif head[1] != STDERR:
            faults.append(f"a record of type {head[1]}")
    if not ended:
        faults.append("no end of the request")
    return Reply(output, faults)
