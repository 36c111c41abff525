#!/usr/bin/python3
"""How the pages look and what they are made of: axe-core, the Nu Html Checker, the HTTP Observatory.

usage: /usr/bin/python3 tests/browser/test_look.py [PATH-TO-USERBIN]

Every page in every state, on a wide and on a narrow screen, light and dark. Prints "N passed, N
failed" on standard output, and leaves pictures in build/screenshots. What package.json names is
installed into build/npm.
"""

import dataclasses
import filecmp
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import unittest
from typing import Callable, Optional

from selenium.webdriver.support.ui import Select

from support import PASSWORD, ROOT, SCREENSHOTS, main, start_browser, start_site, url

NPM = ROOT / "build" / "npm"
HTML = ROOT / "build" / "html"
MODULES = NPM / "node_modules"
SCREENS = list(itertools.product((1280, 360), ("light", "dark")))
LONG_NAME = "W" * 64

site = None
browser = None
users = {}  # by what they are: "reader", "admin", and "long"
invitation = None  # the path of the link
sessions = {}  # by who has it; one each


def install_modules():
    """What the lock names; without the packages' own scripts, which would fetch more."""
    here = pathlib.Path(__file__).parent
    lock = NPM / "package-lock.json"
    if (MODULES / ".package-lock.json").exists() and filecmp.cmp(here / lock.name, lock, False):
        return
    NPM.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", lock.name):
        shutil.copy(here / name, NPM)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                    "--loglevel=error"], cwd=NPM, check=True)


def node():
    """The Node that came with the modules, else that of the machine."""
    return next(MODULES.glob("node-linux-*/bin/node"), "node")


def setUpModule():
    global site, browser, invitation
    install_modules()
    for folder in (SCREENSHOTS, HTML):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    site = start_site("--registration", "approval")
    for kind, name in (("reader", "grace.hopper"), ("admin", "ada.lovelace"), ("long", LONG_NAME)):
        role = "admin" if kind == "admin" else "user"
        site.owner("user", "add", name, "--role", role, typed=PASSWORD)
        users[kind] = name
    for name in ("alan.turing", "barbara.liskov", "dorothy.vaughan"):
        site.owner("user", "add", name, typed=PASSWORD)
    site.owner("user", "disable", "dorothy.vaughan")
    site.new_user("edsger.dijkstra")
    site.session_of(users["reader"])
    site.owner("invite", "create", "--role", "admin")
    invitation = site.owner("invite", "create").split()[0]
    browser = start_browser(site)


def list_users():
    browser.wait_until(lambda: browser.all("#users li"), "the list")


def open_user():
    list_users()
    browser.find(f'[aria-label="Manage {users["reader"]}"]').click()


def open_sure():
    open_user()
    browser.find("#remove").click()


def open_new_user():
    list_users()
    browser.find("#add").click()
    browser.find("#new-name").send_keys(users["reader"])
    browser.find("#new-password").send_keys(PASSWORD)
    browser.find("#new-user-form button").click()
    browser.wait_until(lambda: browser.find("#new-user .message").text, "the error")


def show_link():
    list_users()
    browser.find("#invite button").click()
    browser.wait_until(lambda: browser.find("#link").is_displayed(), "the link")


def show_waiting():
    list_users()
    Select(browser.find("#show")).select_by_value("waiting=1")
    browser.wait_until(lambda: len(browser.all("#users li")) == 1, "who waits")


def send_a_form():
    """To a place where one must be logged in."""
    with browser.leaving():
        browser.driver.execute_script(
            "const form = document.createElement('form'); form.method = 'post';"
            "form.action = '/members/note'; document.body.append(form); form.submit()")


@dataclasses.dataclass
class State:
    """A page as somebody sees it."""
    name: str
    file: str
    target: str
    who: Optional[str] = None
    # What he does there.
    act: Optional[Callable[[], None]] = None
    # How a program comes to the same HTML: a GET of the target, unless there is more to it.
    is_posted: bool = False


def states():
    weak = url("/register", error="weak_password", reason="guessable", username="grace")
    return [
        State("login", "login.html", "/login"),
        State("login-error", "login.html",
              url("/login", error="invalid_credentials", username="grace", rd="/members/")),
        State("login-long", "login.html",
              url("/login", error="invalid_credentials", username=LONG_NAME)),
        State("login-notice", "login.html", "/login?notice=awaiting_approval&username=grace"),
        State("register", "register.html", "/register"),
        State("register-error", "register.html", weak),
        State("register-invited", "register.html", invitation),
        State("account", "account.html", "/account", "reader"),
        State("account-notice", "account.html", "/account?notice=password_changed", "reader"),
        State("account-error", "account.html", "/account?error=no_such_session", "reader"),
        State("account-admin", "account.html", "/account", "admin"),
        State("account-long", "account.html", "/account", "long"),
        State("password", "password.html", "/account/password", "reader"),
        State("password-error", "password.html",
              "/account/password?error=weak_password&reason=common", "reader"),
        State("delete", "delete.html", "/account/delete", "reader"),
        State("delete-error", "delete.html", "/account/delete?error=last_admin", "admin"),
        State("users", "users.html", "/account/users", "admin", list_users),
        State("users-waiting", "users.html", "/account/users", "admin", show_waiting),
        State("users-manage", "users.html", "/account/users", "admin", open_user),
        State("users-delete", "users.html", "/account/users", "admin", open_sure),
        State("users-add", "users.html", "/account/users", "admin", open_new_user),
        State("users-invite", "users.html", "/account/users", "admin", show_link),
        State("forbidden", "forbidden.html", "/staff/", "reader"),
        State("unsent", "unsent.html", "/login", None, send_a_form, is_posted=True),
        State("index", "", "/"),
        # The last, for it stops the worker.
        State("away", "away.html", "/members/", None, lambda: None),
    ]


