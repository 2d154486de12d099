"""Shows that the checks notice what they are for: each case is an honest exchange or document with one fault."""

import copy
import json

import lint
from contract import Contract

HEADERS = [["x-request-id", "ab12"], ["cache-control", "no-store"], ["x-content-type-options", "nosniff"]]
JSON = ["content-type", "application/json; charset=utf-8"]
PROBLEM = ["content-type", "application/problem+json"]
TOKEN = ["authorization", "Bearer x.y.z"]


def exchange(method, uri, status, response, content_type=JSON, headers=(), request_headers=(), body=""):
    return {
        "method": method,
        "uri": uri,
        "status": status,
        "requestHeaders": [list(each) for each in request_headers],
        "requestBody": body,
        "responseHeaders": [*HEADERS, content_type, *headers],
        "responseBody": response if isinstance(response, str) else json.dumps(response),
    }


def problem(status, code, **members):
    return {"type": "about:blank", "title": "x", "status": status, "detail": "Do it.", "error_code": code, "request_id": "ab12"} | members


HEALTH = exchange("GET", "/health", 200, {"status": "healthy", "version": "1.0.0", "timestamp": "2026-11-22T21:11:49.260Z"})
LIST = exchange("GET", "/api/v1/runners?limit=5", 200, {"runners": [], "total": 0}, request_headers=[TOKEN])
DRY_RUN = exchange(
    "POST",
    "/api/v1/runners/provision?dry_run=true",
    200,
    {
        "identity": "alice",
        "allowed": True,
        "requires_approval": False,
        "reasons": [],
        "labels": [{"label": "gpu", "allowed": True, "rule": "any"}],
        "quota": {"used": 0, "limit": None, "left": None},
        "label_policy": {"source": "default", "verdict": "allow", "rules": []},
    },
    request_headers=[TOKEN, JSON],
    body='{"runner_name":"ci-1","labels":["gpu"]}',
)
REFUSED = exchange(
    "GET", "/api/v1/runners", 401, problem(401, "UNAUTHENTICATED"), PROBLEM, [["www-authenticate", 'Bearer realm="runner-token-service"']]
)
METHOD = exchange("PUT", "/health", 405, problem(405, "METHOD_NOT_ALLOWED"), PROBLEM, [["allow", "GET, HEAD"]])
NOT_FOUND = exchange("GET", "/nothing", 404, problem(404, "NOT_FOUND"), PROBLEM)
HONEST = [HEALTH, LIST, DRY_RUN, REFUSED, METHOD, NOT_FOUND]


def with_body(honest, **members):
    return honest | {"responseBody": json.dumps(json.loads(honest["responseBody"]) | members)}


def without_header(honest, name, side="responseHeaders"):
    return honest | {side: [each for each in honest[side] if each[0] != name]}


def with_header(honest, name, value, side="responseHeaders"):
    changed = without_header(honest, name, side)
    return changed | {side: [*changed[side], [name, value]]}


DISHONEST = {
    "a member that is not documented": with_body(HEALTH, secret="x"),
    "a member that is missing": HEALTH | {"responseBody": '{"status":"healthy","version":"1.0.0"}'},
    "a value of another form": with_body(HEALTH, timestamp="2026-11-22T21:11:49Z"),
    "a member that is there twice": HEALTH | {"responseBody": HEALTH["responseBody"][:-1] + ',"status":"healthy"}'},
    "a body that is not JSON": HEALTH | {"responseBody": "{"},
    "a header that is not documented": with_header(HEALTH, "x-powered-by", "swift"),
    "a header that is missing": without_header(HEALTH, "x-request-id"),
    "a header of another form": with_header(HEALTH, "cache-control", "public"),
    "a status that is not documented": HEALTH | {"status": 203},
    "another content type": with_header(HEALTH, "content-type", "text/html"),
    "a path that is not documented": HEALTH | {"uri": "/status"},
    "a method that is not documented": HEALTH | {"method": "PATCH"},
    "a body of HEAD": HEALTH | {"method": "HEAD"},
    "a parameter that is not documented": LIST | {"uri": "/api/v1/runners?all=true"},
    "a parameter out of its range": LIST | {"uri": "/api/v1/runners?limit=1001"},
    "no token": without_header(LIST, "authorization", "requestHeaders"),
    "a member of the request that is not documented": DRY_RUN | {"requestBody": '{"runner_name":"a","x":1}'},
    "a value of the request of another form": DRY_RUN | {"requestBody": '{"runner_name":"a b"}'},
    "a request without a body": DRY_RUN | {"requestBody": ""},
    "a request of another content type": with_header(DRY_RUN, "content-type", "text/plain", "requestHeaders"),
    "an error code of another status": with_body(REFUSED, error_code="RUNNER_NOT_FOUND"),
    "an error code that is not documented": with_body(REFUSED, error_code="NO_TOKEN"),
    "a status in the body that is not the answer's": with_body(REFUSED, status=403),
    "no WWW-Authenticate": without_header(REFUSED, "www-authenticate"),
    "another Allow than what is documented": with_header(METHOD, "allow", "GET, HEAD, PUT"),
    "another error code where nothing is": with_body(NOT_FOUND, error_code="RUNNER_NOT_FOUND"),
}


def unused_component(document):
    document["components"]["schemas"]["Forgotten"] = {"type": "object", "description": "Nobody refers to it."}


def wrong_example(document):
    document["components"]["schemas"]["ID"]["examples"] = ["1"]


def missing_example(document):
    del document["paths"]["/api/v1/admin/label-policies"]["post"]["requestBody"]["content"]["application/json"]["example"]


def same_id(document):
    document["paths"]["/health"]["get"]["operationId"] = "showService"


def no_summary(document):
    del document["paths"]["/health"]["get"]["summary"]


def unknown_tag(document):
    document["paths"]["/health"]["get"]["tags"] = ["others"]


def no_path_parameter(document):
    document["paths"]["/api/v1/runners/{name}"]["parameters"] = []


def dangling_reference(document):
    document["paths"]["/health"]["get"]["responses"]["200"] = {"$ref": "#/components/responses/Nowhere"}


FAULTY_DOCUMENTS = [unused_component, wrong_example, missing_example, same_id, no_summary, unknown_tag, no_path_parameter, dangling_reference]


def faults(document):
    contract = Contract(document)
    found = [f"self-test: an honest exchange is refused: {fault}" for each in HONEST for fault in contract.faults(each)]
    found += [f"self-test: not noticed: {name}" for name, each in DISHONEST.items() if not contract.faults(each)]
    for change in FAULTY_DOCUMENTS:
        changed = copy.deepcopy(document)
        change(changed)
        try:
            noticed = bool(lint.faults(changed))
        except Exception as error:  # a document that cannot even be read is noticed, too
            noticed = bool(str(error))
        if not noticed:
            found.append(f"self-test: not noticed: {change.__name__}")
    print(f"{len(HONEST)} honest exchanges, {len(DISHONEST)} dishonest ones, {len(FAULTY_DOCUMENTS)} faulty documents")
    return found
