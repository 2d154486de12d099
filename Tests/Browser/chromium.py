"""A headless Chromium, driven over its DevTools protocol by a pair of pipes, so that there is no port for others."""

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

# How long the browser may take for one answer, or a page until it shows something, in seconds.
PATIENCE = 30


class Chromium:
    """To be used in a `with` statement. It finds no host by name, and trusts one more certificate than others do."""

    def __init__(self, directory, fingerprint):
        """`fingerprint` is the SHA-256 of the trusted certificate's public key, in base64."""
        self.directory = Path(directory)
        options = [
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={self.directory / 'profile'}",
            f"--ignore-certificate-errors-spki-list={fingerprint}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--lang=en",
            "--no-first-run",
        ]
        if os.geteuid() == 0:
            # Chromium refuses to make its sandbox as root. The pages are our own.
            options.append("--no-sandbox")
        reads, self.output = pipe()
        self.input, writes = pipe()
        self.log = open(self.directory / "chromium.log", "wb")
        # It reads from 3 and writes to 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec 3<&{reads} 4>&{writes} {reads}<&- {writes}>&-; exec chromium "$@"', "bash", *options],
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=os.environ | {"HOME": str(self.directory), "LC_ALL": "C.UTF-8"},
        )
        os.close(reads)
        os.close(writes)
        self.number = 0
        self.received = b""
        self.answers = {}
        self.pages = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.process.poll() is None:
                self.command("Browser.close")
        except (EOFError, BrokenPipeError):
            # It was faster than its answer.
            pass
        finally:
            os.close(self.output)
            os.close(self.input)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()

    def command(self, method, session=None, **parameters):
        """The result of a command. What happens in the meantime goes to its page, which may have commands of its own for it."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        send(self.output, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while number not in self.answers:
            if not self.receive(deadline):
                raise TimeoutError(f"no answer to {method}")
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def receive(self, deadline):
        """Takes in the next message. False if there is none by the deadline."""
        while b"\0" not in self.received:
            if not select.select([self.input], [], [], max(0, deadline - time.monotonic()))[0]:
                return False
            read = os.read(self.input, 1 << 20)
            if not read:
                raise EOFError(f"Chromium has ended: {(self.directory / 'chromium.log').read_text(errors='replace')[-2000:]}")
            self.received += read
        text, _, self.received = self.received.partition(b"\0")
        message = json.loads(text)
        if "id" in message:
            self.answers[message["id"]] = message
        elif message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].notice(message["method"], message["params"])
        return True

    def page(self, replacements=None):
        """A new page, whose cookies and storage are its own. `replacements`: see Page."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.pages[session] = Page(self, session, replacements or {})
        self.pages[session].prepare()
        return self.pages[session]


class Page:
    """One tab, with what its console said and what it asked for.

    `replacements` has, by path, functions from the headers and body of an answer to others."""

    def __init__(self, browser, session, replacements):
        self.browser = browser
        self.session = session
        self.replacements = replacements
        self.complaints = []
        self.requested = []

    def command(self, method, **parameters):
        return self.browser.command(method, self.session, **parameters)

    def prepare(self):
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")
        self.command("Emulation.setDeviceMetricsOverride", width=1280, height=1400, deviceScaleFactor=1, mobile=False)
        if self.replacements:
            self.command("Fetch.enable", patterns=[{"urlPattern": "*", "requestStage": "Response"}])

    def notice(self, event, parameters):
        if event == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(part.get("value", part.get("description"))) for part in parameters["args"]))
        elif event == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(parameters["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif event == "Fetch.requestPaused":
            self.answer_paused(parameters)

    def answer_paused(self, asked):
        number = asked["requestId"]
        replace = self.replacements.get(urlsplit(asked["request"]["url"]).path)
        # Without a status there was no answer.
        if replace is None or "responseStatusCode" not in asked:
            self.command("Fetch.continueRequest", requestId=number)
            return
        got = self.command("Fetch.getResponseBody", requestId=number)
        body = base64.b64decode(got["body"]).decode() if got["base64Encoded"] else got["body"]
        headers, body = replace({header["name"].lower(): header["value"] for header in asked["responseHeaders"]}, body)
        headers.pop("content-length", None)
        self.command(
            "Fetch.fulfillRequest",
            requestId=number,
            responseCode=asked["responseStatusCode"],
            responseHeaders=[{"name": name, "value": value} for name, value in headers.items()],
            body=base64.b64encode(body.encode()).decode(),
        )

    def open(self, url):
        self.command("Page.navigate", url=url)

    def evaluate(self, expression):
        """The value of an expression of JavaScript, after what it promises."""
        result = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", expression))
        return result["result"].get("value")

    def wait_for(self, expression, patience=PATIENCE, quietly=False):
        """The value of an expression as soon as it is true of the page; None if it never is.

        Where the page is to be quiet, nothing more is expected of one that has complained."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not (quietly and self.complaints):
            value = self.evaluate(expression)
            if value:
                return value
            # What happens meanwhile is noticed.
            self.browser.receive(time.monotonic() + 0.05)
        return None

    def click(self, selector):
        self.reach(selector)
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector, text):
        """Types over what is in a field."""
        self.reach(selector)
        self.evaluate(f"(field => {{ field.focus(); field.select() }})(document.querySelector({json.dumps(selector)}))")
        self.command("Input.insertText", text=text)

    def text(self, selector):
        self.reach(selector)
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def reach(self, selector):
        if not self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null"):
            raise LookupError(f"the page has no {selector}")

    def screenshot(self, path, selector):
        """What is seen when an element is at the top, as PNG."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView()")
        Path(path).write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))


def pipe():
    """The ends of a pipe, above the numbers that the browser wants for itself."""
    ends = os.pipe()
    above = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return above


def send(end, data):
    while data:
        data = data[os.write(end, data) :]
