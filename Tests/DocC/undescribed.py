"""Finds the public declarations in symbol graphs that nobody has described.

Usage: undescribed.py DIRECTORY MODULE...

DIRECTORY has the symbol graphs of the modules. Types, functions, subscripts, operators and initializers need a doc
comment, but for an initializer that only takes the values of properties. Of properties and enumeration cases some speak
for themselves: undescribed.json beside this file says how many of each module have none. That number may only fall.

What the compiler makes by itself and what inherits its comment from a protocol needs none. Ends with status 1 if anything
is found, and with 2 if a module has no public declaration at all: then nothing was looked at.
"""

import json
import pathlib
import re
import sys

FIELDS = ("swift.property", "swift.enum.case")


def public_symbols(directory, module):
    """What somebody has written: what the compiler makes has no place in a file."""
    # Beside the module's own there is a graph for each other module whose types it extends.
    for path in [directory / f"{module}.symbols.json", *sorted(directory.glob(f"{module}@*.symbols.json"))]:
        for symbol in json.loads(path.read_text())["symbols"]:
            if symbol["accessLevel"] in ("public", "open") and "location" in symbol:
                yield symbol


def is_described(symbol):
    return any(line["text"].strip() for line in symbol.get("docComment", {}).get("lines", []))


def takes_properties_only(symbol, properties):
    *owner, name = symbol["pathComponents"]
    labels = re.findall(r"(\w+):", name)
    return (
        symbol["kind"]["identifier"] == "swift.init"
        and "_" not in labels
        and bool(labels)
        and all((*owner, label) in properties for label in labels)
    )


def line_of(symbol):
    location = symbol["location"]
    return f"{location['uri'].removeprefix('file://')}:{location['position']['line'] + 1}"


def findings(module, symbols, allowed):
    properties = {tuple(s["pathComponents"]) for s in symbols if s["kind"]["identifier"] == "swift.property"}
    missing = [s for s in symbols if not is_described(s) and not takes_properties_only(s, properties)]
    fields = [s for s in missing if s["kind"]["identifier"] in FIELDS]
    for symbol in missing:
        if symbol not in fields or len(fields) > allowed:
            yield f"{line_of(symbol)}: {module}: {'.'.join(symbol['pathComponents'])} is not described"
    if len(fields) > allowed:
        yield f"{module}: {len(fields)} properties and cases are not described, where there may be {allowed}"
    if len(fields) < allowed:
        yield f"{module}: only {len(fields)} properties and cases are not described: lower the number in undescribed.json"


def main(directory, modules):
    allowed = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text())
    found, counted = [], 0
    for module in modules:
        symbols = list(public_symbols(directory, module))
        if not symbols:
            print(f"{module} has no public declaration", file=sys.stderr)
            return 2
        counted += len(symbols)
        found += findings(module, symbols, allowed.get(module, 0))
    for finding in found:
        print(finding)
    print(f"{counted} public declarations of {len(modules)} modules, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
