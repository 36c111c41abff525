"""A guarded static file through nginx: ours beside what else could stand there."""

import base64

import lemonldap
from support import NAME, PASSWORD, UNTHROTTLED, Load, Site, Stage, in_turns, median, ratio

CLIENTS = (1, 16, 64, 256)
MARKED = 64  # clients, for the marks and for those who connect anew for each request
MARKED_COLUMN = f"{MARKED} clients"
FILE = "root $userbin_www; try_files /userbin.svg =404;"
GUARDED = "location = /guarded { include userbin_guard.conf; %s }" % FILE
OPEN = "location = /open { %s }" % FILE
BASIC = "location = /%s { auth_basic site; auth_basic_user_file %s; " + FILE + " }"
# Of PASSWORD, at the cost that htpasswd -B and -m choose.
HTPASSWD = {"bcrypt": "$2y$05$N6SmUGYb2cbDW9GIkxvHZ.ojkKKfnxuwzb2TE4EVp2ggHIgm8oI5W",
            "apr1": "$apr1$userbin1$M/FhWVO1NnTwHm2h19d5A1"}
LOOP_THREADS = 4


def contenders(stage):
    """(the site of userbin, {name: (url, headers)} of the quick ones, the same of the slow); they serve
    until the stage ends."""
    worker = stage.path / "userbin.sock"
    stage.start_worker(worker, f"--store={stage.path}/userbin.db", *UNTHROTTLED)
    locations = [GUARDED, OPEN]
    for scheme, hashed in HTPASSWD.items():
        path = stage.path / f"{scheme}.htpasswd"
        path.write_text(f"{NAME}:{hashed}\n")
        locations.append(BASIC % (scheme, path))
    if lemonldap.is_installed():
        socket, session = lemonldap.start(stage)
        locations.append(lemonldap.LOCATIONS.format(socket=socket, file=FILE))
    ours = Site(stage, "ours", [worker], locations="\n".join(locations))
    cookie = [f"Cookie: userbin={ours.sign_up()}"]
    token = cookie[0].partition("=")[2]
    loop = Site(stage, "loop", [stage.start_loop("loop.sock", LOOP_THREADS, token)],
                locations=GUARDED)
    ceiling = Site(stage, "ceiling", [stage.start_ceiling("ceiling.sock", "verified")],
                   locations=GUARDED)
    cached = Site(stage, "cached", [worker], microcache=True,
                  locations="set $userbin_cache userbin; " + GUARDED)
    password = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    quick = {"no guard": (f"{ours.url}/open", cookie),
             "userbin": (f"{ours.url}/guarded", cookie),
             "ceiling": (f"{ceiling.url}/guarded", cookie),
             "usual loop": (f"{loop.url}/guarded", cookie),
             "userbin, microcache": (f"{cached.url}/guarded", cookie)}
    slow = {f"auth_basic, {scheme}": (f"{ours.url}/{scheme}", [f"Authorization: Basic {password}"])
            for scheme in HTPASSWD}
    if lemonldap.is_installed():
        slow["LemonLDAP::NG"] = (f"{ours.url}/lemonldap", session)
    return ours, quick, slow


def run(report, rounds, seconds):
    report.section("A guarded file")
    with Stage() as stage:
        _, quick, slow = contenders(stage)
        results = {}
        for clients, anew in [*((count, False) for count in CLIENTS), (MARKED, True)]:
            headers = ["Connection: close"] if anew else []
            what = f"{clients} client{'s'[clients == 1:]}" + (", connecting anew" if anew else "")
            runs = {name: Load(url, clients=clients, headers=[*own, *headers])
                    for name, (url, own) in (quick | slow).items()}
            play = lambda names, times: in_turns(
                times, {name: lambda name=name: runs[name].run(seconds) for name in names},
                lambda step: report.progress(f"guarded file, {what}: {step}"))
            times = rounds * 2 if what == MARKED_COLUMN else rounds
            results[what] = play(quick, times) | play(slow, max(1, rounds // 3))

    names = [*quick, *slow]
    head = ["", *results]
    report.table("Requests a second, and in brackets the ratio to no guard at all", head, [
        [name, *(f"{median(row[name]).rate:.0f} ({ratio(row[name], row['no guard']):.2f})"
                 for row in results.values())] for name in names])
    report.table("Ratio to the ceiling", head, [
        [name, *(f"{ratio(row[name], row['ceiling']):.2f}" for row in results.values())]
        for name in names if name != "ceiling"])
    report.table("p50 / p99 in ms", head, [
        [name, *("{0.p50:.2f} / {0.p99:.2f}".format(median(row[name])) for row in results.values())]
        for name in names])
    if not lemonldap.is_installed():
        report.say("\nLemonLDAP::NG is left out: lemonldap-ng-fastcgi-server is not installed.")
    report.plot("guard", "A guarded file: requests a second", {
        name: [ratio(row[name], row["ceiling"]) for row in results.values()]
        for name in names if name not in ("no guard", "ceiling")},
                [what.replace(", ", "\n") for what in results], baseline="the ceiling")
    marked = results[MARKED_COLUMN]
    report.mark(f"guarded file, {MARKED} clients, to the ceiling",
                ratio(marked["userbin"], marked["ceiling"]), at_least=0.92)
    report.mark(f"guarded file, {MARKED} clients, to the usual loop",
                ratio(marked["userbin"], marked["usual loop"]), at_least=1.25)
    report.mark(f"guarded file with the microcache, {MARKED} clients, to no guard",
                ratio(marked["userbin, microcache"], marked["no guard"]), at_least=0.75)
