"""What the measurements share: processes, ports, a site, and the load on it."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import socket
import statistics
import subprocess
import tempfile
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKER = ROOT / "build/release/userbin"
YARDSTICKS = ROOT / "build/release/bench"
CORES = os.cpu_count()
NAME, PASSWORD = "bench", "seven green lanterns"
CREDENTIALS = {"username": NAME, "password": PASSWORD}
# Who log in again and again: each has a thousand sessions at most, of which one more ends one.
CROWD = [f"crowd{i}" for i in range(16)]
HASH_KIB, HASH_PASSES = 19456, 2
# Hashing as cheap as can be, where something else is measured.
CHEAP = ["--hash-memory=8", "--hash-passes=1", "--allow-weak-hashing"]
# One client does it all.
UNTHROTTLED = ["--login-failures=0", "--failures-per-account=0", "--logins-per-client=0",
               "--registrations-per-client=0"]
SILENT = ["--audit-log=off", "--log-level=error"]


class Failure(Exception):
    """What could not be measured, and why."""


def free_port():
    """Below those that the kernel gives to whoever connects."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"waited in vain until {what}")
        time.sleep(0.02)


def wait_for_listener(address, process):
    """At a path or a port of this machine; `process` is what should listen there."""
    is_port = isinstance(address, int)

    def is_open():
        if process.poll() is not None:
            raise Failure(f"ended with {process.returncode}: {' '.join(map(str, process.args))}")
        with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as probe:
            return probe.connect_ex(("127.0.0.1", address) if is_port else str(address)) == 0
    wait_for(is_open, f"{address} answers")


class Stage:
    """A folder, and processes that end with it: the last begun ends first."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="userbin-bench-")
        self._processes = []
        self.path = pathlib.Path(self._folder.name)
        memory = pathlib.Path("/dev/shm")
        self._memory = tempfile.TemporaryDirectory(
            prefix="userbin-bench-", dir=memory if os.access(memory, os.W_OK) else None)
        self.in_memory = self._memory.name
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            self.end(process)
        self._memory.cleanup()
        self._folder.cleanup()

    def start(self, *command, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                   "stderr": subprocess.DEVNULL} | options
        process = subprocess.Popen(command, **options)
        self._processes.append(process)
        return process

    @staticmethod
    def end(process):
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # libfcgi's loop ignores it
            process.kill()
            process.wait()

    def start_worker(self, socket_path, *flags):
        """Answers when it listens."""
        process = self.start(WORKER, "serve", f"--listen=unix:{socket_path}", *flags)
        wait_for_listener(socket_path, process)
        return process

    def start_ceiling(self, name, answer, threads=1):
        path = self.path / name
        wait_for_listener(path, self.start(YARDSTICKS, "ceiling", path, str(threads), answer))
        return path

    def start_loop(self, name, threads, token="none"):
        path = self.path / name
        process = self.start(YARDSTICKS, "loop", path, str(threads), token)
        # It ignores SIGTERM, and there is nothing that it should end in order.
        process.terminate = process.kill
        wait_for_listener(path, process)
        return path


class Site:
    """The example's nginx before the worker or a yardstick, as userbin.conf has it: no fence, no log.

    `locations` stand in its server; `keepalive` is of the upstream."""

    def __init__(self, stage, name, sockets, *, locations="", microcache=False, keepalive=16):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = stage.path / name
        subprocess.run([ROOT / "tools/make-site", self.folder, str(self.port)], check=True)
        servers = " ".join(f"server unix:{path};" for path in sockets)
        self._edit("userbin_upstream.conf", (f"server unix:{self.folder}/userbin.sock;", servers),
                   ("rate=10r/s", "rate=1000000r/s"), ("keepalive 16;", f"keepalive {keepalive};"))
        self._edit("userbin_limits.conf", ("burst=50", "burst=1000000"))
        self._edit("userbin_microcache.conf", ("/run/userbin-nginx", stage.in_memory))
        http = "include userbin_microcache.conf;" if microcache else ""
        self._edit("example.conf",
                   (f"access_log {self.folder}/nginx-access.log;", f"access_log off; {http}"),
                   ("location /  ", f"{locations}\n        location /  "))
        user = ["-g", "user root;"] if os.getuid() == 0 else []
        wait_for_listener(self.port, stage.start(
            "/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "nginx/example.conf", "-e",
            self.folder / "error.log", *user))

    def ask(self, path, body=None):
        """The answer to a GET, or to a POST of `body`; it must be a good one."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(client):
            if body is None:
                client.request("GET", path)
            else:
                client.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = client.getresponse()
            text = answer.read().decode()
        if answer.status != 200:
            raise Failure(f"{path} was answered {answer.status}: {text[:200]}")
        return json.loads(text)

    def sign_up(self):
        """The token of a session of a new user, NAME. The CROWD is registered, too."""
        for name in (NAME, *CROWD):
            self.ask("/register", CREDENTIALS | {"username": name})
        return self.ask("/login", CREDENTIALS | {"token": True})["token"]

    def wait_for_hashes(self):
        """Until those of logins that nobody waits for any more are done: one more stands in their line."""
        self.ask("/login", CREDENTIALS)

    def _edit(self, file, *changes):
        path = self.folder / "nginx" / file
        text = path.read_text()
        for old, new in changes:
            if old not in text:
                raise Failure(f"{path} has no {old}")
            text = text.replace(old, new)
        path.write_text(text)


