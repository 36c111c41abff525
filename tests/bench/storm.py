"""Verifications and logins at the same time: neither starves the other."""

import guard
from support import CORES, UNTHROTTLED, Load, Site, Stage, in_turns, median, post_script, ratio

# Clients. Those that log in are four times the hashes that run at once; more would wait for longer than
# the slowest login may take, at the rate that is asked for.
VERIFYING, LOGGING_IN = 64, 4 * CORES


def run(report, rounds, seconds):
    report.section("A storm of logins, a flood of verifications")
    rounds, seconds = max(1, rounds * 3 // 5), max(3, seconds)
    with Stage() as stage:
        worker = stage.path / "userbin.sock"
        stage.start_worker(worker, f"--store={stage.path}/userbin.db", *UNTHROTTLED)
        site = Site(stage, "site", [worker], locations=guard.GUARDED)
        session = [f"Cookie: userbin={site.sign_up()}"]
        verify = Load(f"{site.url}/guarded", clients=VERIFYING, headers=session)
        login = Load(f"{site.url}/login", clients=LOGGING_IN, script=post_script(stage, "login"))

        def logins():
            result = login.run(seconds)
            site.wait_for_hashes()
            return result

        def both():
            login.begin(2 * seconds)
            verify.begin(2 * seconds)
            result = verify.end(), login.end()
            site.wait_for_hashes()
            return result

        found = in_turns(rounds, {"verifications alone": lambda: verify.run(seconds),
                                  "logins alone": logins, "both": both},
                         lambda step: report.progress(f"storm, {step}"))

    idle = {"verify": found["verifications alone"], "login": found["logins alone"]}
    busy = dict(zip(("verify", "login"), map(list, zip(*found["both"]))))
    rows = [["guarded file, no logins", "verify", idle],
            [f"guarded file, {LOGGING_IN} clients log in", "verify", busy],
            ["logins, nothing else", "login", idle],
            [f"logins, {VERIFYING} clients fetch the guarded file", "login", busy]]
    report.table("", ["", "a second", "to alone", "p50 ms", "p99 ms", "p99 to alone", "slowest ms"], [
        [what, f"{median(here[act]).rate:.0f}", f"{ratio(here[act], idle[act]):.2f}",
         f"{median(here[act]).p50:.1f}", f"{median(here[act]).p99:.1f}",
         f"{ratio(here[act], idle[act], 'p99'):.2f}",
         f"{max(one.slowest for one in here[act]):.0f}"] for what, act, here in rows])
    report.plot("storm", "Both at once", {
        "a second": [ratio(busy[act], idle[act]) for act in idle],
        "p99": [ratio(busy[act], idle[act], "p99") for act in idle]},
                ["verifications", "logins"], baseline="each alone")
    report.mark("verifications while logins saturate the pool, to idle",
                ratio(busy["verify"], idle["verify"]), at_least=0.85)
    report.mark("their p99, to idle", ratio(busy["verify"], idle["verify"], "p99"), at_most=3)
    report.mark("logins during a flood of verifications, to idle",
                ratio(busy["login"], idle["login"]), at_least=0.1)
    report.mark("the slowest of them", max(one.slowest for one in busy["login"]) / 1000, at_most=2,
                unit=" s")
