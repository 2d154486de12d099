"""Good requests in between, whose answers must be right whatever else happens."""

from __future__ import annotations

import json
from random import Random

import fastcgi
import fastcgi_inputs
import http_inputs
from api import Request
from inputs import Credentials, Door, Expected, Input

IDENTITY = "honest@example.com"


def made(number: int, door: Door, credentials: Credentials, dice: Random) -> Input:
    request, expected = dice.choice(everything(credentials, number))
    if door == "HTTP":
        steps = http_inputs.steps(http_inputs.written(request), dice)
        return Input(number, door, "an honest request", steps, is_whole=True, expected=expected)
    records = fastcgi_inputs.written(request.parameters(), request.body, dice.choice([1, 7, 65_535]), dice)
    steps, _ = fastcgi_inputs.delivered(fastcgi.encoded(records), dice)
    return Input(number, door, "an honest request", steps, dice.choice(["half close", "await"]), expected=expected)


def everything(credentials: Credentials, number: int) -> list[tuple[Request, Expected]]:
    bearer = [(b"Authorization", b"Bearer " + credentials.honest.encode())]
    admin = [(b"Authorization", b"Bearer " + credentials.admin.encode())]
    typed = [*bearer, (b"Content-Type", b"application/json")]
    wanted = json.dumps({"runner_name": f"honest-{number}", "labels": ["gpu"]}).encode()
    return [
        (Request(b"GET", b"/health", []), Expected(200, "status", "healthy")),
        (Request(b"GET", b"/health/ready", []), Expected(200, "status", "ready")),
        (Request(b"GET", b"/api/v1/auth/me", bearer), Expected(200, "identity", IDENTITY)),
        (Request(b"GET", b"/api/v1/auth/me", []), Expected(401, "error_code", "UNAUTHENTICATED")),
        (Request(b"GET", b"/api/v1/admin/audit-log", bearer), Expected(403, "error_code", "ADMIN_REQUIRED")),
        (
            Request(b"GET", b"/api/v1/admin/label-policies/honest@example.com", admin),
            Expected(404, "error_code", "POLICY_NOT_FOUND"),
        ),
        (Request(b"GET", b"/api/v1/nothing", bearer), Expected(404, "error_code", "NOT_FOUND")),
        (Request(b"PUT", b"/health", []), Expected(405, "error_code", "METHOD_NOT_ALLOWED")),
        (Request(b"POST", b"/api/v1/runners/provision?dry_run=true", typed, wanted), Expected(200, "allowed", True)),
        (
            Request(b"POST", b"/api/v1/runners/provision", typed, wanted),
            Expected(201, "runner_name", f"honest-{number}"),
        ),
        (Request(b"POST", b"/api/v1/runners/jit", typed, wanted), Expected(201, "runner_name", f"honest-{number}")),
        (Request(b"POST", b"/api/v1/runners/jit", typed, b"{"), Expected(400, "error_code", "INVALID_JSON")),
        (Request(b"POST", b"/api/v1/runners/jit", typed, b'{"x":1}'), Expected(422, "error_code", "VALIDATION_ERROR")),
    ]
