#!/usr/bin/python3
"""Registration by invitation and with approval, and an account's whole life, in real browsers.

usage: /usr/bin/python3 tests/browser/test_life.py [PATH-TO-USERBIN]

Prints "N passed, N failed" on standard output.
"""

import unittest

from selenium.webdriver.support.ui import Select

from support import PASSWORD, main, numbers, start_browser, start_site, url

OTHER_PASSWORD = "tuesday grows heavy"
GONE = "This invitation was used already, has expired or was withdrawn."

sites = {}  # by who may register
person = None


def setUpModule():
    global person
    for policy in ("open", "invite", "approval", "closed"):
        sites[policy] = start_site("--registration", policy)
    person = start_browser(sites["open"], script=False)


def visitor(policy):
    """A person at another site, who has not been there before."""
    person.forget()
    person.origin = sites[policy].origin
    return person


def invitation(policy, role="user"):
    """The link's path."""
    return sites[policy].owner("invite", "create", "--role", role).split()[0]


def register(browser, name, password=PASSWORD):
    browser.fill(name, password)
    browser.press("Register")


def alert(browser):
    return browser.find("[role=alert]").text


class AdmissionTest(unittest.TestCase):

    def test_the_page_says_who_may_register(self):
        sentences = {"open": "", "invite": "You need an invitation",
                     "approval": "approve of each new account", "closed": "Registration is closed"}
        for policy, sentence in sentences.items():
            with self.subTest(policy=policy):
                browser = visitor(policy)
                browser.open("/register")
                self.assertIn(sentence, browser.find("main").text)
                self.assertEqual(len(browser.all(".message")), 0 if policy == "open" else 1)
                self.assertEqual(browser.texts("[role=alert]"), [])

    def test_an_invitation_is_kept_until_it_is_used(self):
        browser = visitor("invite")
        path = invitation("invite", "editor")
        name = f"guest{next(numbers)}"
        browser.open(path)
        self.assertEqual(browser.texts(".message"), [])
        register(browser, name, "seven")
        self.assertIn("too short", alert(browser))
        self.assertEqual(browser.value("username"), name)
        register(browser, name)
        self.assertEqual(browser.where, url("/login", notice="registered", username=name))
        browser.fill(password=PASSWORD)
        browser.press("Log in")
        self.assertEqual(browser.texts("dd"), [name, "editor"])

        browser.forget()
        browser.open(path)
        register(browser, f"{name}.2")
        self.assertIn(GONE, alert(browser))
        browser.open("/register?invitation=nonsense")
        register(browser, f"{name}.2")
        self.assertIn(GONE, alert(browser))

    def test_a_name_that_is_taken_costs_no_invitation(self):
        browser = visitor("invite")
        path = invitation("invite")
        name = f"guest{next(numbers)}"
        sites["invite"].owner("user", "add", name, typed=PASSWORD)
        browser.open(path)
        register(browser, name)
        self.assertIn("This user name is taken.", alert(browser))
        register(browser, f"{name}.2")
        self.assertIn("Your account is made.", browser.find("[role=status]").text)

    def test_who_has_no_invitation_is_told_so(self):
        browser = visitor("invite")
        browser.open("/register")
        register(browser, f"guest{next(numbers)}")
        self.assertIn("You need an invitation to register here.", alert(browser))
        self.assertEqual(len(browser.all(".message")), 1, "and told once")

    def test_where_registration_is_closed_nobody_gets_in(self):
        browser = visitor("closed")
        browser.open(invitation("closed"))
        self.assertIn("Registration is closed.", browser.find("main").text)
        register(browser, f"guest{next(numbers)}")
        self.assertIn("Registration is closed.", alert(browser))

    def test_who_waits_is_told_so_if_he_knows_his_password(self):
        browser = visitor("approval")
        name = f"guest{next(numbers)}"
        browser.open("/register")
        register(browser, name)
        self.assertIn("waits for the approval", browser.find("[role=status]").text)
        browser.fill(password="not the password")
        browser.press("Log in")
        self.assertIn("The user name or the password is wrong.", alert(browser))
        browser.fill(password=PASSWORD)
        browser.press("Log in")
        self.assertIn("Your account waits for the approval", alert(browser))
        sites["approval"].owner("user", "approve", name)
        browser.fill(password=PASSWORD)
        browser.press("Log in")
        self.assertEqual(browser.where, "/account")


