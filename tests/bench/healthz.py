"""/healthz on kept FastCGI connections: any number of them, and few threads."""

from support import CORES, Load, Site, Stage, in_turns, median, ratio

KEPT = (16, 64, 256)
MARKED = 64
FEW = 4  # threads
TITLES = {"userbin": "userbin", "ceiling": "ceiling", "loop": "usual loop",
          "few": f"usual loop, {FEW} threads"}


def run(report, rounds, seconds):
    report.section("/healthz on kept FastCGI connections")
    results = {}
    with Stage() as stage:
        worker = stage.path / "userbin.sock"
        stage.start_worker(worker, f"--store={stage.path}/userbin.db")
        sockets = {"userbin": worker,
                   "ceiling": stage.start_ceiling("ceiling.sock", "healthy"),
                   # A thread for each connection that nginx may keep.
                   "loop": stage.start_loop("loop.sock", KEPT[-1] * CORES),
                   "few": stage.start_loop("few.sock", FEW)}
        sites = {name: Site(stage, name, [path], keepalive=KEPT[-1])
                 for name, path in sockets.items()}
        for kept in KEPT:
            load = lambda name: Load(f"{sites[name].url}/healthz", clients=kept,
                                     may_fail=name == "few").run
            times = rounds * 2 if kept == MARKED else rounds
            found = in_turns(times, {name: lambda name=name: load(name)(seconds)
                                      for name in ("userbin", "ceiling", "loop")},
                             lambda step: report.progress(f"/healthz, {kept} kept: {step}"))
            report.progress(f"/healthz, {kept} kept: few threads")
            found["few"] = [load("few")(max(3, seconds))]
            results[kept] = found

    head = ["", *(f"{kept} kept" for kept in KEPT)]
    report.table("Requests a second, and in brackets the ratio to the ceiling", head, [
        [title, *(f"{median(row[name]).rate:.0f} ({ratio(row[name], row['ceiling']):.2f})"
                  for row in results.values())] for name, title in TITLES.items()])
    report.table("p50 / p99 / slowest in ms", head, [
        [title, *("{0.p50:.2f} / {0.p99:.2f} / {0.slowest:.0f}".format(median(row[name]))
                  for row in results.values())] for name, title in TITLES.items()])
    report.plot("healthz", "/healthz: p99 by the number of kept connections", {
        title: [ratio(row[name], row["ceiling"], "p99") for row in results.values()]
        for name, title in TITLES.items() if name != "ceiling"}, [str(kept) for kept in KEPT],
                baseline="the ceiling", log=True)
    marked = results[MARKED]
    report.mark(f"/healthz, {MARKED} kept, to the ceiling",
                ratio(marked["userbin"], marked["ceiling"]), at_least=0.92)
    report.mark(f"/healthz, {MARKED} kept, to the usual loop",
                ratio(marked["userbin"], marked["loop"]), at_least=1.6)
    report.mark("/healthz, p99 to the ceiling's, the worst number kept",
                max(ratio(row["userbin"], row["ceiling"], "p99") for row in results.values()),
                at_most=2)
