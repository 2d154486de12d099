"""Finds the public declarations in symbol graphs that nobody has described.

Usage: undescribed.py DIRECTORY MODULE...

DIRECTORY has the symbol graphs of the modules. Each public declaration needs a doc comment, but for an initializer that only
takes the values of properties, what the compiler makes by itself, and what inherits its comment from a protocol.

Ends with status 1 if anything is found, and with 2 if a module has no public declaration at all: then nothing was looked at.
"""

import json
import pathlib
import re
import sys


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


def findings(module, symbols):
    properties = {tuple(s["pathComponents"]) for s in symbols if s["kind"]["identifier"] == "swift.property"}
    for symbol in symbols:
        if not is_described(symbol) and not takes_properties_only(symbol, properties):
            yield f"{line_of(symbol)}: {module}: {'.'.join(symbol['pathComponents'])} is not described"


def main(directory, modules):
    found, counted = [], 0
    for module in modules:
        symbols = list(public_symbols(directory, module))
        if not symbols:
            print(f"{module} has no public declaration", file=sys.stderr)
            return 2
        counted += len(symbols)
        found += findings(module, symbols)
    for finding in found:
        print(finding)
    print(f"{counted} public declarations of {len(modules)} modules, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
