"""Values that readers of text, numbers and JSON tend to get wrong, and ways to spoil bytes."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any, Callable

TEXTS: list[bytes] = [
    b"",
    b" ",
    b"\x00",
    b"a\x00b",
    b"\xff\xfe",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\x1b[31m",
    b"\r\nX-Injected: yes\r\n\r\n",
    b"a\nb",
    b"%00",
    b"%",
    b"%zz",
    b"%c0%ae",
    b"../../etc/passwd",
    b"..",
    b"*",
    b"=",
    b"' OR 1=1 --",
    b"%s%n%d",
    b"${jndi:x}",
    b"{{7*7}}",
    "\u202egpj.exe".encode(),
    "e\u0301\u00e9".encode(),
    # Without a width.
    "\u200b".encode() * 10_000,
    "\U0001f3c3".encode(),
    b"-1",
    b"0",
    b"00",
    b"+1",
    b"1e9",
    b"0x10",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"340282366920938463463374607431768211456",
    b"NaN",
    b"true",
    b"null",
    b"self-hosted",
    b"(a+)+$",
    b"A" * 300,
    b"A" * 5_000,
    b"\xf0\x9f\x8f\x83" * 200,
]

NUMBERS: list[Any] = [0, -1, 1, 1.5, 1e308, -0.0, 2**53, 2**63 - 1, 2**63, 2**64, 10**40, True, False, None]

# Bodies that are almost JSON.
TORN: list[bytes] = [
    b"",
    b" ",
    b"{",
    b"}",
    b"[]",
    b"null",
    b"0",
    b'""',
    b"{}{}",
    b"{},",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"{'a':1}",
    b'{"a":NaN}',
    b'{"a":01}',
    b'{"a":1,}',
    b'{"a":1,"a":2}',
    b'{"\\u0061":1,"a":2}',
    b'{"a":"\\ud800"}',
    b'{"a":"\xff"}',
    b'{"a":"\x01"}',
    b'{"a":1e99999}',
    b"[" * 10_000,
    b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    b'{"a":[' + b"1," * 20_000 + b"1]}",
    b'{"a":"' + b"x" * 60_000 + b'"}',
    b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(3_000)) + b"}",
]


def text(dice: Random) -> bytes:
    """A hostile text, or bytes that mean nothing."""
    if dice.random() < 0.8:
        return dice.choice(TEXTS)
    return dice.randbytes(dice.choice([1, 3, 16, 100, 1000]))


def spoiled(data: bytes, dice: Random) -> bytes:
    """`data` with one thing changed anywhere."""
    place = dice.randrange(len(data) + 1)
    end = min(len(data), place + dice.choice([1, 1, 2, 4, 8, 64]))
    change = dice.randrange(7)
    if change == 0:
        return data[:place] + dice.randbytes(1) + data[place + 1 :]
    if change == 1:
        return (
            data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
            if place < len(data)
            else data
        )
    if change == 2:
        return data[:place] + data[end:]
    if change == 3:
        return data[:end] + data[place:]
    if change == 4:
        return data[:place] + text(dice) + data[place:]
    if change == 5:
        return data[:place]
    return data[:place] + dice.choice([b"\x00", b"\xff", b"\x7f", b"\x80", b"\r\n", b"\n", b" "]) + data[place:]


def document(value: Any, dice: Random) -> bytes:
    """A JSON text near `value`: as it is, with members changed, or torn."""
    changed = copy.deepcopy(value)
    for _ in range(dice.choice([0, 0, 0, 1, 1, 2])):
        changed = with_a_change(changed, dice)
    data = json.dumps(changed, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    fate = dice.random()
    if fate < 0.08:
        return spoiled(data, dice)
    if fate < 0.12:
        return dice.choice(TORN)
    if fate < 0.15 and data.startswith(b"{") and len(data) > 2:
        return data[:-1] + b"," + data[1:]
    return data


def with_a_change(value: Any, dice: Random) -> Any:
    """`value` with one of its values, at any depth, replaced, removed, added or repeated."""
    places = list(all_places(value))
    if not places or dice.random() < 0.1:
        return made_up(dice)
    holder, key = dice.choice(places)
    changes: list[Callable[[], None]] = [lambda: put(holder, key, made_up(dice))] * 4
    changes.append(lambda: put(holder, key, [holder[key]]))
    changes.append(lambda: put(holder, key, {"value": holder[key]}))
    if isinstance(holder, dict):
        changes.append(lambda: holder.pop(key))
        changes.append(lambda: put(holder, text(dice).decode("utf-8", "replace"), made_up(dice)))
        changes.append(lambda: put(holder, key.upper(), holder[key]))
    else:
        changes.append(lambda: holder.extend([holder[key]] * dice.choice([1, 10, 300])))
        changes.append(lambda: holder.clear())
    dice.choice(changes)()
    return value


def put(holder: Any, key: Any, value: Any) -> None:
    holder[key] = value


def all_places(value: Any) -> Any:
    """Each object or list in `value` with each of its keys."""
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from all_places(value[key])


def made_up(dice: Random) -> Any:
    kind = dice.random()
    if kind < 0.5:
        return text(dice).decode("utf-8", dice.choice(["replace", "surrogateescape", "ignore"]))
    if kind < 0.75:
        return dice.choice(NUMBERS)
    if kind < 0.85:
        return [made_up(dice) for _ in range(dice.choice([0, 1, 3]))]
    if kind < 0.95:
        return {text(dice).decode("utf-8", "replace"): made_up(dice) for _ in range(dice.choice([0, 1, 3]))}
    nested: Any = dice.choice([[], {}])
    for _ in range(dice.choice([5, 9, 100])):
        nested = [nested] if dice.random() < 0.5 else {"a": nested}
    return nested
