"""Registrations and logins with a JSON bin: ours, and the usual recipe (flask_recipe.py under gunicorn),
on one emulated service."""

import http.client
import json
import os
import statistics
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from support import (HASH_KIB, HASH_PASSES, PASSWORD, ROOT, UNTHROTTLED, WORKER, Load, Site, Stage,
                     free_port, post_script, wait_for, wait_for_listener)

USERS = (100, 1000, 10_000)
LATENCIES_MS = (0, 50, 200)
CLIENTS = 32
MAX_BYTES = 16_000_000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# As many threads as clients, so that the recipe waits for nothing but the bin.
GUNICORN = ["/usr/bin/gunicorn", "--workers=2", f"--threads={CLIENTS}", "--log-level=error"]


class Service:
    """The emulator, over its control path."""

    def __init__(self, stage):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"
        state = stage.path / "emulator"
        wait_for_listener(self.port, stage.start(
            ROOT / "tools/run-emulator", ROOT / "build/release/jsonbin_emulator", str(self.port),
            state))
        self.key_file = state / "key"
        wait_for(self.key_file.exists, "the emulator has a key")
        self.key = self.key_file.read_text().strip()
        self._ask("POST", "/control/settings", {"record_limit_bytes": MAX_BYTES})

    def set_latency(self, milliseconds):
        self._ask("POST", "/control/settings", {"latency_ms": milliseconds})

    def new_bin(self, users):
        return self._ask("POST", "/v3/b", users, {"X-Master-Key": self.key})["metadata"]["id"]

    def names(self, bin_id):
        return {user["username"] for user in self._ask("GET", f"/control/bins/{bin_id}")}

    def requests(self):
        """Since the last time that this was asked."""
        requests = self._ask("GET", "/control/stats")["requests"]
        self._ask("POST", "/control/reset-stats")
        return requests

    def _ask(self, method, path, body=None, headers={}):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=headers | {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


class Ours:
    """A worker that follows a bin whose users it has all taken over."""

    def __init__(self, stage, service, bin_id):
        socket = stage.path / "userbin.sock"
        self._flags = [f"--store={stage.path}/userbin.db", f"--bin-id={bin_id}",
                       f"--jsonbin-url={service.url}", f"--jsonbin-key-file={service.key_file}",
                       f"--bin-max-bytes={MAX_BYTES}"]
        stage.start_worker(socket, *self._flags, *UNTHROTTLED)
        self.port = Site(stage, "site", [socket]).port
        self.settle()

    def settle(self):
        """Until what was answered 202 is in the bin, too."""
        def is_done():
            out = subprocess.run([WORKER, "bin", "status", "--json", *self._flags], check=True,
                                 capture_output=True, text=True).stdout
            status = json.loads(out)
            return status["last_success"] and status["pending"] == 0
        wait_for(is_done, "the bin has all users", 120)


class Recipe:
    def __init__(self, stage, service, bin_id):
        self.port = free_port()
        wait_for_listener(self.port, stage.start(
            *GUNICORN, f"--bind=127.0.0.1:{self.port}", f"--chdir={ROOT / 'tests/bench'}",
            "flask_recipe:app", env=os.environ | {
                "BIN_ID": bin_id, "JSONBIN_URL": service.url, "JSONBIN_API_KEY": service.key,
                "PYTHONDONTWRITEBYTECODE": "1"}))

    def settle(self):
        pass


def burst(port, seconds):
    """[(name, status, seconds)] of CLIENTS that register names for so long."""
    end, results = time.monotonic() + seconds, []

    def run(client):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        count = 0
        while (began := time.monotonic()) < end:
            name, count = f"new{client}.{count}", count + 1
            body = urllib.parse.urlencode({"username": name, "password": PASSWORD})
            try:
                connection.request("POST", "/register", body, FORM)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection, status = http.client.HTTPConnection("127.0.0.1", port), 0
            results.append((name, status, time.monotonic() - began))

    threads = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Figures:
    """What registrations and logins of one contender came to."""

    def __init__(self, make, service, users, latency_ms, seconds, password):
        bin_id = service.new_bin([{"username": f"user{i}", "password": password, "role": "user"}
                                  for i in range(users)])
        service.set_latency(latency_ms)
        with Stage() as stage:
            contender = make(stage, service, bin_id)
            service.requests()
            began = time.monotonic()
            results = burst(contender.port, seconds)
            took = time.monotonic() - began
            began = time.monotonic()
            contender.settle()
            self.settled_s = time.monotonic() - began
            self.now, self.later = (sum(status == each for _, status, _ in results)
                                    for each in (200, 202))
            answered = {name for name, status, _ in results if status in (200, 202)}
            kept = len(answered & service.names(bin_id))
            self.kept_rate = kept / took
            self.lost = (len(answered) - kept) / max(1, len(answered))
            self.failed = len(results) - len(answered)
            self.requests = service.requests() / max(1, len(answered))
            self.median_ms = 1000 * statistics.median(time for _, _, time in results)
            script = post_script(stage, "form-login")
            self.login_rate = Load(f"http://127.0.0.1:{contender.port}/login", clients=CLIENTS,
                                   script=script).run(max(1, seconds // 2)).rate


def hash_of(password):
    """As the worker makes it by default."""
    with Stage() as stage:
        store = f"--store={stage.path}/userbin.db"
        subprocess.run([WORKER, "user", "add", "one", store], check=True, input=f"{password}\n",
                       text=True, capture_output=True)
        out = stage.path / "users.json"
        subprocess.run([WORKER, "export", "--format=json", out, store], check=True,
                       capture_output=True)
        return json.loads(out.read_text())[0]["password"]


def run(report, _rounds, seconds):
    report.section("With a JSON bin")
    hashed = hash_of(PASSWORD)
    found = {}
    with Stage() as stage:
        service = Service(stage)
        for latency in LATENCIES_MS:
            for users in USERS:
                for name, make, password in (("userbin", Ours, hashed),
                                             ("recipe", Recipe, PASSWORD)):
                    report.progress(f"a bin {latency} ms away with {users} users: {name}")
                    service.set_latency(0)
                    found[name, latency, users] = Figures(
                        make, service, users, latency, max(2, seconds), password)

    report.say("The recipe is a Flask script that reads and writes the whole list each time, and keeps "
               "passwords as plain text; userbin hashes each with its defaults "
               f"({HASH_KIB} KiB, {HASH_PASSES} passes). {CLIENTS} clients; both may write bins of more "
               "than 100 kB (--bin-max-bytes, and the emulator's limit). One round of each: it is the "
               "orders of magnitude that count.")
    cases = [(latency, users) for latency in LATENCIES_MS for users in USERS]
    ours = [found["userbin", *case] for case in cases]
    recipe = [found["recipe", *case] for case in cases]
    share = lambda figures: f"{100 * figures.lost:.0f} %"
    ratio = lambda a, b: a / max(b, 0.1)  # which may be none at all
    report.table("Registrations that are in the bin afterwards", [
        "bin, users", "userbin/s", "recipe/s", "ratio", "userbin lost", "recipe lost",
        "userbin median ms", "recipe", "userbin requests each", "recipe"], [
            [f"{latency} ms, {users}", f"{a.kept_rate:.0f}", f"{b.kept_rate:.1f}",
             f"{ratio(a.kept_rate, b.kept_rate):.1f}", share(a), share(b), f"{a.median_ms:.0f}",
             f"{b.median_ms:.0f}", f"{a.requests:.2f}", f"{b.requests:.2f}"]
            for (latency, users), a, b in zip(cases, ours, recipe)])
    report.table("What registrations were told: 200, it is in the bin; 202, it is on userbin's disk, and "
                 "in the bin later; settled is when all were, after the last answer", [
        "bin, users", "userbin 200", "userbin 202", "failed", "settled s", "recipe 200", "failed"], [
            [f"{latency} ms, {users}", a.now, a.later, a.failed, f"{a.settled_s:.1f}", b.now, b.failed]
            for (latency, users), a, b in zip(cases, ours, recipe)])
    report.table("Logins", ["bin, users", "userbin/s", "recipe/s", "ratio"], [
        [f"{latency} ms, {users}", f"{a.login_rate:.0f}", f"{b.login_rate:.1f}",
         f"{ratio(a.login_rate, b.login_rate):.1f}"]
        for (latency, users), a, b in zip(cases, ours, recipe)])
    report.plot("bin", "Userbin to the recipe, by the bin's distance and users", {
        "registrations kept": [ratio(a.kept_rate, b.kept_rate) for a, b in zip(ours, recipe)],
        "logins": [ratio(a.login_rate, b.login_rate) for a, b in zip(ours, recipe)]},
                [f"{latency} ms\n{users}" for latency, users in cases], baseline="the recipe",
                log=True)
