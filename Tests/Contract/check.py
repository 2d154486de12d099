"""Holds recorded exchanges with GitHub's API against GitHub's own JSON Schemas."""

import argparse
import copy
import json
import re
import sys
from pathlib import Path

import jsonschema

ORGANIZATION = r"/api/v3/(?:orgs/[A-Za-z0-9-]+|organizations/\d+)"
RUNNERS = ORGANIZATION + r"/actions/runners"
DELIVERIES = r"/api/v3/app/hook/deliveries"

# Method, path, schema of the request's body (None: there must be none), schemas of the answers by status (None: no body).
# Each of 400 and more is an error in one of GitHub's forms.
ENDPOINTS = [
    ("GET", r"/api/v3/app", None, {200: "Integration"}),
    ("GET", r"/api/v3/app/installations/\d+", None, {200: "Installation"}),
    ("POST", r"/api/v3/app/installations/\d+/access_tokens", None, {201: "InstallationToken"}),
    ("GET", DELIVERIES + r"(\?.*)?", None, {200: ["HookDeliveryItem"]}),
    ("POST", DELIVERIES + r"/\d+/attempts", None, {202: {"type": "object", "maxProperties": 0}}),
    ("POST", RUNNERS + r"/registration-token", None, {201: "AuthenticationToken"}),
    (
        "POST",
        RUNNERS + r"/generate-jitconfig",
        "OrgsOrgActionsRunnersGenerateJitconfigPostBody",
        {201: "OrgsOrgActionsRunnersGenerateJitconfigPostResponse201"},
    ),
    ("GET", RUNNERS + r"(\?.*)?", None, {200: "OrgsOrgActionsRunnersGetResponse200", 304: None}),
    ("GET", RUNNERS + r"/\d+", None, {200: "Runner"}),
    ("DELETE", RUNNERS + r"/\d+", None, {204: None}),
    ("GET", ORGANIZATION + r"/actions/runner-groups(\?.*)?", None, {200: "OrgsOrgActionsRunnerGroupsGetResponse200"}),
]
ERRORS = {"anyOf": ["BasicError", "ValidationErrorSimple", "ValidationError"]}


class Contract:
    def __init__(self, path):
        self.schemas = json.loads(path.read_text())["schemas"]
        self.validators = {}

    def validator(self, wanted):
        """Of a named schema, an array of it, or a schema as such."""
        key = json.dumps(wanted)
        if key not in self.validators:
            if isinstance(wanted, str):
                schema = self.schemas[wanted]
            elif isinstance(wanted, list):
                # The element's definitions stay where its references look for them.
                schema = {"type": "array", "items": self.schemas[wanted[0]], "$defs": self.schemas[wanted[0]].get("$defs", {})}
            else:
                schema = wanted
            self.validators[key] = jsonschema.Draft202012Validator(schema)
        return self.validators[key]

    def faults(self, wanted, text):
        if wanted is None:
            return ["a body, where there should be none"] if text else []
        try:
            value = json.loads(text)
        except ValueError:
            return ["no JSON"]
        return [f"{error.json_path}: {error.message[:200]}" for error in self.validator(wanted).iter_errors(value)]


def endpoint(exchange):
    for method, path, request, answers in ENDPOINTS:
        if exchange["method"] == method and re.fullmatch(path, exchange["path"]):
            return (method, path), request, answers
    return None


def request_faults(contract, exchange, wanted):
    headers = exchange["requestHeaders"]
    expected = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
    for name, value in expected.items():
        if headers.get(name) != value:
            yield f"header {name}: {headers.get(name)}"
    if not headers.get("user-agent"):
        yield "no User-Agent"
    if not headers.get("authorization", "").startswith("Bearer "):
        yield "no bearer token"
    for fault in contract.faults(wanted, exchange["requestBody"]):
        yield f"request: {fault}"


def answer_faults(contract, exchange, answers):
    status, body = exchange["status"], exchange["responseBody"]
    # What goes wrong on purpose need not look as GitHub would.
    if "x-simulated-fault" in exchange["responseHeaders"]:
        return []
    if status >= 400:
        attempts = [contract.faults(schema, body) for schema in ERRORS["anyOf"]]
        return [] if any(not faults for faults in attempts) else [f"answer {status}: {attempts[0]}"]
    if status not in answers:
        return [f"status {status} is not one of the endpoint's"]
    return [f"answer {status}: {fault}" for fault in contract.faults(answers[status], body)]


def check(contract, exchanges):
    """The endpoints and statuses that were seen, and what is wrong."""
    seen, faults = {}, []
    for number, exchange in enumerate(exchanges, 1):
        found = endpoint(exchange)
        if found is None:
            if exchange["path"].startswith("/api/"):
                faults.append(f"{number}: no such endpoint: {exchange['method']} {exchange['path']}")
            continue
        key, request, answers = found
        wrong = [*request_faults(contract, exchange, request), *answer_faults(contract, exchange, answers)]
        faults += [f"{number}: {exchange['method']} {exchange['path']}: {fault}" for fault in wrong]
        seen.setdefault((*key, exchange["status"]), exchange)
    return seen, faults


def self_test(contract, seen):
    """Whether what is left out, or of another type, is noticed, in each kind of body that was seen."""
    unnoticed = []
    for (method, path, status), exchange in seen.items():
        for member in ("requestBody", "responseBody"):
            if not exchange[member] or status >= 400 or "x-simulated-fault" in exchange["responseHeaders"]:
                continue
            value = json.loads(exchange[member])
            if not value or isinstance(value, list):
                continue
            for spoilt_value in ({**value, next(iter(value)): {"spoilt": True}}, {}):
                spoilt = copy.deepcopy(exchange)
                spoilt[member] = json.dumps(spoilt_value)
                if not check(contract, [spoilt])[1]:
                    unnoticed.append(f"{method} {path} {status}: a spoilt {member} was not noticed")
    headless = copy.deepcopy(next(iter(seen.values())))
    headless["requestHeaders"] = {}
    if len(check(contract, [headless])[1]) < 4:
        unnoticed.append("missing headers were not noticed")
    return unnoticed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=Path, required=True)
    parser.add_argument("--exchanges", type=Path, required=True)
    arguments = parser.parse_args()
    contract = Contract(arguments.schemas)
    exchanges = [json.loads(line) for line in arguments.exchanges.read_text().splitlines()]
    seen, faults = check(contract, exchanges)
    for method, path, _, answers in ENDPOINTS:
        for status in answers:
            if (method, path, status) not in seen:
                faults.append(f"no exchange {method} {path} with status {status} was recorded")
    faults += self_test(contract, seen)
    for fault in faults[:50]:
        print(fault)
    print(f"{len(exchanges)} exchanges, {len(seen)} kinds, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
