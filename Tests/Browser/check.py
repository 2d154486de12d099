"""Uses the pages that show the API as somebody would, in a headless Chromium, before a demo (scripts/demo --with)."""

import argparse
import base64
import contextlib
import hashlib
import io
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from chromium import Chromium

URL, SIMULATOR, CERTIFICATE = (os.environ[name] for name in ("DEMO_URL", "DEMO_SIMULATOR", "DEMO_CERTIFICATE"))
SHOWN = "Array.from(document.querySelectorAll('.opblock'), block => block.id)"
SHOWN_COUNT = "document.querySelectorAll('.opblock').length"


class Finding(Exception):
    """Something is not as it must be."""


def require(condition, text):
    if not condition:
        raise Finding(text)


# MARK: - Somebody at the browser


def open_pages(browser, replacements=None):
    page = browser.page(replacements)
    page.open(f"{URL}/docs/")
    return page


def authorize(page, token):
    page.click(".btn.authorize")
    page.fill("#auth-bearer-value", token)
    page.click(".auth-container:has(#auth-bearer-value) .btn.authorize")
    page.reach(".auth-container:has(h4) .btn:not(.authorize):not(.btn-done)")
    page.click(".modal-ux .btn-done")


def operations(document):
    """What Swagger UI calls the operations, which it shows under each of their tags."""
    of_paths = (operation for path in document["paths"].values() for operation in path.values() if isinstance(operation, dict))
    return {f"operations-{tag}-{operation['operationId']}" for operation in of_paths for tag in operation["tags"]}


