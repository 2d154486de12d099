"""Stands for servers that the simulator cannot be: GitHub Actions' issuer of tokens, and a service that misbehaves.

Usage: stand_in.py PORT TOKEN_FILE LOG. What happens is chosen by the first segment of the path; each request is logged as
a line with its method and path.
"""

import http.server
import json
import sys
import time

port, token_file, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
SCRIPT = "#!/bin/sh\nexec ./run.sh\n"


class StandIn(http.server.BaseHTTPRequestHandler):
    asked = 0

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, status, headers=None, **members):
        # As the service writes it: no space, and members sorted.
        body = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.answer(status, body.encode("utf-8", "surrogateescape"), headers)

    def handle_any(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{self.command} {self.path}\n")
        getattr(self, self.path.split("/")[1].split("?")[0], self.nothing)()

    do_GET = do_POST = do_DELETE = handle_any

    def nothing(self):
        self.answer(404, b"")

    # GitHub Actions' issuer: for whoever knows the job's own token, and asks for the right audience.
    def actions(self):
        if self.headers["Authorization"] != "Bearer of-the-job" or not self.path.endswith("&audience=runner-token-service"):
            return self.answer(403, b"{}")
        with open(token_file, encoding="ascii") as file:
            return self.answer(200, json.dumps({"count": 1, "value": file.read().strip()}).encode())

    # A service that asks twice to come back, and then gives a runner.
    def later(self):
        StandIn.asked += self.command == "POST"
        if self.command == "DELETE":
            self.answer(204, b"")
        elif StandIn.asked == 1:
            self.problem(429, {"retry-after": "1"}, error_code="TOO_MANY_APPROVALS", detail="Later.", request_id="1")
        elif StandIn.asked == 2:
            self.problem(503, {"Retry-After": "1"}, error_code="GITHUB_UNAVAILABLE", detail="Later.", request_id="2")
        else:
            self.answer(201, SCRIPT.encode(), {"Location": "/api/v1/runners/0b6e2c1e"})

    def never(self):
        self.problem(503, {"Retry-After": "1"}, error_code="DATABASE_UNAVAILABLE", detail="Try again later.", request_id="3")

    # A terminal would act on some of these bytes, and a careless reader would take the second code for the member.
    def hostile(self):
        self.problem(
            403, error_code="LABEL_POLICY_VIOLATION", request_id="4",
            detail='\x1b[2J\x07\x9b31m\u202e\udcff back\\slash "quoted" ","error_code":"FORGED","detail":"forged')

    # The answer is lost; the runner may be there.
    def lost(self):
        if self.command == "DELETE":
            self.answer(204, b"")
        else:
            self.close_connection = True

    def proxy_page(self):
        self.answer(502, b"<h1>Bad Gateway</h1>")

    # Not the script that was asked for: nothing of it may be run.
    def web_page(self):
        if self.command == "DELETE":
            return self.answer(204, b"")
        return self.answer(201, b"touch run-by-mistake\n", {"Location": "/api/v1/runners/0b6e2c1e"})

    # Not an id: it would name something else in a URL.
    def odd_name(self):
        if self.command == "DELETE":
            return self.answer(204, b"")
        return self.answer(201, SCRIPT.encode(), {"Location": "/api/v1/runners/..?x=1"})

    # Says something before it answers, as a proxy may.
    def early(self):
        if self.command == "DELETE":
            return self.answer(204, b"")
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        return self.answer(201, SCRIPT.encode(), {"Location": "/api/v1/runners/0b6e2c1e"})

    # No status of the service's.
    def odd_status(self):
        self.answer(204 if self.command == "DELETE" else 299, b"")

    # Has no time, and says so in its own words.
    def conflict(self):
        self.problem(409, {"Retry-After": "1"}, error_code="RUNNER_BUSY", detail="It has a job.", request_id="5")

    # Does not remove what it gave.
    def keeper(self):
        if self.command == "DELETE":
            return self.problem(401, error_code="INVALID_TOKEN", detail="The token has expired.", request_id="6")
        return self.answer(201, SCRIPT.encode(), {"Location": "/api/v1/runners/0b6e2c1e"})

    # Takes its time; the log has the request before it is answered.
    def slow(self):
        if self.command == "DELETE":
            return self.answer(204, b"")
        time.sleep(1)
        return self.answer(201, SCRIPT.encode(), {"Location": "/api/v1/runners/0b6e2c1e"})

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), StandIn).serve_forever()
