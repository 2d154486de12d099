"""The service as in production but for TLS, with a simulator of GitHub: nginx, workers on one socket, maintenance."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def listener(path):
    """A listening unix socket, as systemd hands it to the workers."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(4096)
    return server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, body=None, token=None, method=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.read()


def usage(pid):
    """Threads and descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd"))


class Process:
    """A program, and what it has cost."""

    def __init__(self, arguments, log, stdin=subprocess.DEVNULL, environment=None):
        self.child = subprocess.Popen(
            arguments, stdin=stdin, stdout=log, stderr=log, env=environment, cwd=log.name.rpartition("/")[0]
        )
        self.pid = self.child.pid
        self.name = Path(arguments[0]).name

    def pids(self):
        """Its own, and nginx's workers'."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def cpu(self):
        """Seconds of user and system time."""
        seconds = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            seconds += (int(fields[11]) + int(fields[12])) / TICKS
        return seconds

    def memory(self):
        """MiB resident, and how many of those are not pages of files, which processes share."""
        statms = [Path(f"/proc/{pid}/statm").read_text().split() for pid in self.pids()]
        resident, shared = (sum(int(statm[column]) for statm in statms) for column in (1, 2))
        return resident * PAGE / 2**20, (resident - shared) * PAGE / 2**20

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(40)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class World:
    """nginx, the simulator and two workers. More is started by those who need it."""

    def __init__(self, directory, programs, threads, workers=2, settings=None, locations=""):
        self.directory = Path(directory)
        self.programs = Path(programs)
        self.threads, self.settings, self.locations = threads, settings or {}, locations
        self.port, self.simulator_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.github = f"http://127.0.0.1:{self.simulator_port}"
        self.processes = []
        self.socket = listener(self.directory / "service.sock")
        try:
            self._start(workers)
        except BaseException:
            self.stop()
            raise

    def _start(self, workers):
        self._files()
        self.simulator = self.start(
            [
                self.programs / "github-simulator",
                "--listen",
                self.directory / "simulator.sock",
                "--base-url",
                self.github,
            ]
            + ["--app-key", self.directory / "app.pem", "--threads", "512", "--rate-limit", "100000000"],
            "simulator",
        )
        self.nginx = self.start(["nginx", "-p", self.directory, "-c", self.directory / "nginx.conf"], "nginx")
        self.wait(f"{self.github}/control/state")
        self.run("init-db")
        self.prepare()
        self.workers = [self.start_worker() for _ in range(workers)]
        self.wait(f"{self.base}/health/ready")

    def prepare(self):
        """For what is to be there before the first worker is: a database without a row and a simulator without a runner are."""

    def _files(self):
        subprocess.run(
            ["openssl", "genrsa", "-out", self.directory / "app.pem", "2048"], check=True, capture_output=True
        )
        (self.directory / "app.pem").chmod(0o600)
        self.environment = {
            "PATH": os.environ["PATH"],
            "GITHUB_APP_ID": "12345",
            "GITHUB_APP_INSTALLATION_ID": "67890",
            "GITHUB_ORG": "demo-org",
            "GITHUB_APP_PRIVATE_KEY_PATH": str(self.directory / "app.pem"),
            "GITHUB_API_URL": f"{self.github}/api/v3",
            "OIDC_ISSUER": f"{self.github}/oidc",
            "OIDC_AUDIENCE": "runner-token-service",
            "DEFAULT_LABEL_POLICY": "allow",
            "DATABASE_URL": f"sqlite:///{self.directory}/service.db",
            "AUDIT_LOG_PATH": str(self.directory / "audit.jsonl"),
            "WORKER_THREADS": str(self.threads),
            "LOG_LEVEL": "warning",
            **self.settings,
        }
        (self.directory / "runner-token-service").symlink_to(REPOSITORY / "nginx")
        (self.directory / "nginx.conf").write_text(f"""
{"user root;" if os.getuid() == 0 else ""}
daemon off;
pid nginx.pid;
error_log nginx.error.log;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  include runner-token-service/maps.conf;
  geo $token_service_is_limited {{ default 0; }}
  upstream runner_token_service {{ server unix:{self.directory}/service.sock; }}
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    {self.locations}
    include runner-token-service/runner-token-service.locations.conf;
  }}
  server {{
    listen 127.0.0.1:{self.simulator_port} backlog=4096;
    keepalive_requests 1000000;
    location / {{
      # A connection that is reset, while this file is there.
      if (-f {self.directory}/reset) {{ return 444; }}
      include runner-token-service/fastcgi_params.conf;
      fastcgi_pass unix:{self.directory}/simulator.sock;
      fastcgi_next_upstream off;
      fastcgi_read_timeout 60s;
    }}
  }}
}}
""")

    def start(self, arguments, name, stdin=subprocess.DEVNULL, environment=None):
        with open(self.directory / f"{name}.log", "ab") as log:
            process = Process([str(part) for part in arguments], log, stdin, environment)
        self.processes.append(process)
        return process

    def start_worker(self):
        return self.start([self.programs / "runner-token-service", "worker"], "worker", self.socket, self.environment)

    def try_to_run(self, *arguments):
        return subprocess.run(
            [self.programs / "runner-token-service", *arguments],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
        )

    def run(self, *arguments):
        done = self.try_to_run(*arguments)
        if done.returncode != 0:
            sys.exit(f"{arguments[0]} failed: {done.stderr}{done.stdout}")

    def wait(self, url):
        deadline = time.monotonic() + 60
        while True:
            try:
                if fetch(url)[0] == 200:
                    return
            except OSError as error:
                ended = [process.name for process in self.processes if process.child.poll() is not None]
                if ended or time.monotonic() > deadline:
                    sys.exit(f"no answer from {url}: {error}; ended: {ended}")
            time.sleep(0.1)

    def stop(self):
        for process in reversed(self.processes):
            process.stop()

    # -- The simulator

    def control(self, path, body=None, method="POST"):
        fetch(f"{self.github}/control{path}", body if body is not None else {}, method=method)

    def token(self, subject, lifetime=7200):
        claims = {"sub": subject, "email": f"{subject}@example.com", "email_verified": True}
        _, answer = fetch(f"{self.github}/oidc/token", {"claims": claims, "lifetime": lifetime})
        return json.loads(answer)["access_token"]