def come_as(who):
    browser.forget()
    if who:
        if who not in sessions:
            sessions[who] = site.session_of(users[who])
        name, value = sessions[who].split("=", 1)
        browser.driver.execute_cdp_cmd("Network.setCookie", {
            "name": name, "value": value, "url": site.origin})


def show(state):
    browser.open(state.target)
    if state.act:
        state.act()


def source_of(state):
    """The page's HTML as nginx sends it."""
    headers = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}
    if state.who:
        headers["Cookie"] = sessions[state.who]
    if state.is_posted:
        return site.ask("POST", "/members/note", "", headers)[1]
    return site.ask("GET", state.target, None, headers)[1]


class LookTest(unittest.TestCase):

    def test_every_page_is_looked_at(self):
        pages = {path.name for path in (ROOT / "www").glob("*.html")}
        self.assertEqual({state.file for state in states()} - {""}, pages)

    def test_pages_in_all_their_states(self):
        axe = (MODULES / "axe-core" / "axe.min.js").read_text()
        for state in states():
            source = ""
            if state.name == "away":
                site.stop_worker()
            else:
                come_as(state.who)
            backgrounds = set()
            for width, scheme in SCREENS:
                with self.subTest(state=state.name, width=width, scheme=scheme), \
                        browser.screen(width, scheme), browser.without_csp():
                    show(state)
                    backgrounds.add(browser.find("body").value_of_css_property("background-color"))
                    browser.save_picture(SCREENSHOTS / f"{state.name}-{scheme}-{width}.png")
                    self.assertLessEqual(browser.page_width(), width)
                    self.assertEqual(self.violations(axe), [])
            self.assertEqual(len(backgrounds), 2, f"{state.name}: light and dark")
            source = source_of(state)
            (HTML / f"{state.name}.html").write_text(source)
        self.check_html()

    def test_narrowest_screens(self):
        for state in states():
            if state.name == "away":
                continue
            come_as(state.who)
            with self.subTest(state=state.name), browser.screen(320, "light"):
                show(state)
                self.assertLessEqual(browser.page_width(), 320)

    def test_observatory(self):
        """By TLS, each page as whoever may see it."""
        tls = start_site(tls=True)
        admin = tls.new_admin()
        cookie = tls.session_of(admin)
        pages = ["/login", "/login?error=invalid_credentials", "/register", f"/account {cookie}",
                 f"/account/password {cookie}", f"/account/delete {cookie}",
                 f"/account/users {cookie}"]
        scanned = subprocess.run(
            [node(), pathlib.Path(__file__).with_name("observatory.mjs"), MODULES,
             f"localhost:{tls.port}", *pages],
            env={**os.environ, "NODE_EXTRA_CA_CERTS": tls.certificate}, capture_output=True,
            text=True, check=False)
        results = [json.loads(line) for line in scanned.stdout.splitlines()]
        self.assertEqual([result["path"] for result in results],
                         [page.split(" ")[0] for page in pages], scanned.stderr)
        for result in results:
            with self.subTest(path=result["path"]):
                self.assertEqual((result["status"], result["grade"], result["failed"]),
                                 (200, "A+", []))

    def violations(self, axe):
        """What axe finds, by rule and place."""
        result = browser.driver.execute_async_script(
            axe + ";const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then(done, error => done({error: "
            "String(error), violations: []}))")
        self.assertIsNone(result.get("error"))
        return [f"{found['id']}: {node['target']} {node['failureSummary']}"
                for found in result["violations"] for node in found["nodes"]]

    def check_html(self):
        """The Nu Html Checker on what nginx sent, and on the style sheet."""
        files = sorted(HTML.glob("*.html")) + [ROOT / "www" / "userbin.css"]
        self.assertGreater(len(files), 20)
        checked = subprocess.run(
            ["java", "-jar", MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar", "--format", "json",
             "--stdout", "--exit-zero-always", "--also-check-css", *files],
            capture_output=True, text=True, check=True)
        messages = json.loads(checked.stdout)["messages"]
        for file in files:
            with self.subTest(file=file.name):
                self.assertEqual([f"{message.get('lastLine')}: {message['message']}"
                                  for message in messages
                                  if message["url"].endswith("/" + file.name)], [])
        self.assertEqual(len(messages), 0, checked.stderr)


if __name__ == "__main__":
    main()
