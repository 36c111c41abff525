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

        def load(what):
            result = Load(f"{site.url}/{what}", clients=CLIENTS,
                          script=post_script(stage, what)).run(seconds)
            site.wait_for_hashes()
            return result

        found = in_turns(rounds, {"login": lambda: load("login"),
                                  "hash": lambda: hash_rate(CORES, seconds),
                                  "register": lambda: load("register")},
                         lambda step: report.progress(f"logins, {step}"))

    hashes = statistics.median(found["hash"])
    to_hashes = lambda what: statistics.median(
        one.rate / raw for one, raw in zip(found[what], found["hash"]))
    report.table(f"{CLIENTS} clients; argon2id with {HASH_KIB} KiB and {HASH_PASSES} passes",
                 ["", "a second", "to raw hashes", "p50 ms", "p99 ms"],
                 [[f"raw hashes, {CORES} threads", f"{hashes:.1f}", "1.00", "", ""],
                  *([what, f"{median(found[act]).rate:.1f}", f"{to_hashes(act):.2f}",
                     f"{median(found[act]).p50:.0f}", f"{median(found[act]).p99:.0f}"]
                    for what, act in (("logins", "login"), ("registrations", "register")))])
    report.mark("logins, to the raw hash rate of all cores", to_hashes("login"), at_least=0.95)
