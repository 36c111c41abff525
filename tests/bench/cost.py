"""Instructions and system calls of one /verify: figures that a noisy machine repeats."""

import json
import os
import re
import signal
import subprocess

import fastcgi
from support import CREDENTIALS, SILENT, WORKER, Failure, Stage, wait_for

VERIFICATIONS = 200  # of the shorter run
WARM_UP = 20
# As nginx asks for a browser that wants a guarded place; see nginx/userbin_params.
ASKED = {
    "REQUEST_METHOD": "GET", "DOCUMENT_URI": "/verify", "QUERY_STRING": "",
    "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "example.org",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_COOKIE": "userbin={token}", "HTTP_SEC_FETCH_SITE": "none",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "USERBIN_REQUEST_ID": "0123456789abcdef0123456789abcdef", "REQUEST_URI": "/members/"}
# One thread, so that no other wakes up in vain.
FLAGS = ["--threads=1", "--hash-slots=1", *SILENT]


class Subject:
    """A worker's store with one session, and runs of a worker on it under a tool."""

    def __init__(self, stage):
        self._stage = stage
        self._socket = stage.path / "userbin.sock"
        self._store = f"--store={stage.path}/userbin.db"
        worker = stage.start_worker(self._socket, self._store, *FLAGS)
        self._post("/register", CREDENTIALS)
        token = self._post("/login", CREDENTIALS | {"token": True})["token"]
        stage.end(worker)
        self._verification = fastcgi.request(ASKED | {"HTTP_COOKIE": f"userbin={token}"})

    def run(self, *tool, verifications):
        """Verifies one by one, each on a new connection, and ends the worker in order.

        Client and worker share a core, and the worker is woken only when the client waits for it: so
        the request has always arrived when the connection is accepted."""
        affinity = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(affinity)})
        try:
            process = self._stage.start(
                "chrt", "--batch", "0", *tool, WORKER, "serve", f"--listen=unix:{self._socket}",
                self._store, *FLAGS, stderr=subprocess.PIPE, text=True)
            wait_for(lambda: process.poll() is not None or self._answers(), "the worker answers", 120)
            if process.poll() is None:
                for _ in range(WARM_UP + verifications):
                    self._verify()
                self._end(process)
            errors = process.communicate(timeout=120)[1]
        finally:
            os.sched_setaffinity(0, affinity)
        if process.returncode != 0:
            raise Failure(f"{tool[0]} cannot be used here: {errors.strip()[-300:]}")

    @staticmethod
    def _end(process):
        """The worker is the tool's child if the tool is a process of its own, as strace is."""
        children = subprocess.run(["pgrep", "-P", str(process.pid)], check=False, text=True,
                                  stdout=subprocess.PIPE).stdout.split()
        os.kill(int(children[0]) if children else process.pid, signal.SIGTERM)

    def _answers(self):
        try:
            return fastcgi.ask(self._socket, self._verification).startswith(b"Status: 200")
        except OSError:
            return False

    def _verify(self):
        answer = fastcgi.ask(self._socket, self._verification)
        if not answer.startswith(b"Status: 200"):
            raise Failure(f"a verification was answered {answer[:100]}")

    def _post(self, path, fields):
        body = json.dumps(fields).encode()
        answer = fastcgi.ask(self._socket, fastcgi.request(
            {"REQUEST_METHOD": "POST", "DOCUMENT_URI": path, "QUERY_STRING": "",
             "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "example.org",
             "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}, body))
        if not answer.startswith(b"Status: 200"):
            raise Failure(f"{path} was answered {answer[:200]}")
        return json.loads(answer.partition(b"\r\n\r\n")[2])


def per_verification(figures):
    """`figures(n)` are those of a run of n; of two runs the start and the end cancel out."""
    fewer, more = figures(VERIFICATIONS), figures(2 * VERIFICATIONS)
    return {name: (more[name] - fewer.get(name, 0)) / VERIFICATIONS for name in more}


def instructions(stage):
    """Of one verification, in the worker, as callgrind counts them."""
    subject = Subject(stage)

    def count(verifications):
        out = stage.path / "callgrind.out"
        subject.run("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                    verifications=verifications)
        return {"all": int(re.search(r"^totals: (\d+)", out.read_text(), re.M)[1])}

    return round(per_verification(count)["all"])


def system_calls(stage):
    """{name: how many} of one verification, in the worker, as strace counts them."""
    subject = Subject(stage)

    def count(verifications):
        out = stage.path / "strace.out"
        subject.run("strace", "--follow-forks", "--summary-only", f"--output={out}",
                    verifications=verifications)
        rows = (line.split() for line in out.read_text().splitlines())
        return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit()
                and row[-1] != "total"}

    found = per_verification(count)
    return {name: round(found[name]) for name in sorted(found) if round(found[name]) > 0}


def run(report, _rounds, _seconds):
    report.section("What one /verify costs")
    with Stage() as stage:
        report.progress("counting instructions")
        made = instructions(stage)
    with Stage() as stage:
        report.progress("counting system calls")
        calls = system_calls(stage)
    report.say(f"{made} instructions (callgrind), {sum(calls.values())} system calls (strace): "
               + ", ".join(f"{name} {count}" if count > 1 else name for name, count in calls.items()))
