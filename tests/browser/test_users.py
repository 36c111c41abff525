#!/usr/bin/python3
"""The page for admins in a real browser: Chromium, nginx and the worker, each started here.

usage: /usr/bin/python3 tests/browser/test_users.py [PATH-TO-USERBIN]

Prints "N passed, N failed" on standard output.
"""

import json
import unittest

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from support import PASSWORD, main, numbers, start_browser, start_site

PAGE = "/account/users"
OTHER_PASSWORD = "tuesday grows heavy"

site = None
browser = None


def setUpModule():
    global site, browser
    site = start_site("--registration", "approval")
    browser = start_browser(site)


def names():
    return browser.texts("#users bdi")


def wait_for_names(expected):
    browser.wait_until(lambda: names() == expected, f"users {expected}")


def wait_for_notice(text):
    browser.wait_until(lambda: browser.find("#notice-text").text == text, f"notice '{text}'")


def wait_for_error(text, place="#error"):
    browser.wait_until(lambda: text in browser.find(place).text, f"error '{text}'")


def row(name):
    return next(row for row in browser.all("#users li")
                if row.find_element("css selector", "bdi").text == name)


def press(label):
    """The button that is called so, by its label for those who don't see the page; once more if
    the list was drawn anew between its being found and its being pressed."""
    def found_and_pressed():
        browser.find(f'button[aria-label="{label}"]').click()
        return True

    browser.wait_until(found_and_pressed, f"button '{label}'")


def search(text, shows=""):
    browser.find("#prefix").clear()
    browser.find("#prefix").send_keys(text)
    Select(browser.find("#show")).select_by_value(shows)


def make_users(*users):
    """Users with PASSWORD, whom an admin lets in."""
    for name in users:
        site.owner("user", "add", name, typed=PASSWORD)


def status_of_login(name, password=PASSWORD):
    return site.ask("POST", "/login", f"username={name}&password={password.replace(' ', '+')}",
                    {"Content-Type": "application/x-www-form-urlencoded"})[0].status


