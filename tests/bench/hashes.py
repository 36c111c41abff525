"""Logins and registrations, beside what libsodium makes on the same cores with nothing else to do."""

import statistics
import subprocess

from support import (CORES, HASH_KIB, HASH_PASSES, UNTHROTTLED, YARDSTICKS, Load, Site, Stage, in_turns,
                     median, post_script)

CLIENTS = 64


def hash_rate(threads, seconds, memory="fresh"):
    """Hashes a second, at the worker's default cost, as libsodium takes its memory, or with it kept."""
    done = subprocess.run([YARDSTICKS, "hashes", str(threads), str(seconds), str(HASH_KIB),
                           str(HASH_PASSES), memory], check=True, capture_output=True, text=True)
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
                                  "fresh": lambda: hash_rate(CORES, seconds),
                                  "kept": lambda: hash_rate(CORES, seconds, "kept"),
                                  "register": lambda: load("register")},
                         lambda step: report.progress(f"logins, {step}"))

    rates = {name: [one.rate for one in results] if name in ("login", "register") else results
             for name, results in found.items()}

    def to(base, name):
        return statistics.median(a / b for a, b in zip(rates[name], rates[base]))

    rows = []
    for what, name in (("raw hashes, memory as it comes", "fresh"), ("raw hashes, memory kept", "kept"),
                       ("logins", "login"), ("registrations", "register")):
        times = median(found[name]) if name in ("login", "register") else None
        rows.append([what, f"{statistics.median(rates[name]):.1f}", f"{to('fresh', name):.2f}",
                     f"{to('kept', name):.2f}", f"{times.p50:.0f}" if times else "",
                     f"{times.p99:.0f}" if times else ""])
    report.say(f"argon2id with {HASH_KIB} KiB and {HASH_PASSES} passes, {CLIENTS} clients; raw ones with "
               f"{CORES} threads, as libsodium takes its memory by itself, and with it kept from one hash "
               f"to the next, as the worker does it: the harder yardstick. Rounds: {rounds}.")
    report.table("Rates, and the ratios to raw hashes", [
        "", "a second", "to raw hashes", "to those with memory kept", "p50 ms", "p99 ms"], rows)
    acts = {"logins": "login", "registrations": "register"}
    report.plot("hash", "Logins and registrations: a second, as ratios to raw hashes of all cores", {
        "memory as it comes": [to("fresh", name) for name in acts.values()],
        "memory kept": [to("kept", name) for name in acts.values()]}, list(acts),
                baseline="raw hashes")
    report.mark("logins, to the raw hash rate of all cores", to("fresh", "login"), at_least=0.95)
    report.mark("logins, to the same with memory kept", to("kept", "login"))
    report.mark("registrations, to the same with memory kept", to("kept", "register"))