class Round(typing.NamedTuple):
    """What one round of load brought: requests a second, and milliseconds."""
    rate: float
    p50: float
    p99: float
    slowest: float


def median(rounds):
    """Of each figure by itself."""
    return Round(*(statistics.median(figures) for figures in zip(*rounds)))


def ratio(ours, base, figure="rate"):
    """The median of the ratios round by round: what was measured one right after the other. Who has
    fewer rounds than the base ran in the first of them, as in_turns() has it."""
    return statistics.median(getattr(a, figure) / (getattr(b, figure) or 1e-9)
                             for a, b in zip(ours, base[:len(ours)], strict=True))


class Load:
    """wrk on `url`, for whole seconds, with one thread. No request may fail, unless `may_fail`."""

    def __init__(self, url, *, clients, headers=(), script=None, may_fail=False):
        self.url = url
        self._may_fail = may_fail
        self._command = ["wrk", "-t1", f"-c{clients}", "--timeout=20", "--latency",
                         *(word for header in headers for word in ("-H", header)),
                         *(["-s", script] if script else []), url]
        self._process = None

    def begin(self, seconds):
        self._process = subprocess.Popen([*self._command, f"-d{seconds}s"], stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)

    def end(self):
        out = self._process.communicate()[0]
        bad = re.search(r"Non-2xx or 3xx responses: .*|Socket errors: .*", out)
        if self._process.returncode != 0 or (bad and not self._may_fail):
            raise Failure(f"requests to {self.url} failed. {bad[0] if bad else out}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        slowest = re.search(r"Latency\s+\S+\s+\S+\s+(\S+)", out)[1]
        return Round(rate, *(_milliseconds(re.search(rf"^\s+{share}%\s+(\S+)", out, re.M)[1])
                             for share in (50, 99)), _milliseconds(slowest))

    def run(self, seconds):
        self.begin(seconds)
        return self.end()


POST = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
"""
SCRIPTS = {
    # Each of the CROWD in turn.
    "login": POST + """
local count = math.random(1, 1e9)
request = function()
  count = count + 1
  return wrk.format(nil, nil, nil, '{"username": "crowd' .. count %% %d .. '", "password": "%s"}')
end
""" % (len(CROWD), PASSWORD),
    "form-login": f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "username=user0&password={PASSWORD.replace(' ', '+')}"
""",
    # A new name each time, also in the next round.
    "register": POST + """
local start = tostring(os.time()) .. "." .. tostring(math.random(1, 1e9)) .. "."
local count = 0
request = function()
  count = count + 1
  return wrk.format(nil, nil, nil, '{"username": "u' .. start .. count .. '", "password": "%s"}')
end
""" % PASSWORD}


def post_script(stage, what):
    """A file with what wrk is to do, one of SCRIPTS."""
    path = stage.path / f"{what}.lua"
    path.write_text(SCRIPTS[what])
    return path


def _milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def in_turns(rounds, runs, progress, once=()):
    """{name: its results}, of `runs`, {name: function}: one of each, then again, but for those that
    run `once`, in the first round."""
    results = {name: [] for name in runs}
    for i in range(rounds):
        for name, run in runs.items():
            if i > 0 and name in once:
                continue
            progress(f"round {i + 1} of {rounds}: {name}")
            results[name].append(run())
    return results