class UsersPageTest(unittest.TestCase):

    def setUp(self):
        # Names of this test alone begin so.
        self.start = f"t{next(numbers)}."
        browser.forget()
        browser.open("/login?rd=" + PAGE)
        self.admin = site.new_admin(f"{self.start}admin")
        browser.log_in(self.admin)
        self.assertEqual(browser.where, PAGE)
        browser.wait_until(lambda: self.admin in names() or browser.find("#more").is_displayed(),
                           "the list")
        browser.console()

    def tearDown(self):
        refusals = ("status of 4", "[DOM]")
        self.assertEqual([line for line in browser.console()
                          if not any(word in line for word in refusals)], [])

    def named(self, *rest):
        return [self.start + name for name in rest]

    def test_only_admins_see_the_page(self):
        [reader] = self.named("reader")
        make_users(reader)
        browser.forget()
        browser.open(PAGE)
        self.assertEqual(browser.where, "/login?rd=" + PAGE)
        browser.log_in(reader)
        self.assertIn("for people with the role admin", browser.find("main").text)
        browser.open("/account")
        self.assertNotIn("Users and invitations", browser.find("main").text)
        browser.forget()
        browser.open("/login")
        browser.log_in(self.admin)
        browser.follow("Users and invitations")
        self.assertEqual(browser.where, PAGE)

    def test_search_by_name_and_role(self):
        ann, anna, bob = self.named("ann", "Anna", "bob")
        make_users(ann, anna, bob)
        search(self.start.upper())
        wait_for_names([self.admin, ann, anna, bob])
        search(self.start + "ANN")
        wait_for_names([ann, anna])
        self.assertEqual(browser.find("#count").text, "2 users.")
        search(self.start, "role=admin")
        wait_for_names([self.admin])
        search(self.start + "nobody")
        wait_for_names([])
        self.assertEqual(browser.find("#count").text, "Nobody.")

    def test_many_users_come_page_by_page(self):
        many = self.named(*(f"u{i:03}" for i in range(120)))
        lines = ",".join(f'{{"username":"{name}","password":"{OTHER_PASSWORD}"}}' for name in many)
        site.owner("import", "--format", "json", "--plain-passwords", "-", typed=f"[{lines}]")
        search(self.start + "u")
        wait_for_names(many[:50])
        self.assertEqual(browser.find("#count").text, "The first 50 users.")
        browser.find("#more").click()
        wait_for_names(many[:100])
        self.assertEqual(browser.focused(), "Manage", "the first of the new ones")
        browser.find("#more").click()
        wait_for_names(many)
        self.assertFalse(browser.find("#more").is_displayed())
        self.assertEqual(browser.find("#count").text, "120 users.")

    def test_a_role_a_password_and_whether_one_is_let_in(self):
        [bob] = self.named("bob")
        make_users(bob)
        search(bob)
        wait_for_names([bob])
        press(f"Manage {bob}")
        browser.find("#role").clear()
        browser.find("#role").send_keys("editor", Keys.ENTER)
        wait_for_notice(f"{bob} has the role editor.")
        self.assertIn("editor", row(bob).text)
        self.assertEqual(browser.focused(), "Manage", "back where one was")
        self.assertIn('"role":"editor"', site.owner("user", "show", bob, "--json"))

        press(f"Manage {bob}")
        browser.find("#password").send_keys("short", Keys.ENTER)
        wait_for_error("too easy to guess", "#user .message")
        self.assertEqual(browser.value("password"), "short", "nothing typed is lost")
        browser.find("#password").clear()
        browser.find("#password").send_keys(OTHER_PASSWORD, Keys.ENTER)
        wait_for_notice(f"{bob} has a new password.")
        self.assertEqual(status_of_login(bob), 401)
        self.assertEqual(status_of_login(bob, OTHER_PASSWORD), 200)

        press(f"Manage {bob}")
        self.assertEqual(browser.value("password"), "")
        browser.find("#toggle").click()
        wait_for_notice(f"{bob} is disabled.")
        self.assertIn("disabled", row(bob).text)
        self.assertEqual(status_of_login(bob, OTHER_PASSWORD), 401)
        press(f"Manage {bob}")
        browser.find("#toggle").click()
        wait_for_notice(f"{bob} is enabled.")
        self.assertEqual(status_of_login(bob, OTHER_PASSWORD), 200)

    def test_delete_is_asked_for_and_can_be_undone(self):
        [bob] = self.named("bob")
        make_users(bob)
        search(bob)
        wait_for_names([bob])
        press(f"Manage {bob}")
        browser.find("#remove").click()
        self.assertEqual(browser.find("#sure-title").text, f"Delete {bob}?")
        browser.keys(Keys.ESCAPE)
        browser.find("#remove").click()
        browser.find("#sure button[value=no]").click()
        self.assertEqual(status_of_login(bob), 200)
        browser.find("#remove").click()
        browser.find("#sure-yes").click()
        wait_for_notice(f"{bob} is deleted.")
        wait_for_names([])
        self.assertEqual(status_of_login(bob), 401)
        self.assertEqual(browser.focused(), "action")
        browser.keys(Keys.ENTER)
        wait_for_notice(f"{bob} is back.")
        wait_for_names([bob])
        self.assertEqual(status_of_login(bob), 200)

    def test_the_last_admin_is_told_why_he_stays(self):
        for line in site.owner("user", "list", "--role", "admin").splitlines()[1:]:
            if line.split()[0] != self.admin:
                site.owner("user", "set-role", line.split()[0], "user")
        search(self.admin)
        wait_for_names([self.admin])
        press(f"Manage {self.admin}")
        browser.find("#toggle").click()
        wait_for_error("An active admin must remain", "#user .message")
        browser.find("#remove").click()
        browser.find("#sure-yes").click()
        wait_for_error("An active admin must remain", "#user .message")
        self.assertTrue(browser.find("#user").is_displayed())
        browser.find("#close").click()

    def test_approve_and_refuse_who_waits(self):
        good, bad = self.named("good", "bad")
        site.new_user(good)
        site.new_user(bad)
        browser.open(PAGE)
        wait_for_notice("Somebody waits for approval.")
        browser.find("#action").click()
        browser.wait_until(lambda: {good, bad} <= set(names()), "who waits")
        self.assertNotIn(self.admin, names())
        press(f"Approve {good}")
        wait_for_notice(f"{good} is let in.")
        self.assertEqual(status_of_login(good), 200)
        press(f"Refuse {bad}")
        self.assertEqual(browser.find("#sure-title").text, f"Refuse {bad}?")
        browser.find("#sure-yes").click()
        wait_for_notice(f"{bad} is refused.")
        self.assertEqual(status_of_login(bad), 401)
        self.assertNotIn(bad, names())

    def test_add_a_user(self):
        [eve] = self.named("eve")
        search(self.start)
        browser.find("#add").click()
        browser.find("#new-name").send_keys(self.admin)
        browser.find("#new-password").send_keys(PASSWORD)
        browser.find("#new-role").clear()
        browser.find("#new-role").send_keys("editor", Keys.ENTER)
        wait_for_error("Username already exists", "#new-user .message")
        self.assertEqual(browser.value("new-password"), PASSWORD, "nothing typed is lost")
        browser.find("#new-name").clear()
        browser.find("#new-name").send_keys(eve, Keys.ENTER)
        wait_for_notice(f"{eve} is added.")
        wait_for_names([self.admin, eve])
        self.assertIn("editor", row(eve).text)
        self.assertEqual(status_of_login(eve), 200)
        browser.find("#add").click()
        self.assertEqual(browser.value("new-name") + browser.value("new-password"), "")
        browser.find("#new-user-cancel").click()

    def test_invite_somebody_and_take_it_back(self):
        browser.find("#invite-role").clear()
        browser.find("#invite-role").send_keys("editor")
        browser.find("#invite-days").clear()
        browser.find("#invite-days").send_keys("3", Keys.ENTER)
        browser.wait_until(lambda: browser.find("#link").is_displayed(), "the link")
        link = browser.value("link-text")
        self.assertTrue(link.startswith(site.origin + "/register?invitation="), link)
        self.assertEqual(browser.focused(), "copy")
        browser.driver.execute_cdp_cmd("Browser.grantPermissions", {
            "origin": site.origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        browser.keys(Keys.ENTER)
        browser.wait_until(lambda: browser.find("#copied").text == "Copied.", "a copy")
        self.assertEqual(browser.driver.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0])"), link)
        before = len(browser.all("#invitations li"))
        self.assertIn("Role editor", browser.find("#invitations").text)

        [guest] = self.named("guest")
        other = start_browser(site, script=False)
        other.open(link.removeprefix(site.origin))
        other.fill(guest, PASSWORD)
        other.press("Register")
        other.fill(password=PASSWORD)
        other.press("Log in")
        self.assertEqual(other.texts("dd"), [guest, "editor"])

        browser.open(PAGE)
        browser.wait_until(lambda: len(browser.all("#invitations li")) == before - 1, "used up")
        self.assertNotIn(link, browser.driver.page_source)
        browser.find("#invite button").click()
        browser.wait_until(lambda: browser.find("#link").is_displayed(), "the link")
        link = browser.value("link-text")
        browser.wait_until(lambda: len(browser.all("#invitations li")) == before, "the invitation")
        browser.find("#invitations .revoke").click()
        wait_for_notice("The invitation is good no more.")
        self.assertFalse(browser.find("#link").is_displayed())
        other.open("/logout")
        other.open(link.removeprefix(site.origin))
        other.fill(f"{guest}2", PASSWORD)
        other.press("Register")
        self.assertIn("withdrawn", other.find("[role=alert]").text)

    def test_all_of_it_by_keyboard(self):
        [bob] = self.named("bob")
        make_users(bob)
        browser.find("#prefix").click()
        browser.keys(bob)
        wait_for_names([bob])
        stops = []
        while "Manage" not in stops:
            browser.keys(Keys.TAB)
            stops.append(browser.focused())
            self.assertLess(len(stops), 6, stops)
        self.assertEqual(stops, ["show", "add", "Manage"])
        browser.keys(Keys.ENTER)
        inside = [browser.focused()]
        for _ in range(6):
            browser.keys(Keys.TAB)
            inside.append(browser.focused())
        self.assertEqual(inside[:6], ["role", "Give role", "password", "Set password", "toggle",
                                      "remove"])
        browser.keys(Keys.ESCAPE)
        browser.wait_until(lambda: not browser.find("#user").is_displayed(), "closed")
        self.assertEqual(browser.focused(), "Manage")

    def test_nothing_in_a_name_becomes_markup(self):
        evil = f"{self.start}<img src=x onerror=document.title=1>&amp;\"'"
        site.owner("import", "--format", "json", "--plain-passwords", "-",
                   typed=json.dumps([{"username": evil, "password": OTHER_PASSWORD}]))
        with browser.without_csp():
            browser.open(PAGE)
            search(self.start + "<")
            wait_for_names([evil])
            press(f"Manage {evil}".replace('"', '\\"'))
            self.assertEqual(browser.find("#user-name").text, evil)
            browser.find("#remove").click()
            self.assertEqual(browser.find("#sure-title").text, f"Delete {evil}?")
            browser.find("#sure-yes").click()
            wait_for_notice(f"{evil} is deleted.")
            self.assertEqual(len(browser.all("main img")), 0)
            self.assertEqual(browser.driver.title, "Users · userbin")

    def test_a_session_that_has_ended_leads_to_the_login_and_back(self):
        browser.forget()
        with browser.leaving():
            browser.find("#prefix").send_keys("x")
        self.assertEqual(browser.where, f"/login?notice=login_required&rd={PAGE}")
        browser.log_in(self.admin)
        self.assertEqual(browser.where, PAGE)

    def test_without_script_the_page_says_what_to_do(self):
        other = start_browser(site, script=False)
        other.open("/login?rd=" + PAGE)
        other.log_in(self.admin)
        self.assertIn("userbin user --help", other.find("main").text)
        self.assertFalse(other.find("#page").is_displayed())

    def test_only_this_page_may_run_a_script_and_only_its_own(self):
        response, _ = site.ask("GET", "/login")
        self.assertNotIn("script-src", response.headers["Content-Security-Policy"])
        cookie = {"Cookie": "userbin=" + browser.session_cookies()[0]["value"]}
        policy = site.ask("GET", PAGE, headers=cookie)[0].headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "script-src 'self'", "connect-src 'self'",
                     "require-trusted-types-for 'script'", "frame-ancestors 'none'"):
            self.assertIn(part, policy)
        self.assertIsNone(browser.driver.execute_script(
            "const script = document.createElement('script');"
            "try { script.textContent = 'window.got_in = true'; document.body.append(script) }"
            "catch {} return window.got_in ?? null"))
        browser.console()

    def test_the_page_fits_a_phone(self):
        many = self.named("someone.with.a.name.as.long.as.a.name.may.be.1234567890")
        make_users(*many)
        for scheme in ("light", "dark"):
            with self.subTest(scheme=scheme), browser.screen(360, scheme):
                search(self.start)
                wait_for_names([self.admin, *many])
                self.assertLessEqual(browser.page_width(), 360)
                press(f"Manage {many[0]}")
                self.assertLessEqual(browser.find("#user").rect["width"], 360)
                self.assertLessEqual(browser.driver.execute_script(
                    "return document.getElementById('user').scrollWidth"), 360)
                browser.find("#close").click()


if __name__ == "__main__":
    main()
