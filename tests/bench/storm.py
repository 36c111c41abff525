"""Verifications and logins at the same time: neither starves the other, and what others lose in the
same storm."""

import guard
from support import CORES, Load, Stage, in_turns, median, post_script, ratio

CLIENTS = (16, 64, 256)  # that fetch the guarded file
MARKED = 64
# Four times the hashes that run at once; more would wait for longer than the slowest login may take, at
# the rate that is asked for.
LOGGING_IN = 4 * CORES
QUICK = ("no guard", "ceiling", "userbin", "usual loop")
SLOW = ("auth_basic, apr1", "LemonLDAP::NG")  # at MARKED, once


class Figures:
    """What one contender came to, round by round: its verifications alone and in the storm, and the
    logins of the storm, which are userbin's for all of them."""

    def __init__(self, rounds):
        self.alone, self.storm, self.logins = map(list, zip(*rounds))
        self.kept = ratio(self.storm, self.alone)
        self.p99 = ratio(self.storm, self.alone, "p99")


def run(report, rounds, seconds):
    report.section("A storm of logins, a flood of verifications")
    storm_seconds = max(3, 2 * seconds)  # a login that takes two is to be seen
    rounds_of = {clients: max(1, rounds * 3 // 5 if clients == MARKED else rounds * 2 // 5)
                 for clients in CLIENTS}
    with Stage() as stage:
        site, quick, slow = guard.contenders(stage)
        login = Load(f"{site.url}/login", clients=LOGGING_IN, script=post_script(stage, "login"))

        def both(load):
            alone = load.run(seconds)
            login.begin(storm_seconds)
            load.begin(storm_seconds)
            result = alone, load.end(), login.end()
            site.wait_for_hashes()
            return result

        def logins_alone():
            result = login.run(storm_seconds)
            site.wait_for_hashes()
            return result

        def compare(clients, names):
            loads = {name: Load(url, clients=clients, headers=headers)
                     for name, (url, headers) in (quick | slow).items() if name in names}
            runs = {name: lambda load=load: both(load) for name, load in loads.items()}
            if clients == MARKED:
                runs["logins alone"] = logins_alone
            return in_turns(rounds_of[clients], runs,
                            lambda step: report.progress(f"storm, {clients} clients: {step}"), SLOW)

        found = {clients: compare(clients, QUICK + SLOW if clients == MARKED else QUICK)
                 for clients in CLIENTS}

    logins = found[MARKED].pop("logins alone")
    results = {clients: {name: Figures(row) for name, row in rows.items()}
               for clients, rows in found.items()}
    marked = results[MARKED]
    tell(report, results, rounds_of)
    tell_of_logins(report, marked, logins)
    report.plot("storm", f"A guarded file while {LOGGING_IN} clients log in: requests a second", {
        name: [results[clients][name].kept for clients in CLIENTS] for name in QUICK},
                [f"{clients} clients" for clients in CLIENTS], baseline="the same without logins")
    report.plot("storm-p99", f"A guarded file while {LOGGING_IN} clients log in: p99", {
        name: [results[clients][name].p99 for clients in CLIENTS] for name in QUICK},
                [f"{clients} clients" for clients in CLIENTS], baseline="the same without logins",
                log=True)
    ours, ceiling = marked["userbin"], marked["ceiling"]
    report.mark("verifications while logins saturate the pool, to idle", ours.kept, at_least=0.85)
    report.mark("the ceiling beside the same logins, to idle", ceiling.kept)
    report.mark("p99 of verifications while logins saturate the pool, to idle", ours.p99, at_most=3)
    report.mark("p99 of the ceiling beside the same logins, to idle", ceiling.p99)
    report.mark("logins during a flood of verifications, to idle", ratio(ours.logins, logins),
                at_least=0.1)
    report.mark("the slowest of them", max(one.slowest for one in ours.logins) / 1000, at_most=2,
                unit=" s")


def tell(report, results, rounds_of):
    """Of the guarded file."""
    report.say(f"All beside the same storm: {LOGGING_IN} clients that log in to userbin, whose hashes "
               "take all cores. What the ceiling and the file without a guard lose in it no guard can "
               "keep; what userbin loses beyond that is its own. Rounds: "
               + ", ".join(f"{count} at {clients}" for clients, count in rounds_of.items())
               + f" clients; of {' and '.join(SLOW)} (if installed) one, at {MARKED}.")
    head = ["", *(f"{clients} clients" for clients in CLIENTS)]

    def table(title, cell):
        report.table(title, head, [
            [name, *(cell(row, row[name]) if name in row else "" for row in results.values())]
            for name in results[MARKED]])

    table("Requests a second in the storm, and in brackets the ratio to its own without logins",
          lambda _, own: f"{median(own.storm).rate:.0f} ({own.kept:.2f})")
    table("The same ratio, to the ceiling's: what is left when the loss that is inherent is taken out",
          lambda row, own: f"{own.kept / row['ceiling'].kept:.2f}")
    table("Ratio to the ceiling in the same storm, and in brackets without logins",
          lambda row, own: f"{ratio(own.storm, row['ceiling'].storm):.2f} "
                           f"({ratio(own.alone, row['ceiling'].alone):.2f})")
    table("p50 / p99 in ms in the storm, and in brackets the ratio of p99 to its own without logins",
          lambda _, own: "{0.p50:.2f} / {0.p99:.2f}".format(median(own.storm)) + f" ({own.p99:.2f})")


def tell_of_logins(report, marked, alone):
    rows = {"nothing else": alone} | {name: own.logins for name, own in marked.items()}
    report.table(f"Logins meanwhile, while {MARKED} clients fetch the file from", [
        "", "a second", "to alone", "p50 ms", "p99 ms", "slowest ms"], [
        [name, f"{median(own).rate:.0f}", f"{ratio(own, alone):.2f}", f"{median(own).p50:.1f}",
         f"{median(own).p99:.1f}", f"{max(one.slowest for one in own):.0f}"]
        for name, own in rows.items()])
