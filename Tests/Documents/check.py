"""Holds README.md and docs/ to what there is: links, blocks of code, environment variables, commands, error codes.

check.py --commands FILE              prints each fault; FILE has what `runner-token-service --help` prints
check.py --commands FILE --self-test  that each kind of fault is found
check.py --script DOCUMENT            prints the document's blocks of sh and Python as one bash script
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

# Who runs the blocks of sh of a document. Illustrations are blocks of console.
RUN_BY = {
    "docs/OPERATIONS.md": "Tests/EndToEndTests/OperationsDocumentTests.swift",
    "docs/QUICKSTART.md": "scripts/check-documents",
    "docs/USAGE.md": "scripts/check-documents",
    "docs/INSTALL.md": "scripts/check-package",
    "INSTALL.md": "scripts/check-package",
}
FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


class Document:
    def __init__(self, root, path):
        self.name = os.path.relpath(path, root)
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.blocks = [
            (language, re.sub(f"^{indent}", "", body, flags=re.MULTILINE))
            for indent, language, body in FENCE.findall(self.text)
        ]
        self.prose = FENCE.sub("", self.text)
        self.code = "\n".join([body for _, body in self.blocks] + SPAN.findall(self.prose))

    def anchors(self):
        """As GitHub makes them of headings; one that comes again gets a number."""
        anchors = {}
        for heading in re.findall(r"^#+ +(.+?) *$", self.prose, re.MULTILINE):
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            count = anchors.get(slug, -1) + 1
            anchors[slug] = count
            if count:
                anchors[f"{slug}-{count}"] = 0
        return anchors


def documents(root):
    paths = sorted(root.glob("*.md")) + sorted((root / "docs").glob("*.md"))
    return [Document(root, path) for path in paths]


def link_faults(root, document):
    # The text of a link may be code, a link in code is none.
    for target in re.findall(r"\]\(([^)\s]+)\)", SPAN.sub("`", document.prose)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.path.parent / path).resolve() if path else document.path
        if not file.exists():
            yield f"{document.name}: there is no {target}"
        elif anchor and file.suffix == ".md" and anchor not in Document(root, file).anchors():
            yield f"{document.name}: there is no heading for {target}"


def block_faults(root, document):
    import hcl2
    import yaml

    readers = {
        "json": json.loads,
        "yaml": lambda text: list(yaml.safe_load_all(text)),
        "hcl": hcl2.loads,
        "python": lambda text: compile(text, document.name, "exec"),
    }
    for language, body in document.blocks:
        if language in readers:
            try:
                readers[language](body)
            except Exception as error:  # Each reader has its own.
                yield f"{document.name}: a block of {language} cannot be read: {str(error).splitlines()[0]}"
        elif language not in ("", "sh", "console", "sql", "nginx", "ini"):
            yield f"{document.name}: a block in {language}, which nobody checks"
    if not any(language == "sh" for language, _ in document.blocks):
        return
    runner = RUN_BY.get(document.name)
    if runner is None:
        yield f"{document.name}: nobody runs its blocks of sh; make them console, or name who does in RUN_BY"
    elif not (root / runner).exists() or Path(document.name).name not in (root / runner).read_text(encoding="utf-8"):
        yield f"{document.name}: {runner} does not run its blocks of sh"


def variables(root):
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (root / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def variable_faults(root, found):
    """Each that is documented exists, and the reverse."""
    known = set(variables(root))
    codes = {code for code, _ in error_codes(root)}
    families = {name.split("_")[0] + "_" for name in known if "_" in name}
    for document in found:
        shell = {name for name in VARIABLE.findall(document.code) if f"${name}" in document.code}
        for name in sorted(set(VARIABLE.findall(document.code)) - known - codes - shell):
            if any(name.startswith(family) for family in families) and not name.endswith("_"):
                yield f"{document.name}: there is no variable {name}"
    # The README leaves those of a provider to the page about providers.
    listed = [root / "README.md", root / "docs/IDENTITY_PROVIDERS.md"]
    rows = "\n".join(re.findall(r"^\| `.*", "\n".join(p.read_text(encoding="utf-8") for p in listed), re.MULTILINE))
    for name in sorted(known - set(VARIABLE.findall(rows))):
        yield f"README.md: the variable {name} is not documented"
    previous = ""
    for line in (root / ".env.example").read_text(encoding="utf-8").splitlines():
        is_variable = re.match(r"#?[A-Z][A-Z0-9_]*=", line)
        if is_variable and not re.match(r"# |#?[A-Z][A-Z0-9_]*=", previous):
            yield f".env.example: {line.split('=')[0].lstrip('#')} is not explained"
        previous = line


def command_faults(help_text, found):
    section = help_text.split("SUBCOMMANDS:")[1]
    commands = set(re.findall(r"^  ([a-z][a-z-]+)", section, re.MULTILINE))
    for document in found:
        calls = re.findall(r"(?<!-u )(?<!-g )runner-token-service\"? ([a-z][a-z-]*)(?![\w./:])", document.code)
        for command in sorted(set(calls) - commands - {"help"}):
            yield f"{document.name}: there is no command {command}"
    code = " ".join(document.code for document in found)
    for command in sorted(commands):
        if not re.search(rf"(?<![\w-]){command}(?![\w-])", code):
            yield f"README.md: the command {command} is nowhere named"


def error_codes(root):
    source = (root / "Sources/TokenService/Problem.swift").read_text(encoding="utf-8")
    codes = set(re.findall(r'Problem\(\s*(\d{3}),\s*"([A-Z_]+)"', source))
    for path in (root / "nginx").glob("*.conf"):
        text = path.read_text(encoding="utf-8")
        codes |= set(re.findall(r'"status":(\d{3}),.*?"error_code":"([A-Z_]+)"', text))
    return {(code, status) for status, code in codes}


def error_faults(root):
    page = (root / "docs/USAGE.md").read_text(encoding="utf-8")
    rows = {
        (code, status)
        for code, statuses in re.findall(r"^\| `([A-Z_]+)` \| (\d{3}(?:, \d{3})*) \| .+ \|$", page, re.MULTILINE)
        for status in statuses.split(", ")
    }
    codes = error_codes(root)
    if len(codes) < 30:
        yield "the error codes were not found in the sources"
    for code, status in sorted(codes - rows):
        yield f"docs/USAGE.md: there is no row for {code} with status {status}"
    for code, status in sorted(rows - codes):
        yield f"docs/USAGE.md: nothing answers {status} {code}"


def faults(root, help_text):
    found = documents(root)
    for document in found:
        yield from link_faults(root, document)
        yield from block_faults(root, document)
    yield from variable_faults(root, found)
    yield from command_faults(help_text, found)
    yield from error_faults(root)


def script(document):
    """What is run of a document, in its order, in one shell that ends at the first failure."""
    parts = ["set -euo pipefail"]
    for language, body in document.blocks:
        if language == "sh":
            parts.append(body)
        elif language == "python":
            parts.append(f"python3 - <<'END_OF_PYTHON'\n{body}END_OF_PYTHON")
    if len(parts) == 1:
        sys.exit(f"{document.name} has nothing to run")
    return "\n".join(parts)


SPOILT = [
    ("a link", "README.md", "docs/SECURITY.md", "docs/SAFETY.md", "there is no docs/SAFETY.md"),
    ("an anchor", "docs/QUICKSTART.md", "#run-it-for-real", "#run-it", "there is no heading"),
    ("YAML", "docs/USAGE.md", "kind: Job", "kind: Job: x", "a block of yaml cannot be read"),
    ("Terraform", "docs/USAGE.md", 'account_id = "', 'account_id "', "a block of hcl cannot be read"),
    ("JSON", "docs/LABEL_POLICY.md", '"max_runners": 5}', '"max_runners": 5', "a block of json cannot be read"),
    ("Python", "docs/USAGE.md", "import json\n", "import json json\n", "a block of python cannot be read"),
    ("a block that nobody runs", "docs/WEBHOOKS.md", "```console", "```sh", "nobody runs"),
    ("a variable", "README.md", "`WORKER_THREADS`", "`WORKER_THREAD`", "there is no variable WORKER_THREAD"),
    ("a variable left out", "README.md", "`WORKER_THREADS`", "`THREADS`", "WORKER_THREADS is not documented"),
    ("a new variable", ".env.example", "#LOG_LEVEL", "\n#LOG_COLOUR=\n#LOG_LEVEL", "LOG_COLOUR is not explained"),
    ("a command", "README.md", "service check-token", "service check-tokens", "there is no command check-tokens"),
    ("an error code left out", "docs/USAGE.md", "| `GITHUB_ERROR` |", "| GITHUB_ERROR |", "no row for GITHUB_ERROR"),
    ("another status", "docs/USAGE.md", "`SERVICE_TIMEOUT` | 504", "`SERVICE_TIMEOUT` | 502", "no row for SERVICE_TIMEOUT"),
    ("an error code too many", "docs/USAGE.md", "`NOT_FOUND` | 404", "`NOT_FOUNDS` | 404", "nothing answers 404 NOT_FOUNDS"),
]


def self_test(root, help_text):
    for what, name, old, new, expected in SPOILT:
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory).resolve() / "repository"
            shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".build", ".git", "Corpus"))
            text = (copy / name).read_text(encoding="utf-8")
            if old not in text:
                sys.exit(f"{name} has no {old} to spoil")
            (copy / name).write_text(text.replace(old, new), encoding="utf-8")
            if not any(expected in fault for fault in faults(copy, help_text)):
                sys.exit(f"not noticed: {what}")
        print(f"  noticed: {what}")
    command = "  unheard-of              A command that no page names.\n"
    if not any("unheard-of is nowhere named" in fault for fault in faults(root, help_text.replace("SUBCOMMANDS:\n", "SUBCOMMANDS:\n" + command))):
        sys.exit("not noticed: a new command")
    print("  noticed: a new command")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=Path)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--script", type=Path)
    arguments = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    if arguments.script:
        print(script(Document(root, arguments.script.resolve())))
        return
    help_text = arguments.commands.read_text(encoding="utf-8")
    if arguments.self_test:
        self_test(root, help_text)
        return
    found = list(faults(root, help_text))
    print("\n".join(found) if found else "  links, blocks, variables, commands and error codes are what there is")
    sys.exit(1 if found else 0)


main()
