"""Holds an exchange with the service against the OpenAPI document."""

import json
import re
from urllib.parse import unquote

import jsonschema
import referencing
import referencing.jsonschema

# What a web server and HTTP itself add; the document is about the others.
TRANSPORT_HEADERS = {"content-type", "content-length", "server", "date", "connection", "transfer-encoding"}
# What nginx/security_headers.conf adds to every answer, as the document's introduction says.
WEB_SERVER_HEADERS = {"strict-transport-security", "content-security-policy", "x-frame-options", "referrer-policy"}
# What answers a request that belongs to no operation, by status.
ELSEWHERE = {400: "BadRequest", 404: "NothingHere", 405: "MethodNotAllowed", 413: "BodyTooLarge"}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Accepted without a look at the body: an event that is not one of this service's.
UNREAD = {("receiveWebhook", 202)}
# nginx refuses these itself, at any path.
REFUSED_BY_NGINX = {"TRACE", "CONNECT"}
NGINX_ALLOW = "DELETE, GET, HEAD, POST"


class Operation:
    def __init__(self, method, path, item, members):
        self.method, self.path, self.members = method, path, members
        self.id = members.get("operationId", f"{method} {path}")
        self.parameters = item.get("parameters", []) + members.get("parameters", [])
        # The names of those in braces, in their order.
        self.names = re.findall(r"{(\w+)}", path)
        self.pattern = re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path)))


