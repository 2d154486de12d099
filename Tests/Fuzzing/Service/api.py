"""Requests made from the API's description, as it should have them and near it: method, target, headers, body."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

import hostile
from inputs import Credentials

METHODS = [b"GET", b"HEAD", b"POST", b"DELETE"]
ODD_METHODS = [
    b"PUT",
    b"PATCH",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"get",
    b"G\xc3\x8bT",
    b"X" * 300,
    b"PROPFIND",
    b"PRI",
]
# Of runners, identities and times, so that requests meet each other's.
NAMES = [b"fuzz-%d" % number for number in range(12)]
IDENTITIES = [b"alice@example.com", b"carol@example.com", b"root@example.com", b"nobody@example.com", b"*"]
ODD_TARGETS = [
    b"//",
    b"/.",
    b"/..",
    b"/./health",
    b"/%2e%2e/health",
    b"/api/v1/../v1/runners",
    b"/health/",
    b"/health;x=1",
    b"/health%00",
    b"/HEALTH",
    b"/health?",
    b"/health??a",
    b"/health#x",
    b"/api/v1/runners/%2f",
    b"/api/v1/runners/" + b"a" * 3000,
    b"/.problem/malformed-request",
    b"/docs/../health",
    b"/docs/none",
    b"/%ff%fe",
    b"/\xff",
    b"*",
    b"health",
    b"http://127.0.0.1/health",
    b"http://[::1/health",
    b"/" + b"a/" * 2000,
    b"/api/v1/admin/label-policies/" + b"%41" * 1000,
]


@dataclass
class Request:
    method: bytes
    target: bytes
    # Without those that frame the message.
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def parameters(self) -> list[tuple[bytes, bytes]]:
        """As nginx hands it on."""
        found = [
            (b"REQUEST_METHOD", self.method),
            (b"REQUEST_URI", self.target),
            (b"QUERY_STRING", self.target.partition(b"?")[2]),
            (b"CONTENT_TYPE", dict(self.headers).get(b"Content-Type", b"")),
            (b"CONTENT_LENGTH", b"%d" % len(self.body) if self.body else b""),
            (b"SERVER_PROTOCOL", b"HTTP/1.1"),
            (b"REMOTE_ADDR", b"127.0.0.1"),
            (b"REQUEST_ID", b"0123456789abcdef0123456789abcdef"),
        ]
        return found + [(b"HTTP_" + name.upper().replace(b"-", b"_"), value) for name, value in self.headers]


class Maker:
    """Makes requests for the operations of an OpenAPI document."""

    def __init__(self, document: dict[str, Any], credentials: Credentials) -> None:
        self.document, self.credentials = document, credentials
        self.operations: list[tuple[bytes, str, dict[str, Any]]] = [
            (
                method.upper().encode(),
                path,
                members | {"parameters": item.get("parameters", []) + members.get("parameters", [])},
            )
            for path, item in document["paths"].items()
            for method, members in item.items()
            if method in ("get", "post", "delete", "put", "patch")
        ]

    def resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            value = self.document["components"][value["$ref"].split("/")[2]][name]
        return value

    def request(self, dice: Random) -> Request:
        method, path, members = dice.choice(self.operations)
        parameters = [self.resolved(each) for each in members["parameters"]]
        target = path.encode()
        for each in parameters:
            if each["in"] == "path":
                target = target.replace(b"{%s}" % each["name"].encode(), self.path_value(each["name"], dice))
        target += self.query([each for each in parameters if each["in"] == "query"], dice)
        headers = self.authorization(path, dice)
        for each in parameters:
            if each["in"] == "header" and dice.random() < 0.6:
                headers.append((each["name"].encode(), self.value(each, dice)))
        request = Request(method, target, headers)
        if "requestBody" in members:
            self.add_body(request, members["requestBody"]["content"], dice)
        elif dice.random() < 0.05:
            request.body = dice.choice([b"{}", b"x", hostile.text(dice)])
        if "webhooks" in path:
            self.sign(request, dice)
        self.spoil(request, dice)
        return request

    # MARK: The parts

    def path_value(self, name: str, dice: Random) -> bytes:
        if dice.random() < 0.25:
            value = hostile.text(dice)
            return (
                quote_from_bytes(value).encode() if dice.random() < 0.7 else value.translate(None, b" \r\n\0") or b"x"
            )
        if name == "user":
            return dice.choice(IDENTITIES)
        return dice.choice(
            NAMES if name == "name" and dice.random() < 0.7 else [each.encode() for each in self.credentials.ids]
        )

    def value(self, parameter: dict[str, Any], dice: Random) -> bytes:
        """A value for a parameter of the query or a header: often a good one."""
        schema = self.resolved(parameter["schema"])
        if dice.random() < 0.3:
            return hostile.text(dice)
        if "enum" in schema or "const" in schema:
            return str(dice.choice(schema.get("enum", [schema.get("const")]))).encode()
        if schema.get("type") == "integer":
            return b"%d" % dice.choice([0, 1, 5, 100, 1000, 1001, -1, 2**63 - 1, 2**63])
        if schema.get("type") == "boolean":
            return dice.choice([b"true", b"false"])
        names = {"If-Match": [b'"1"', b"*", b'W/"1"'], "If-None-Match": [b'"1"', b"*"], "X-GitHub-Event": EVENTS}
        if parameter["name"] == "X-GitHub-Delivery":
            return b"%08x-0000-4000-8000-%012x" % (dice.getrandbits(32), dice.getrandbits(16))
        times = [b"2026-11-22T21:00:00Z", b"2026-11-22", b"9999-12-31T23:59:60Z", b"2026-11-22T21:00:00+25:00"]
        usual = times if parameter["name"] in ("since", "until") else [*NAMES, *IDENTITIES, b"gpu"]
        return dice.choice(names.get(parameter["name"], usual))

    def query(self, parameters: list[dict[str, Any]], dice: Random) -> bytes:
        chosen = [each for each in parameters if dice.random() < 0.4]
        items = [each["name"].encode() + b"=" + quote_from_bytes(self.value(each, dice)).encode() for each in chosen]
        if items and dice.random() < 0.05:
            items *= 2
        if dice.random() < 0.06:
            items.append(
                dice.choice(
                    [b"", b"=", b"a", b"a=b", b"limit", b"limit=", b"%=%", b"dry_run=true&", b"&&", b"x" * 9000]
                )
            )
        return b"?" + b"&".join(items) if items else b""

    def authorization(self, path: str, dice: Random) -> list[tuple[bytes, bytes]]:
        """Of nobody, a caller or an administrator; sometimes spoiled."""
        whose = dice.random()
        if whose < 0.15:
            return []
        admins = "admin" in path or "groups" in path
        token = self.credentials.admin if (whose < 0.85) == admins else self.credentials.caller
        value = b"Bearer " + token.encode()
        if dice.random() < 0.15:
            value = spoiled_token(value, dice)
        return [(b"Authorization", value)]

    def add_body(self, request: Request, content: dict[str, Any], dice: Random) -> None:
        media_type = dice.choice(list(content))
        example = dice.choice(self.examples(content[media_type]))
        request.body = hostile.document(example, dice)
        if "form" in media_type:
            request.body = b"payload=" + quote_from_bytes(request.body).encode()
        if dice.random() < 0.04:
            # Around the limit.
            request.body += b" " * (65_536 - len(request.body) + dice.choice([-1, 0, 1, 500]))
        odd = [
            b"text/plain",
            b"application/json; charset=latin1",
            b"APPLICATION/JSON",
            b"",
            b"json",
            b"application/json, x/y",
        ]
        request.headers.append((b"Content-Type", media_type.encode() if dice.random() < 0.93 else dice.choice(odd)))

    def examples(self, content: dict[str, Any]) -> list[Any]:
        """The document's own, and some that meet each other's runners and policies."""
        found = [each["value"] for each in map(self.resolved, content.get("examples", {}).values())]
        found += [content["example"]] if "example" in content else []
        for member, more in (("runner_name", RUNNERS), ("user_identity", POLICIES), ("hook_id", WEBHOOKS)):
            if any(member in each for each in found):
                return [*found, *more]
        return found or WEBHOOKS

    def sign(self, request: Request, dice: Random) -> None:
        digest = hmac.new(self.credentials.webhook_secret.encode(), request.body, hashlib.sha256).hexdigest()
        signature = b"sha256=" + digest.encode()
        if dice.random() < 0.1:
            signature = hostile.spoiled(signature, dice)
        request.headers.append((b"X-Hub-Signature-256", signature))

    def spoil(self, request: Request, dice: Random) -> None:
        fate = dice.random()
        if fate < 0.03:
            request.target = dice.choice(ODD_TARGETS)
        elif fate < 0.06:
            request.target = hostile.spoiled(request.target, dice) or b"/"
        elif fate < 0.10:
            request.method = dice.choice(METHODS)
        elif fate < 0.12:
            request.method = dice.choice(ODD_METHODS)
        elif fate < 0.18:
            request.headers.append((dice.choice(HEADERS), hostile.text(dice)))
        elif fate < 0.20 and request.headers:
            request.headers.append(dice.choice(request.headers))


HEADERS = [
    b"Accept", b"User-Agent", b"X-Forwarded-For", b"Proxy", b"Cookie", b"Range", b"Accept-Encoding", b"X-Request-ID", b"If-Match",
    b"If-Modified-Since", b"Content-Encoding", b"X-GitHub-Event", b"X-Hub-Signature-256", b"X-HTTP-Method-Override", b"Forwarded",
    b"Upgrade", b"Origin", b"Content-Type",
]  # fmt: skip
EVENTS = [b"ping", b"workflow_job", b"installation", b"meta", b"push"]
RUNNERS: list[Any] = [{"runner_name": name.decode(), "labels": ["gpu"]} for name in NAMES]
POLICIES: list[Any] = [
    {"user_identity": identity, "allowed_labels": labels, "label_patterns": ["gpu-[0-9]+", "(a+)+$"], **more}
    for identity in ("alice@example.com", "carol@example.com")
    for labels in (["*"], ["gpu", "*"], [])
    for more in (
        {"max_runners": 1000},
        {"require_approval": True},
        {"require_jit": True, "allowed_runner_groups": [1, 2]},
    )
]
WEBHOOKS: list[Any] = [
    {
        "action": action,
        "workflow_job": {
            "id": 1,
            "run_id": 2,
            "status": action,
            "conclusion": None,
            "runner_id": 1,
            "runner_name": name.decode(),
            "labels": ["self-hosted", "gpu"],
            "started_at": "2026-11-22T21:00:00Z",
            "completed_at": None,
        },
        "repository": {"full_name": "demo-org/code", "owner": {"login": "demo-org"}},
        "organization": {"login": "demo-org"},
        "installation": {"id": 67890},
    }
    for action in ("queued", "in_progress", "completed")
    for name in NAMES[:2]
]
# Nothing that suspends or removes the installation: the service would rightly stop, and nothing be tested.
WEBHOOKS.append(
    {
        "action": "new_permissions_accepted",
        "installation": {"id": 67890, "app_id": 12345, "account": {"login": "demo-org"}},
    }
)


def spoiled_token(value: bytes, dice: Random) -> bytes:
    """An Authorization header near a good one."""
    scheme, _, token = value.partition(b" ")
    header, payload, signature = token.split(b".")
    none = b"eyJhbGciOiJub25lIn0"
    return dice.choice(
        [
            hostile.spoiled(value, dice),
            token,
            scheme,
            b"bearer " + token,
            b"Basic " + token,
            value + b" ",
            value + b"," + value,
            b"Bearer  " + token,
            b"Bearer " + b".".join([none, payload, b""]),
            b"Bearer " + b".".join([header, payload]),
            b"Bearer " + b".".join([header, payload, signature, signature]),
            b"Bearer " + b".".join([header, hostile.spoiled(payload, dice), signature]),
            b"Bearer " + b".".join([header, payload, hostile.spoiled(signature, dice)]),
            b"Bearer " + b".".join([hostile.spoiled(header, dice), payload, signature]),
            b"Bearer " + b"." * 500,
            b"Bearer " + b"A" * dice.choice([8191, 8193, 12_000, 17_000]),
            b"Bearer " + hostile.text(dice),
        ]
    )