class LifeTest(unittest.TestCase):
    """The owner at the page for admins, and a person with two devices."""

    @classmethod
    def setUpClass(cls):
        site = sites["approval"]
        cls.owner, cls.laptop, cls.phone = (
            start_browser(site, script=script) for script in (True, False, False))
        cls.owner.open("/login?rd=/account/users")
        cls.owner.log_in(site.new_admin())

    def owner_finds(self, name):
        owner = self.owner
        owner.open("/account/users")
        owner.find("#prefix").send_keys(name)
        owner.wait_until(lambda: owner.texts("#users bdi") == [name], f"{name} alone")

    def owner_manages(self, name, button):
        self.owner_finds(name)
        self.owner.find("#users .manage").click()
        self.owner.find(button).click()

    def owner_is_told(self, text):
        self.owner.wait_until(lambda: text in self.owner.find("#notice").text, text)

    def assert_is_in(self, browser):
        browser.open("/members/page")
        self.assertEqual(browser.where, "/members/page")

    def assert_is_out(self, browser):
        browser.open("/members/page")
        self.assertEqual(browser.where, "/login?rd=/members/page")

    def log_in(self, browser, name, password):
        browser.open("/login")
        browser.log_in(name, password)

    def assert_may_not_log_in(self, browser, name, password):
        self.log_in(browser, name, password)
        self.assertIn("The user name or the password is wrong.", alert(browser))

    def test_from_an_invitation_to_the_end(self):
        owner, laptop, phone = self.owner, self.laptop, self.phone
        eve, bob = (f"{name}{next(numbers)}" for name in ("eve", "bob"))

        owner.find("#invite button").click()
        owner.wait_until(lambda: owner.find("#link").is_displayed(), "the link")
        laptop.open(owner.value("link-text").removeprefix(laptop.origin))
        register(laptop, eve)
        self.assertIn("Your account is made. Log in", laptop.find("[role=status]").text)
        laptop.fill(password=PASSWORD)
        laptop.press("Log in")
        self.assert_is_in(laptop)
        laptop.open("/account")
        laptop.press("Log out")

        laptop.open("/register")
        register(laptop, bob)
        laptop.fill(password=PASSWORD)
        laptop.press("Log in")
        self.assertIn("Your account waits", alert(laptop))
        self.assert_is_out(laptop)
        owner.open("/account/users")
        Select(owner.find("#show")).select_by_value("waiting=1")
        owner.wait_until(lambda: bob in owner.texts("#users bdi"), "who waits")
        owner.find(f'[aria-label="Approve {bob}"]').click()
        self.owner_is_told(f"{bob} is let in.")

        for device in (laptop, phone):
            self.log_in(device, bob, PASSWORD)
            self.assert_is_in(device)
        laptop.open("/account")
        self.assertEqual(len(laptop.all(".rows li")), 2)

        laptop.follow("Change your password")
        laptop.find("#current-password").send_keys(PASSWORD)
        laptop.find("#new-password").send_keys(OTHER_PASSWORD)
        laptop.press("Change password")
        self.assert_is_in(laptop)
        self.assert_is_out(phone)
        self.assert_may_not_log_in(phone, bob, PASSWORD)
        self.log_in(phone, bob, OTHER_PASSWORD)
        self.assert_is_in(phone)

        self.owner_manages(bob, "#toggle")
        self.owner_is_told(f"{bob} is disabled.")
        for device in (laptop, phone):
            self.assert_is_out(device)
        self.assert_may_not_log_in(phone, bob, OTHER_PASSWORD)
        self.owner_manages(bob, "#toggle")
        self.owner_is_told(f"{bob} is enabled.")
        self.assert_is_out(laptop)
        self.log_in(laptop, bob, OTHER_PASSWORD)
        self.assert_is_in(laptop)

        self.owner_manages(bob, "#remove")
        owner.find("#sure-yes").click()
        self.owner_is_told(f"{bob} is deleted.")
        self.assert_is_out(laptop)
        self.assert_may_not_log_in(laptop, bob, OTHER_PASSWORD)
        owner.find("#action").click()
        self.owner_is_told(f"{bob} is back.")
        self.assert_is_out(laptop)
        self.log_in(laptop, bob, OTHER_PASSWORD)
        self.assert_is_in(laptop)

        laptop.open("/account")
        laptop.follow("Delete your account")
        laptop.find("#current-password").send_keys(OTHER_PASSWORD)
        laptop.press("Delete my account")
        self.assertIn("Your account is deleted.", laptop.find("[role=status]").text)
        self.assert_is_out(laptop)
        self.assert_may_not_log_in(laptop, bob, OTHER_PASSWORD)
        owner.open("/account/users")
        owner.find("#prefix").send_keys(bob)
        owner.wait_until(lambda: owner.find("#count").text == "Nobody.", "nobody")


if __name__ == "__main__":
    main()