def execute(page, operation, body=None):
    """What Swagger UI shows of the answer: status and body. `operation` is a tag with an operationId."""
    block = f"#operations-{operation}"
    page.click(f"{block} .opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    if body is not None:
        page.fill(f"{block} textarea.body-param__text", json.dumps(body))
    page.click(f"{block} .execute")
    answer = f"{block} .live-responses-table .response"
    return page.text(f"{answer} .response-col_status").split()[0], page.text(f"{answer} .response-col_description")


# MARK: - What must hold


def check_pages(browser, document, token, screenshots, replacements=None):
    """A caller reads, authorizes, and gets a runner."""
    page = open_pages(browser, replacements)
    page.wait_for(SHOWN_COUNT, quietly=True)
    require_quiet(page)
    missing = operations(document) ^ set(page.evaluate(SHOWN))
    require(not missing, f"what is shown and what there is differ: {missing}")
    require(page.evaluate("document.title").startswith("runner-token-service"), "the title is another")
    page.screenshot(screenshots / "operations.png", "body")
    print(f"  all {len(document['paths'])} paths are shown")

    authorize(page, token)
    status, text = execute(page, "service-showCaller")
    require(status == "200" and '"alice@example.com"' in text, f"GET /api/v1/auth/me with a token: {status} {text}")
    print("  with a token, GET /api/v1/auth/me answers 200")
    status, text = execute(page, "runners-provisionRunner", {"runner_name_prefix": "browser", "labels": ["gpu"]})
    require(status == "201" and '"registration_token"' in text, f"POST /api/v1/runners/provision: {status} {text}")
    print("  POST /api/v1/runners/provision answers 201 with a registration token")
    page.screenshot(screenshots / "provision.png", "#operations-runners-provisionRunner .responses-wrapper")

    require_quiet(page)
    require_own_host(page)
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    require(token not in kept, "the token is kept in the browser's storage")
    page.open(f"{URL}/docs/")
    require(page.wait_for(SHOWN_COUNT), "the page is not shown again")
    require(page.evaluate("document.querySelector('.authorization__btn.locked') === null"), "the token is still there on a new visit")
    print("  nothing was complained of or asked for elsewhere, and the token was forgotten")


def require_quiet(page):
    require(not page.complaints, f"the console says: {page.complaints}")


def require_own_host(page):
    elsewhere = [url for url in page.requested if not url.startswith((f"{URL}/", "data:"))]
    require(not elsewhere, f"asked for elsewhere: {elsewhere}")


def check_without_token(browser, document, _, screenshots):
    """The twin: who has not authorized gets 401, so the token above is what made the difference."""
    page = open_pages(browser)
    status, text = execute(page, "service-showCaller")
    require(status == "401" and '"error_code"' in text, f"GET /api/v1/auth/me without a token: {status} {text}")
    print("  without a token, it answers 401")


# What a page could be made to do, if somebody got something of theirs into it.
ATTACKS = {
    "an inline script": "const s = document.createElement('script'); s.textContent = 'window.didIt = 1'; document.head.append(s)",
    "a handler in an attribute": "const i = document.createElement('div'); i.innerHTML = '<img src=x onerror=\"window.didIt = 1\">'; "
    "document.body.append(i)",
    "a script of another host": "const s = document.createElement('script'); s.src = 'https://elsewhere.example/'; document.head.append(s)",
    "a request to another host": "fetch('https://elsewhere.example/').catch(() => {})",
    "an image of another host": "new Image().src = 'https://elsewhere.example/'",
    "a form": "const f = document.createElement('form'); f.action = '/health'; document.body.append(f); f.submit()",
    "a frame": "const f = document.createElement('iframe'); f.src = '/health'; document.body.append(f)",
    "a base": "const b = document.createElement('base'); b.href = 'https://elsewhere.example/'; document.head.append(b)",
    "a style sheet in the page": "const s = document.createElement('style'); s.textContent = '*{}'; document.head.append(s)",
}


def check_policy(browser, document, _, screenshots, replacements=None):
    """The Content-Security-Policy stops what a page does not need."""
    page = open_pages(browser, replacements)
    require(page.wait_for(SHOWN_COUNT), "no operations are shown")
    page.evaluate("window.stopped = 0; addEventListener('securitypolicyviolation', () => { stopped += 1 }); 0")
    for name, attack in ATTACKS.items():
        page.evaluate(f"stopped = 0; (() => {{ {attack} }})(); 0")
        require(page.wait_for("stopped > 0", patience=10), f"the policy does not stop {name}")
        require(not page.evaluate("window.didIt"), f"{name} ran")
    print(f"  the policy stops {', '.join(ATTACKS)}")


CHECKS = (check_pages, check_without_token, check_policy)


# MARK: - That it is noticed


def policy(old, new):
    """Answers in whose Content-Security-Policy something is replaced."""

    def replace(headers, body):
        before = headers["content-security-policy"]
        after = before.replace(old, new)
        require(after != before, f"the policy has no {old}")
        return headers | {"content-security-policy": after}, body

    return {"/docs/": replace}


def script(text):
    """More in the page's own script."""
    return {"/docs/initializer.js": lambda headers, body: (headers, body + text)}


def settings(old, new):
    def replace(headers, body):
        require(old in body, f"the script has no {old}")
        return headers, body.replace(old, new)

    return {"/docs/initializer.js": replace}


def without_operation(headers, body):
    document = json.loads(body)
    del document["paths"]["/health"]
    return headers, json.dumps(document)


MISTAKES = (
    ("a policy without scripts", check_pages, policy("script-src 'self'", "script-src 'none'"), "the console says"),
    ("a policy without calls", check_pages, policy("connect-src 'self'", "connect-src 'none'"), "the console says"),
    ("a policy without styles", check_pages, policy("style-src 'self'", "style-src 'none'"), "the console says"),
    ("a policy without icons", check_pages, policy("img-src 'self' data:", "img-src 'none'"), "the console says"),
    ("a policy with inline scripts", check_policy, policy("script-src 'self'", "script-src 'self' 'unsafe-inline'"), "an inline script"),
    ("a policy with other hosts", check_policy, policy("connect-src 'self'", "connect-src *"), "a request to another host"),
    ("a call elsewhere", check_pages, script("fetch('https://elsewhere.example/').catch(() => {})"), "elsewhere.example"),
    ("an error in the console", check_pages, script("console.error('misfortune')"), "misfortune"),
    ("a token that is kept", check_pages, settings("persistAuthorization: false", "persistAuthorization: true"), "storage"),
    ("an operation that is missing", check_pages, {"/openapi.json": without_operation}, "differ: {'operations-service-showHealth'}"),
)


def self_test(browser, document, token, screenshots):
    for name, check, replacements, words in MISTAKES:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                check(browser, document, token, screenshots, replacements)
        except Finding as finding:
            if words not in str(finding):
                raise Finding(f"{name} brought about something else: {finding}") from finding
            print(f"  noticed: {name}")
        else:
            raise Finding(f"not noticed: {name}")


# MARK: - The demo


def trusted():
    return ssl.create_default_context(cafile=CERTIFICATE)


def get_document():
    with urllib.request.urlopen(f"{URL}/openapi.json", context=trusted(), timeout=30) as answer:
        return json.load(answer)


def get_token():
    claims = {"sub": "alice", "email": "alice@example.com", "email_verified": True}
    request = urllib.request.Request(
        f"{SIMULATOR}/oidc/token", json.dumps({"claims": claims, "lifetime": 3600}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["access_token"]


def fingerprint():
    """The SHA-256 of the demo's public key, in base64."""
    pem = subprocess.run(["openssl", "x509", "-in", CERTIFICATE, "-noout", "-pubkey"], check=True, capture_output=True).stdout
    key = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, check=True, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", type=Path, required=True, help="the directory for what the pages looked like")
    parser.add_argument("--self-test", action="store_true", help="only show that the checks notice what they are for")
    arguments = parser.parse_args()
    arguments.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, Chromium(directory, fingerprint()) as browser:
        for check in (self_test,) if arguments.self_test else (self_test, *CHECKS):
            try:
                check(browser, get_document(), get_token(), arguments.screenshots)
            except (Finding, LookupError) as finding:
                sys.exit(f"check-browser: {finding}")


if __name__ == "__main__":
    main()
