"""Rules for the OpenAPI document beyond those of OpenAPI itself."""

import json
import re

import openapi_spec_validator

from contract import Contract


def faults(document):
    found = [f"OpenAPI: {error.message[:200]}" for error in openapi_spec_validator.OpenAPIV31SpecValidator(document).iter_errors()]
    return found + operation_faults(document) + component_faults(document) + example_faults(document)


def operation_faults(document):
    found = []
    tags = {tag["name"] for tag in document["tags"]}
    ids = []
    used_tags = set()
    for operation in Contract(document).operations:
        where = f"{operation.method} {operation.path}"
        ids.append(operation.id)
        used_tags |= set(operation.members.get("tags", []))
        for member in ("operationId", "summary", "description", "tags", "responses"):
            if not operation.members.get(member):
                found.append(f"{where}: no {member}")
        if not operation.members.get("summary", "").endswith("."):
            found.append(f"{where}: the summary is not a sentence")
        found += [f"{where}: the tag {tag} is not declared" for tag in operation.members.get("tags", []) if tag not in tags]
        if operation.method in ("GET", "DELETE") and "requestBody" in operation.members:
            found.append(f"{where}: a body")
    found += [f"the operationId {each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1})]
    return found + [f"the tag {tag} is not used" for tag in sorted(tags - used_tags)]


def component_faults(document):
    """Each component is used, and says what it is."""
    text = json.dumps(document)
    found = []
    for kind, components in document["components"].items():
        for name, component in components.items():
            if kind != "securitySchemes" and f'"#/components/{kind}/{name}"' not in text:
                found.append(f"the component {kind}/{name} is not used")
            if not component.get("description"):
                found.append(f"the component {kind}/{name} has no description")
    return found


def example_faults(document):
    """Each body has an example or is made of one line of text, and each example is valid."""
    contract = Contract(document)
    found = []

    def look(node, where):
        if isinstance(node, list):
            for index, element in enumerate(node):
                look(element, f"{where}/{index}")
            return
        if not isinstance(node, dict):
            return
        examples = [node["example"]] if "example" in node else []
        if "schema" in node:
            named = node.get("examples")
            examples += [each["value"] for each in named.values()] if isinstance(named, dict) else []
            for example in examples:
                found.extend(f"{where}: an example is not valid: {fault}" for fault in contract.schema_faults(node["schema"], example))
        for name, value in node.items():
            if name in ("example", "examples", "enum", "const", "default"):
                continue
            if name == "content":
                found.extend(f"{where}: no example of {media}" for media, rule in value.items() if media.endswith("json") and not {"example", "examples"} & rule.keys())
            look(value, f"{where}/{name}")
        if "pattern" in node and isinstance(node["pattern"], str):
            re.compile(node["pattern"])

    look(document, "")
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            found.extend(f"schema {name}: an example is not valid: {fault}" for fault in contract.schema_faults(schema, example))
    return found
