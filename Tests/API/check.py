"""Holds the OpenAPI document to its rules, and recorded exchanges with the service to the document."""

import argparse
import collections
import json
import sys
from pathlib import Path

import yaml

import lint
import self_test
from contract import Contract

# Given before the service knows which operation is meant, or by the web server: one of them stands for all.
COMMON = {
    400: "the way to every operation begins with the same reading of the path",
    413: "the limit is the web server's, or that of the body's reader",
    500: "a bug, which the tests cannot order",
    502: "the web server's, or GitHub's for those who ask it",
    503: "the database, the audit log, GitHub or the identity provider is not there",
    504: "the web server's",
}
# Documented, and not seen by these tests: the operation's id or * for any, the status, and why.
UNSEEN = {
    ("*", 429): "the limits are nginx's, which the tests do not reach but where callers have quotas",
    ("*", 500): "no test can order a bug",
    ("refreshRunner", 409): "what a failed attempt has left at GitHub would have to get a job within a second",
    ("*", 504): "a service that takes 40 seconds would hold the tests up as long",
}
# Pages for people; a test's paths, by which nginx is made to answer with each of its own statuses; and other spellings of
# paths for admins, which nginx refuses as it does the paths themselves where admins' addresses are set.
NOT_THE_SERVICES = ("/docs", "/code/", "/api/v1//admin", "/api/v1/%61dmin", "/api/v1/x/../admin")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--document", type=Path, required=True)
    parser.add_argument("--exchanges", type=Path, help="a JSON object a line")
    parser.add_argument("--self-test", action="store_true", help="shows that faults are noticed")
    arguments = parser.parse_args()
    document = yaml.safe_load(arguments.document.read_text())
    faults = lint.faults(document)
    if arguments.self_test:
        faults += self_test.faults(document)
    if arguments.exchanges:
        faults += exchange_faults(document, arguments.exchanges)
    for fault in faults[:100]:
        print(fault)
    if faults:
        sys.exit(f"{len(faults)} findings")
    print("The API's description holds.")


def exchange_faults(document, path):
    contract = Contract(document)
    seen = collections.Counter()
    found = collections.Counter()
    served = None
    count = 0
    with path.open() as lines:
        for line in lines:
            exchange = json.loads(line)
            count += 1
            place = exchange["uri"].split("?", 1)[0]
            if place.startswith(NOT_THE_SERVICES):
                continue
            for operation in contract.operations_at(place):
                is_other = exchange["status"] == 405
                if is_other or operation is contract.operation(exchange["method"], place):
                    seen[operation.id, exchange["status"]] += 1
            if place == "/openapi.json" and exchange["status"] == 200 and exchange["method"] == "GET":
                served = exchange["responseBody"]
            for fault in contract.faults(exchange):
                found[f"{exchange['method']} {place[:100]} -> {exchange['status']}: {fault}"] += 1
    faults = [f"{fault} ({times} times)" for fault, times in found.items()]
    if served is None or json.loads(served) != document:
        faults.append("what is served as /openapi.json is not the document")
    faults += coverage_faults(contract, seen)
    print(f"{count} exchanges, {len(seen)} of the documented answers")
    return faults


def coverage_faults(contract, seen):
    """Each documented status was seen, or there is a reason why not."""
    faults = []
    statuses = {status for _, status in seen}
    for operation in contract.operations:
        for status in map(int, operation.members["responses"]):
            is_seen = (operation.id, status) in seen or (status in COMMON and status in statuses)
            if not is_seen and not {(operation.id, status), ("*", status)} & UNSEEN.keys():
                faults.append(f"{operation.id}: the status {status} is documented, and no test has seen it")
    ids = {operation.id for operation in contract.operations} | {"*"}
    faults += [f"UNSEEN has {name}, which there is not" for name, _ in UNSEEN if name not in ids]
    return faults


if __name__ == "__main__":
    main()
