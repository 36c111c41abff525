"""Logins and registrations, beside what libsodium makes on the same cores with nothing else to do."""

import statistics
import subprocess

from support import (CORES, HASH_KIB, HASH_PASSES, UNTHROTTLED, YARDSTICKS, Load, Site, Stage, in_turns,
                     median, post_script)

CLIENTS = 64


def hash_rate(threads, seconds):
    """Hashes a second, at the worker's default cost."""
    done = subprocess.run([YARDSTICKS, "hashes", str(threads), str(seconds), str(HASH_KIB),
                           str(HASH_PASSES)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def run(report, rounds, seconds):
    report.section("Logins and the raw hash rate")
    rounds, seconds = max(1, rounds * 3 // 5), max(3, seconds)
    with Stage() as stage:
        worker = stage.path / "userbin.sock"
        stage.start_worker(worker, f"--store={stage.path}/userbin.db", *UNTHROTTLED)
        site = Site(stage, "site", [worker])
        site.sign_up()
        load = lambda what: Load(f"{site.url}/{what}", clients=CLIENTS,
                                 script=post_script(stage, what))
        found = in_turns(rounds, {"login": lambda: load("login").run(seconds),
                                  "hash": lambda: hash_rate(CORES, seconds),
                                  "register": lambda: load("register").run(seconds)},
                         lambda step: report.progress(f"logins, {step}"))

    hashes = statistics.median(found["hash"])
    login, register = median(found["login"]), median(found["register"])
    report.table(f"{CLIENTS} clients; argon2id with {HASH_KIB} KiB and {HASH_PASSES} passes",
                 ["", "a second", "to raw hashes", "p50 ms", "p99 ms"],
                 [[f"raw hashes, {CORES} threads", f"{hashes:.1f}", "1.00", "", ""],
                  *([what, f"{figures.rate:.1f}", f"{figures.rate / hashes:.2f}",
                     f"{figures.p50:.0f}", f"{figures.p99:.0f}"]
                    for what, figures in (("logins", login), ("registrations", register)))])
    report.mark("logins, to the raw hash rate of all cores", login.rate / hashes, at_least=0.95)