class Contract:
    def __init__(self, document):
        self.document = document
        resource = referencing.Resource(contents=document, specification=referencing.jsonschema.DRAFT202012)
        self.registry = referencing.Registry().with_resource("urn:api", resource)
        self.validators = {}
        self.operations = [
            Operation(method.upper(), path, item, members)
            for path, item in document["paths"].items()
            for method, members in item.items()
            if method in METHODS
        ]

    # MARK: Reading the document

    def resolved(self, value):
        while "$ref" in value:
            target = self.document
            for name in value["$ref"].removeprefix("#/").split("/"):
                target = target[name.replace("~1", "/").replace("~0", "~")]
            value = target
        return value

    def schema_faults(self, schema, value):
        key = id(schema)
        if key not in self.validators:
            # References are to the document, wherever the schema stands in it.
            text = json.dumps(schema).replace('"$ref": "#/', '"$ref": "urn:api#/')
            self.validators[key] = (
                schema,
                jsonschema.Draft202012Validator(json.loads(text), registry=self.registry),
            )
        errors = self.validators[key][1].iter_errors(value)
        return [f"{'/'.join(map(str, error.absolute_path)) or 'the value'}: {error.message[:200]}" for error in errors]

    # MARK: Finding the operation

    def operations_at(self, path):
        """Those whose path this is, the ones with the fewest names first."""
        found = [operation for operation in self.operations if operation.pattern.fullmatch(path)]
        return sorted(found, key=lambda operation: len(operation.names))

    def operation(self, method, path):
        wanted = "GET" if method == "HEAD" else method
        return next((each for each in self.operations_at(path) if each.method == wanted), None)

    # MARK: One exchange

    def faults(self, exchange):
        path = exchange["uri"].split("?", 1)[0]
        operation = self.operation(exchange["method"], path)
        if operation is None:
            return self.faults_elsewhere(exchange, self.operations_at(path))
        responses = operation.members["responses"]
        response = responses.get(str(exchange["status"]))
        if response is None:
            return [f"the status {exchange['status']} is not documented"]
        faults = self.response_faults(self.resolved(response), exchange)
        if exchange["status"] < 300:
            faults += self.accepted_faults(operation, exchange)
        return faults

    def faults_elsewhere(self, exchange, there):
        name = ELSEWHERE.get(exchange["status"])
        if name is None or (name == "MethodNotAllowed" and not there and exchange["method"] not in REFUSED_BY_NGINX):
            return [f"answered {exchange['status']}, and there is no such operation"]
        faults = self.response_faults(self.document["components"]["responses"][name], exchange)
        if name == "MethodNotAllowed":
            methods = {operation.method for operation in there}
            if "GET" in methods:
                methods.add("HEAD")
            allow = header(exchange["responseHeaders"], "allow")
            is_own = exchange["method"] in REFUSED_BY_NGINX and allow == NGINX_ALLOW
            if not is_own and set((allow or "").split(", ")) != methods:
                faults.append(f"Allow is {allow}, and documented are {sorted(methods)}")
        return faults

    def response_faults(self, response, exchange):
        headers = exchange["responseHeaders"]
        documented = {name.lower(): self.resolved(value) for name, value in response.get("headers", {}).items()}
        faults = [f"the header {name} is not documented" for name, _ in headers if name not in documented.keys() | TRANSPORT_HEADERS | WEB_SERVER_HEADERS]
        for name, rule in documented.items():
            value = header(headers, name)
            if value is None:
                faults += [f"the header {name} is missing"] if rule.get("required") else []
            else:
                faults += [f"header {name}: {fault}" for fault in self.text_faults(rule["schema"], value)]
        return faults + self.body_faults(response.get("content"), exchange)

    def body_faults(self, content, exchange):
        body = exchange["responseBody"]
        if exchange["method"] == "HEAD" or content is None:
            return ["a body, where there should be none"] if body else []
        if body is None:
            return []
        media_type = (header(exchange["responseHeaders"], "content-type") or "").split(";")[0]
        if media_type not in content:
            return [f"the content type {media_type!r} is not documented"]
        schema = content[media_type].get("schema", {})
        if not media_type.endswith("json"):
            return self.schema_faults(schema, body)
        try:
            return self.schema_faults(schema, json.loads(body, object_pairs_hook=unique))
        except ValueError as error:
            return [f"the body is not JSON: {error}"]

    # MARK: What was accepted

    def accepted_faults(self, operation, exchange):
        """A request that the service accepted must be one that the document allows."""
        faults = []
        parameters = {(each["in"], each["name"].lower()): each for each in map(self.resolved, operation.parameters)}
        path, _, query = exchange["uri"].partition("?")
        given = [("query", *map(unquote, item.partition("=")[::2])) for item in query.split("&") if item]
        values = operation.pattern.fullmatch(path).groups()
        given += [("path", name, unquote(value)) for name, value in zip(operation.names, values)]
        given += [("header", name, value) for name, value in exchange["requestHeaders"] if ("header", name) in parameters]
        for place, name, value in given:
            rule = parameters.get((place, name.lower()))
            if rule is None:
                faults.append(f"accepted with the {place} parameter {name}, which is not documented")
            else:
                faults += [f"accepted with {name}: {fault}" for fault in self.text_faults(self.resolved(rule["schema"]), value)]
        present = {(place, name.lower()) for place, name, _ in given}
        faults += [f"accepted without {key[1]}" for key, rule in parameters.items() if rule.get("required") and key not in present]
        return faults + self.security_faults(operation, exchange) + self.request_body_faults(operation, exchange)

    def security_faults(self, operation, exchange):
        if header(exchange["responseHeaders"], "warning"):
            return []
        names = {"bearer": "authorization", "githubSignature": "x-hub-signature-256"}
        wanted = [name for rule in operation.members.get("security", self.document["security"]) for name in rule]
        return [f"accepted without {names[name]}" for name in wanted if not header(exchange["requestHeaders"], names[name])]

    def request_body_faults(self, operation, exchange):
        body, rule = exchange["requestBody"], operation.members.get("requestBody")
        if body is None or rule is None or (operation.id, exchange["status"]) in UNREAD:
            return []
        if not body:
            return ["accepted without a body"] if rule["required"] else []
        media_type = (header(exchange["requestHeaders"], "content-type") or "").split(";")[0].strip().lower()
        if media_type not in rule["content"]:
            return [f"accepted with a body of the type {media_type!r}"]
        if not media_type.endswith("json"):
            return []
        try:
            value = json.loads(body)
        except ValueError as error:
            return [f"accepted with a body that is not JSON: {error}"]
        return [f"accepted with a body: {fault}" for fault in self.schema_faults(rule["content"][media_type]["schema"], value)]

    def text_faults(self, schema, text):
        """Of a value that is written as text where the schema may want a number or truth."""
        schema = self.resolved(schema)
        value = text
        if schema.get("type") == "integer" and re.fullmatch(r"[+-]?\d+", text):
            value = int(text)
        elif schema.get("type") == "boolean" and text in ("true", "false"):
            value = text == "true"
        return self.schema_faults(schema, value)


def header(headers, name):
    return next((value for each, value in headers if each == name), None)


def unique(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member is there twice")
    return dict(pairs)
