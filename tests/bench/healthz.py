"""/healthz on kept FastCGI connections: any number of them, and few threads."""

from support import CORES, Load, Site, Stage, in_turns, median, ratio

KEPT = (1, 16, 64, 256, 1024)
MARKED = 64
FEW = 4  # threads
FEW_SECONDS = 3  # who waits for one of them may wait for long
CEILINGS = ("single", "threaded")
TITLES = {"userbin": "userbin", "single": "ceiling, 1 thread", "threaded": f"ceiling, {CORES} threads",
          "loop": "usual loop", "few": f"usual loop, {FEW} threads"}


def measure(report, rounds_of, seconds):
    """{connections kept: {contender: its rounds}}; also of "ceiling", the one of both that is quicker."""
    results = {}
    with Stage() as stage:
        worker = stage.path / "userbin.sock"
        stage.start_worker(worker, f"--store={stage.path}/userbin.db")
        sockets = {"userbin": worker,
                   "single": stage.start_ceiling("single.sock", "healthy"),
                   "threaded": stage.start_ceiling("threaded.sock", "healthy", CORES),
                   # A thread for each connection that nginx may keep.
                   "loop": stage.start_loop("loop.sock", KEPT[-1] * CORES),
                   "few": stage.start_loop("few.sock", FEW)}
        sites = {name: Site(stage, name, [path], keepalive=KEPT[-1])
                 for name, path in sockets.items()}

        def load(name, kept):
            return Load(f"{sites[name].url}/healthz", clients=kept, may_fail=name == "few").run(
                max(FEW_SECONDS, seconds) if name == "few" else seconds)

        for kept, rounds in rounds_of.items():
            row = in_turns(rounds, {name: lambda name=name: load(name, kept) for name in sites},
                           lambda step: report.progress(f"/healthz, {kept} kept: {step}"), ["few"])
            quicker = max(CEILINGS, key=lambda name: median(row[name]).rate)
            results[kept] = row | {"ceiling": row[quicker]}
    return results


def times(figures):
    return ("{0.p50:.2f} / {0.p99:.2f} / {0.slowest:.0f}".format(figures) if figures.rate > 0
            else "no answer")


def run(report, rounds, seconds):
    report.section("/healthz on kept FastCGI connections")
    few = max(1, rounds * 3 // 5)
    rounds_of = {kept: rounds * 3 // 2 if kept == MARKED else few for kept in KEPT}
    results = measure(report, rounds_of, seconds)
    report.say(f"The ceiling, to which ratios are, is the quicker of both in each column. Rounds: "
               f"{rounds_of[MARKED]} at {MARKED} kept, {few} elsewhere; {TITLES['few']}, has the first "
               f"alone, for {max(FEW_SECONDS, seconds)} s.")
    head = ["", *(f"{kept} kept" for kept in KEPT)]
    report.table("Requests a second, and in brackets the ratio to the ceiling", head, [
        [title, *(f"{median(row[name]).rate:.0f} ({ratio(row[name], row['ceiling']):.2f})"
                  for row in results.values())] for name, title in TITLES.items()])
    report.table("p50 / p99 / slowest in ms", head, [
        [title, *(times(median(row[name])) for row in results.values())]
        for name, title in TITLES.items()])
    for file, what, figure in (("healthz", "requests a second", "rate"), ("healthz-p99", "p99", "p99")):
        report.plot(file, f"/healthz: {what}, as ratios to the ceiling's", {
            title: [ratio(row[name], row["ceiling"], figure) for row in results.values()]
            for name, title in TITLES.items() if name not in CEILINGS},
                    [f"{kept} kept" for kept in KEPT], baseline="the ceiling", log=figure == "p99")
    marked = results[MARKED]
    report.mark(f"/healthz, {MARKED} kept, to the ceiling",
                ratio(marked["userbin"], marked["ceiling"]), at_least=0.92)
    report.mark(f"/healthz, {MARKED} kept, to the usual loop",
                ratio(marked["userbin"], marked["loop"]), at_least=1.6)
    report.mark("/healthz, p99 to the ceiling's, the worst number kept",
                max(ratio(row["userbin"], row["ceiling"], "p99") for row in results.values()),
                at_most=2)
