"""Has schemathesis make up requests from the API's description and send them to a demo: as nobody, a caller and an admin."""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
# How long schemathesis may take for one identity, in seconds.
PATIENCE = 300
CASES = 2000
IDENTITIES = {"nobody": None, "a caller": "alice", "an administrator": "root"}
# So that a finding can be had again. Another one looks elsewhere.
SEED = sys.argv[1] if len(sys.argv) > 1 else "20261123"


def main():
    url, simulator, certificate = (os.environ[name] for name in ("DEMO_URL", "DEMO_SIMULATOR", "DEMO_CERTIFICATE"))
    # The simulated GitHub would run out of its hourly budget.
    post(f"{simulator}/control/rate-limit", {"remaining": 1_000_000, "reset_in": 86_400})
    make_something(url, certificate, simulator)
    total = 0
    failed = []
    for name, subject in IDENTITIES.items():
        started = time.monotonic()
        token = subject and token_of(simulator, subject)
        status, cases = attack(url, certificate, token)
        total += cases
        print(f"As {name}: {cases} cases in {time.monotonic() - started:.0f} s, status {status}", flush=True)
        if status != 0:
            failed.append(name)
    if failed:
        sys.exit(f"findings as {', '.join(failed)}")
    if total < CASES:
        sys.exit(f"only {total} cases, and {CASES} are wanted")
    print(f"{total} made-up requests, and every answer is as it is described.")


def attack(url, certificate, token):
    """The status with which schemathesis ended, and how many cases it sent."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        configuration = Path(directory, "schemathesis.toml")
        text = (HERE / "schemathesis.toml").read_text()
        if token:
            # From the environment, so that the token is in no file and in no argument.
            text += '\n[auth.openapi.bearer]\nbearer = "${API_TOKEN}"\n'
        configuration.write_text(text)
        ended = subprocess.run(
            [Path(sys.executable).parent / "st", "--config-file", configuration, "run", f"{url}/openapi.json"]
            + ["--tls-verify", certificate, "--seed", SEED, "--report-json-path", report, "--report", "json"],
            cwd=directory,
            env=os.environ | {"API_TOKEN": token or "", "REQUESTS_CA_BUNDLE": certificate, "NO_COLOR": "1"},
            timeout=PATIENCE,
        )
        return ended.returncode, json.loads(report.read_text())["test_cases"]["generated"]


def token_of(simulator, subject):
    claims = {"sub": subject, "email": f"{subject}@example.com", "email_verified": True}
    return post(f"{simulator}/oidc/token", {"claims": claims, "lifetime": 3600})["access_token"]


def make_something(url, certificate, simulator):
    """Runners, policies and approvals to be found in the lists."""
    context = ssl.create_default_context(cafile=certificate)

    def send(subject, path, body):
        headers = {"Authorization": f"Bearer {token_of(simulator, subject)}"}
        return post(f"{url}/api/v1/{path}", body, headers, context)

    for subject in ("alice", "root"):
        send("root", "admin/label-policies", {"user_identity": f"{subject}@example.com", "allowed_labels": ["*"], "require_approval": True})
        for number in range(3):
            send(subject, "runners/provision", {"runner_name_prefix": "seed", "labels": [f"gpu-{number}"]})
        send("root", "admin/label-policies", {"user_identity": f"{subject}@example.com", "allowed_labels": ["*", "ubuntu-22.04"]})
        send(subject, "runners/provision", {"runner_name": f"seed-{subject}", "labels": ["gpu"]})
        send(subject, "runners/jit", {"runner_name_prefix": "seed", "labels": ["gpu"]})


def post(url, body, headers=None, context=None):
    headers = {"Content-Type": "application/json"} | (headers or {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:
        text = answer.read()
    return json.loads(text) if text else None


if __name__ == "__main__":
    main()
