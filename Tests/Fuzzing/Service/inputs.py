"""What is sent on one connection, and what is known beforehand about its answer. Can be kept in a file and sent again."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Door = Literal["FastCGI", "HTTP"]
# What becomes of the connection once all is sent: no more is sent; nothing at all happens; it is closed without a look at the
# answer; it stays until the other side ends it, and nobody waits for that.
Ending = Literal["half close", "await", "close", "hold"]


@dataclass
class Expected:
    """Of an honest request: the status, and a member of the JSON object that answers it."""

    status: int
    member: str
    value: Any


@dataclass
class Input:
    number: int
    door: Door
    # How it was made, for people.
    what: str
    # Seconds to wait, and then bytes to send.
    steps: list[tuple[float, bytes]]
    ending: Ending = "half close"
    # Whether HTTP that nginx must answer, or just bytes.
    is_whole: bool = False
    # What hides a second request: nobody may serve that one.
    hides: bool = False
    expected: Expected | None = None

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.steps)

    @property
    def kind(self) -> str:
        return f"honest {self.door}" if self.expected else self.door


@dataclass
class Credentials:
    """What differs from one run to the next, under names. Their lengths do not differ."""

    caller: str
    admin: str
    honest: str
    webhook_secret: str
    # Of runners and approvals that there are.
    ids: list[str] = field(default_factory=list)

    def tokens(self) -> list[str]:
        return [self.caller, self.admin, self.honest]

    def values(self) -> list[str]:
        return [*self.tokens(), *self.ids]


def keep(path: Path, made: Input, credentials: Credentials, seed: int, finding: str, received: bytes) -> None:
    """Writes what is needed to send an input once more."""
    members = vars(made) | {
        "steps": [[pause, base64.b64encode(data).decode()] for pause, data in made.steps],
        "expected": vars(made.expected) if made.expected else None,
        "values": credentials.values(),
        "seed": seed,
        "finding": finding,
        "received": base64.b64encode(received).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(members, indent=1))


def kept(path: Path, credentials: Credentials) -> Input:
    """The input in a file, with the tokens and ids of this run in place of those of the other."""
    members: dict[str, Any] = json.loads(path.read_text())
    pairs = list(zip(members.pop("values"), credentials.values()))
    for name in ("seed", "finding", "received"):
        del members[name]

    def renewed(text: str) -> bytes:
        data = base64.b64decode(text)
        for old, new in pairs:
            data = data.replace(old.encode(), new.encode())
        return data

    members["steps"] = [(pause, renewed(data)) for pause, data in members["steps"]]
    members["expected"] = Expected(**members["expected"]) if members["expected"] else None
    return Input(**members)
