"""A guarded static file through nginx: ours beside what else could stand there."""

import base64

import lemonldap
from support import NAME, PASSWORD, UNTHROTTLED, Load, Site, Stage, in_turns, median, ratio

CLIENTS = (1, 16, 64, 256)
MARKED = 64  # of them, with connections kept
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
        url = f"{ours.url}/lemonldap"
        slow["LemonLDAP::NG"] = (url, session)
        Load(url, clients=MARKED, headers=session).run(1)  # its processes load what they need when asked
    return ours, quick, slow


def measure(report, quick, slow, rounds, seconds):
    """{(clients, whether they connect anew): {name: its rounds}}; the slow have one, others
    rounds_of()."""
    results = {}
    for anew in (False, True):
        for clients in CLIENTS:
            what = f"{clients} {'connecting anew' if anew else 'kept'}"
            headers = ["Connection: close"] if anew else []
            loads = {name: Load(url, clients=clients, headers=[*own, *headers])
                     for name, (url, own) in (quick | slow).items()}
            results[clients, anew] = in_turns(
                rounds_of(rounds, clients, anew),
                {name: lambda load=load: load.run(seconds) for name, load in loads.items()},
                lambda step: report.progress(f"guarded file, {what}: {step}"), slow)
    return results


def rounds_of(rounds, clients, anew):
    return max(1, rounds * 3 // 2 if (clients, anew) == (MARKED, False) else rounds // 2)


def run(report, rounds, seconds):
    report.section("A guarded file")
    with Stage() as stage:
        _, quick, slow = contenders(stage)
        results = measure(report, quick, slow, rounds, seconds)

    names = [*quick, *slow]
    report.say(f"Rounds: {rounds_of(rounds, MARKED, False)} at {MARKED} kept connections, "
               f"{rounds_of(rounds, MARKED, True)} elsewhere; auth_basic and LemonLDAP::NG take part in the "
               "first alone, and their ratios are to what others did in it.")
    if not lemonldap.is_installed():
        report.say("LemonLDAP::NG is left out: lemonldap-ng-fastcgi-server is not installed.")
    for anew in (False, True):
        tell(report, "connecting anew for each" if anew else "connections kept", names,
             {clients: row for (clients, is_anew), row in results.items() if is_anew == anew})
    for file, what, figure in (("guard", "requests a second", "rate"), ("guard-p50", "p50", "p50"),
                               ("guard-p99", "p99", "p99")):
        report.plot(file, f"A guarded file: {what}, as ratios to the ceiling's", {
            name: [ratio(row[name], row["ceiling"], figure) for row in results.values()]
            for name in names if name not in ("no guard", "ceiling")},
                    [f"{clients}\n{'anew' if anew else 'kept'}" for clients, anew in results],
                    baseline="the ceiling", log=figure != "rate")
    marked = results[MARKED, False]
    report.mark(f"guarded file, {MARKED} clients, to the ceiling",
                ratio(marked["userbin"], marked["ceiling"]), at_least=0.92)
    report.mark(f"guarded file, {MARKED} clients, to the usual loop",
                ratio(marked["userbin"], marked["usual loop"]), at_least=1.25)
    report.mark(f"guarded file with the microcache, {MARKED} clients, to no guard",
                ratio(marked["userbin, microcache"], marked["no guard"]), at_least=0.75)
    anew = results[MARKED, True]
    report.mark(f"guarded file, {MARKED} clients that connect anew, to the ceiling",
                ratio(anew["userbin"], anew["ceiling"]))


def tell(report, how, names, results):
    """Of clients that keep their connections, or of those that do not."""
    head = ["", *(f"{clients} client{'s'[clients == 1:]}" for clients in results)]

    def table(title, cell, left_out=()):
        report.table(f"{title}; {how}", head, [
            [name, *(cell(row, name) for row in results.values())]
            for name in names if name not in left_out])

    table("Requests a second, and in brackets the ratio to no guard at all",
          lambda row, name: f"{median(row[name]).rate:.0f} ({ratio(row[name], row['no guard']):.2f})")
    table("Ratio to the ceiling",
          lambda row, name: f"{ratio(row[name], row['ceiling']):.2f}", ["ceiling"])
    table("p50 / p99 in ms", lambda row, name: "{0.p50:.2f} / {0.p99:.2f}".format(median(row[name])))
