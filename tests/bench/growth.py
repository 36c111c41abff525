"""What a larger list costs, and what PostgreSQL and several workers do. Passwords are hashed as cheaply
as can be, so that it is the store that is measured. Both stores are durable at each answer (fsync)."""

import pathlib
import re
import statistics
import subprocess
import time

import fastcgi
import guard
from postgres import Postgres
from support import (CHEAP, NAME, SILENT, UNTHROTTLED, WORKER, Load, Site, Stage, in_turns, median,
                     post_script, ratio)

FEW, MANY, MOST = 1000, 100_000, 1_000_000  # users
STARTS = 5
CLIENTS = 32
ACTS = ("login", "verify", "register", "list")
HEALTHZ = fastcgi.request({"REQUEST_METHOD": "GET", "DOCUMENT_URI": "/healthz", "QUERY_STRING": "",
                           "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "example.org"})


def load_users(stage, store, count):
    """As an owner brings them; in how many seconds."""
    path = stage.path / f"{count}.csv"
    if not path.exists():
        with path.open("w") as file:
            file.write("username,hash\n")
            file.writelines(f"user{i},$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n"
                            for i in range(count))
    began = time.monotonic()
    subprocess.run([WORKER, "import", "--format=csv", path, f"--store={store}", *CHEAP], check=True,
                   capture_output=True)
    return time.monotonic() - began


def memory_mib(process):
    """All that is resident, libraries included, and what is its own."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return [int(re.search(rf"{which}:\s+(\d+)", status)[1]) / 1024 for which in ("VmRSS", "RssAnon")]


def start_up(stage, name, store):
    """[seconds until the first answer, memory_mib then], with default settings."""
    socket = stage.path / f"{name}.start.sock"
    began = time.monotonic()
    process = stage.start(WORKER, "serve", f"--listen=unix:{socket}", f"--store={store}")
    while True:
        try:
            if fastcgi.ask(socket, HEALTHZ).startswith(b"Status: 200"):
                break
        except OSError:
            time.sleep(0.0005)
    took = time.monotonic() - began
    memory = memory_mib(process)
    stage.end(process)
    return [took, *memory]


class Contender:
    """Workers on one store behind an nginx, with an admin who is logged in."""

    def __init__(self, stage, name, store, workers=1):
        sockets = [stage.path / f"{name}{i}.sock" for i in range(workers)]
        self.processes = [
            stage.start_worker(path, f"--store={store}", *CHEAP, *SILENT, *UNTHROTTLED)
            for path in sockets]
        site = Site(stage, name, sockets, locations=guard.GUARDED)
        session = [f"Cookie: userbin={site.sign_up()}"]
        subprocess.run([WORKER, "user", "set-role", NAME, "admin", f"--store={store}"], check=True,
                       stdout=subprocess.DEVNULL)
        load = lambda path, **options: Load(f"{site.url}{path}", clients=CLIENTS, **options)
        self.loads = {"login": load("/login", script=post_script(stage, "login")),
                      "verify": load("/guarded", headers=session),
                      "register": load("/register", script=post_script(stage, "register")),
                      "list": load("/users?limit=50&after=user5", headers=session)}


def measure(contenders, acts, rounds, seconds, progress):
    """{name: {act: its rounds}}."""
    results = {name: {} for name in contenders}
    for act in acts:
        found = in_turns(rounds, {name: lambda one=one: one.loads[act].run(seconds)
                                  for name, one in contenders.items()},
                         lambda step: progress(f"growth, {act}: {step}"))
        for name, rounds_of_it in found.items():
            results[name][act] = rounds_of_it
    return results


def rates(results, acts, yardstick):
    """Rows: after each rate the ratio to that of the yardstick."""
    return [[name, *(f"{median(row[act]).rate:.0f} ({ratio(row[act], results[yardstick][act]):.2f})"
                     for act in acts)] for name, row in results.items()]


def run(report, rounds, seconds):
    report.section("Growth")
    rounds = max(1, rounds * 3 // 5)
    report.say(f"Rounds: {rounds}; {rounds + 2} of two workers to one, {STARTS} starts, one import.")
    with Stage() as stage:
        run_sizes(report, stage, rounds, seconds)
    with Stage() as stage:
        run_engines(report, stage, rounds, seconds)


def run_sizes(report, stage, rounds, seconds):
    """One worker on SQLite."""
    sizes = (FEW, MANY, MOST)
    stores = {size: f"{stage.path}/{size}.db" for size in sizes}
    imported, contenders, starts, memory, own = {}, {}, {}, {}, {}
    for size, store in stores.items():
        report.progress(f"growth: {size} users into SQLite")
        imported[size] = load_users(stage, store, size)
    for size, store in stores.items():
        report.progress(f"growth: starts with {size} users")
        found = [start_up(stage, f"{size}", store) for _ in range(STARTS)]
        starts[size], memory[size], own[size] = (statistics.median(each) for each in zip(*found))
    for size, store in stores.items():
        contenders[f"{size:,} users"] = Contender(stage, f"size{size}", store)
    results = measure(contenders, ACTS, rounds, seconds, report.progress)
    after = {name: memory_mib(one.processes[0]) for name, one in contenders.items()}

    names = dict(zip(sizes, contenders))
    report.table("SQLite, one worker; memory is VmRSS, its own is RssAnon", [
        "", "import/s", "start-up ms", "MiB idle", "its own", "MiB after load", "its own"], [
        [names[size], f"{size / imported[size]:.0f}", f"{1000 * starts[size]:.1f}",
         f"{memory[size]:.1f}", f"{own[size]:.1f}", *(f"{mib:.1f}" for mib in after[names[size]])]
        for size in sizes])
    report.table(f"Requests a second ({CLIENTS} clients, hashes made cheap), and the ratio to "
                 f"{FEW:,} users", ["", *ACTS], rates(results, ACTS, names[FEW]))
    report.plot("growth", "SQLite: requests a second by the number of users, as ratios", {
        act: [ratio(results[names[size]][act], results[names[FEW]][act]) for size in sizes]
        for act in ACTS}, [f"{size:,}" for size in sizes], baseline=f"{FEW:,} users")
    to_few = lambda what: [what[size] / what[FEW] for size in sizes]
    report.plot("growth-size", "SQLite: start-up and memory by the number of users, as ratios", {
        "start-up": to_few(starts), "memory, idle": to_few(memory),
        "memory after load": to_few({size: after[names[size]][0] for size in sizes})},
                [f"{size:,}" for size in sizes], baseline=f"{FEW:,} users")
    mark_growth(report, "SQLite", results[names[MOST]], results[names[FEW]])
    report.mark(f"memory, idle, {FEW:,} users", memory[FEW], at_most=12, unit=" MiB")
    report.mark(f"memory, idle, {MOST:,} users", memory[MOST], at_most=32, unit=" MiB")
    report.mark(f"start-up, {MOST:,} users", 1000 * starts[MOST], at_most=50, unit=" ms")


def mark_growth(report, engine, most, few):
    for act in ("login", "verify"):
        report.mark(f"{engine}: what a {act} costs at {MOST:,} users, to {FEW:,}",
                    1 / ratio(most[act], few[act]), at_most=1.1)


def run_two_to_one(report, stage, one, two, rounds, seconds):
    """Two workers to one; and what two processes that do nothing at all are to one of them, as nginx and
    the system have their part in it."""
    ceilings = [stage.start_ceiling(f"ceiling{i}.sock", "verified") for i in range(3)]
    sites = {"1": Site(stage, "one-ceiling", ceilings[:1], locations=guard.GUARDED),
             "2": Site(stage, "two-ceilings", ceilings[1:], locations=guard.GUARDED)}
    for act in ("login", "verify", "register"):
        loads = {"one": one.loads[act], "two": two.loads[act]}
        if act == "verify":
            loads |= {f"{count} at the ceiling": Load(f"{site.url}/guarded", clients=CLIENTS)
                      for count, site in sites.items()}
        found = in_turns(rounds, {name: lambda load=load: load.run(seconds)
                                  for name, load in loads.items()},
                         lambda step: report.progress(f"growth, workers, {act}: {step}"))
        gained = ratio(found["two"], found["one"])
        report.mark(f"PostgreSQL: two workers to one, {act}", gained, at_least=1)
        if act == "verify":
            report.mark("the same, to what two ceilings are to one",
                        gained / ratio(found["2 at the ceiling"], found["1 at the ceiling"]),
                        at_least=1)


def run_engines(report, stage, rounds, seconds):
    """Both engines, few users and many, and several workers on one store."""
    acts, few = ("login", "verify", "register"), "PostgreSQL, 1 worker"
    postgres = Postgres(stage)
    contenders = {"SQLite, 1 worker": Contender(stage, "sqlite", f"{stage.path}/few.db")}
    for workers in (1, 2, 4):
        contenders[f"PostgreSQL, {workers} worker{'s' if workers > 1 else ''}"] = Contender(
            stage, f"postgres{workers}", postgres.new_database(f"few{workers}"), workers)
    report.progress(f"growth: {MOST} users into PostgreSQL")
    many = postgres.new_database("many")
    seconds_of_import = load_users(stage, many, MOST)
    grown = f"PostgreSQL, 1 worker, {MOST:,} users"
    contenders[grown] = Contender(stage, "many", many)
    results = measure(contenders, acts, rounds, seconds, report.progress)
    report.table(f"Engines and workers, each with a store of its own ({MOST:,} users are imported into "
                 f"PostgreSQL at {MOST / seconds_of_import:.0f}/s): requests a second, and the ratio to "
                 "SQLite", ["", *acts], rates(results, acts, "SQLite, 1 worker"))
    to_one = {name: row for name, row in results.items() if name.startswith("PostgreSQL")}
    report.table("The same, and the ratio to PostgreSQL with one worker and few users", ["", *acts],
                 rates(to_one, acts, few))
    mark_growth(report, "PostgreSQL", results[grown], results[few])
    run_two_to_one(report, stage, contenders[few], contenders["PostgreSQL, 2 workers"],
                   rounds + 2, seconds)
