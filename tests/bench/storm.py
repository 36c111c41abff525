"""Verifications and logins at the same time: neither starves the other."""

import guard
from support import UNTHROTTLED, Load, Site, Stage, in_turns, median, post_script

VERIFYING, LOGGING_IN = 64, 16  # clients; the latter are more than the hashes that run at a time


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

        def both():
            login.begin(2 * seconds)
            verify.begin(2 * seconds)
            return verify.end(), login.end()

        found = in_turns(rounds, {"verifications alone": lambda: verify.run(seconds),
                                  "logins alone": lambda: login.run(seconds), "both": both},
                         lambda step: report.progress(f"storm, {step}"))

    verify_idle, login_idle = median(found["verifications alone"]), median(found["logins alone"])
    verify_busy, login_busy = (median(each) for each in zip(*found["both"]))
    slowest = max(login.slowest for _, login in found["both"])
    rows = [["guarded file, no logins", verify_idle, verify_idle],
            [f"guarded file, {LOGGING_IN} clients log in", verify_busy, verify_idle],
            ["logins, nothing else", login_idle, login_idle],
            [f"logins, {VERIFYING} clients fetch the guarded file", login_busy, login_idle]]
    report.table("", ["", "a second", "to alone", "p50 ms", "p99 ms", "p99 to alone", "slowest ms"], [
        [what, f"{here.rate:.0f}", f"{here.rate / alone.rate:.2f}", f"{here.p50:.1f}",
         f"{here.p99:.1f}", f"{here.p99 / alone.p99:.2f}", f"{here.slowest:.0f}"]
        for what, here, alone in rows])
    report.plot("storm", "Both at once, to each alone", {
        "a second": [verify_busy.rate / verify_idle.rate, login_busy.rate / login_idle.rate],
        "p99": [verify_busy.p99 / verify_idle.p99, login_busy.p99 / login_idle.p99]},
                ["verifications", "logins"], baseline="alone")
    report.mark("verifications while logins saturate the pool, to idle",
                verify_busy.rate / verify_idle.rate, at_least=0.85)
    report.mark("their p99, to idle", verify_busy.p99 / verify_idle.p99, at_most=3)
    report.mark("logins during a flood of verifications, to idle", login_busy.rate / login_idle.rate,
                at_least=0.1)
    report.mark("the slowest of them", slowest / 1000, at_most=2, unit=" s")
