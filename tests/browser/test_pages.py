#!/usr/bin/python3
"""The pages in a real browser: Chromium, nginx and the worker, each started here.

usage: /usr/bin/python3 tests/browser/test_pages.py [PATH-TO-USERBIN]

Prints "N passed, N failed" on standard output.
"""

import functools
import itertools
import json
import time
import unittest
import urllib.parse

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from support import (Outline, PASSWORD, WAIT_SECONDS, hostile_targets, main, numbers, start_browser,
                     start_site, url)

FORM = "application/x-www-form-urlencoded"

site = None
browsers = {}  # by whether script is on: "on", "off"


def setUpModule():
    global site
    site = start_site()
    for script in ("on", "off"):
        browsers[script] = start_browser(site, script == "on")


def with_and_without_script(test):
    """Runs the test in both browsers, logged out."""
    @functools.wraps(test)
    def run(self):
        for script, browser in browsers.items():
            with self.subTest(script=script):
                browser.forget()
                test(self, browser)
    return run


def with_script(test):
    """Runs the test in the browser that runs script, logged out."""
    @functools.wraps(test)
    def run(self):
        browsers["on"].forget()
        test(self, browsers["on"])
    return run


class PageTest(unittest.TestCase):

    def assert_alert(self, browser, *fragments):
        alerts = browser.texts("[role=alert]")
        self.assertEqual(len(alerts), 1, f"one message on {browser.where}")
        for fragment in fragments:
            self.assertIn(fragment, alerts[0])
        self.assertTrue(browser.driver.title.startswith("Error: "), browser.driver.title)

    def assert_to_correct(self, browser, field, username):
        """The form is back, with the name typed before and the cursor where the fault is."""
        self.assertEqual(browser.value("username"), username)
        self.assertEqual(browser.value("password"), "")
        self.assertEqual(browser.focused(), field)
        self.assertEqual(browser.find(f"#{field}").get_attribute("aria-invalid"), "true")
        self.assertIn("message", browser.find(f"#{field}").get_attribute("aria-describedby"))

    @with_and_without_script
    def test_register_log_in_and_log_out(self, browser):
        name = f"Mary.{next(numbers)}@books+old-ones"
        browser.open("/")
        browser.follow("Register")
        browser.fill(name, PASSWORD)
        browser.press("Register")
        self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/login")
        self.assertEqual(browser.texts("[role=status]"), ["Your account is made. Log in with it."])
        self.assertEqual(browser.texts("[role=alert]"), [])
        self.assertEqual(browser.value("username"), name)
        self.assertEqual(browser.session_cookies(), [])

        browser.fill(password=PASSWORD)
        browser.press("Log in")
        self.assertEqual(browser.where, "/account")
        self.assertEqual(browser.texts("dt"), ["Logged in as", "Role"])
        self.assertEqual(browser.texts("dd"), [name, "user"])

        browser.press("Log out")
        self.assertEqual(browser.where, "/login?notice=logged_out")
        self.assertEqual(browser.texts("[role=status]"), ["You are logged out."])
        self.assertEqual(browser.session_cookies(), [])
        browser.open("/account")
        self.assertEqual(browser.where, "/login?rd=/account")
        self.assertEqual(browser.texts("h1"), ["Log in"])

    @with_and_without_script
    def test_what_was_wrong_is_said_on_the_form(self, browser):
        name = site.new_user()
        with self.subTest("wrong password"):
            browser.open("/login")
            browser.log_in(name, "not the password")
            self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/login")
            self.assert_alert(browser, "The user name or the password is wrong.")
            self.assert_to_correct(browser, "password", name)
            self.assertEqual(browser.session_cookies(), [])
        with self.subTest("right password after that"):
            browser.fill(password=PASSWORD)
            browser.press("Log in")
            self.assertEqual(browser.where, "/account")
        with self.subTest("name taken, in other letters"):
            browser.open("/register")
            browser.fill(name.upper(), PASSWORD)
            browser.press("Register")
            self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/register")
            self.assert_alert(browser, "This user name is taken.")
            self.assert_to_correct(browser, "username", name.upper())

        newcomer = f"newcomer{next(numbers)}"
        for password, reason in (("seven", "too short"),
                                 ("password1", "among the most used"),
                                 (f"{newcomer}1", "contains your user name"),
                                 ("zzzzzzzzzz", "Repeated characters")):
            with self.subTest(weak_password=password):
                browser.open("/register")
                browser.fill(newcomer, password)
                browser.press("Register")
                self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/register")
                self.assert_alert(browser, "This password cannot be used.", reason)
                self.assert_to_correct(browser, "password", newcomer)
                self.assertNotIn(password, browser.driver.current_url)

        with self.subTest("a name that cannot be is not even sent"):
            browser.open("/register")
            browser.fill("-odd name", PASSWORD)
            browser.find("button").click()
            self.assertEqual(browser.where, "/register")
            self.assertEqual([element.get_property("id") for element in
                              browser.all("input:invalid")], ["username"])

    @with_and_without_script
    def test_login_leads_to_exactly_the_page_asked_for(self, browser):
        name = site.new_user()
        for link in ("/members/", "/members/a%2Fb?c=d&e=%20f+g", "/members/%C3%A4?%E2%82%AC=%25"):
            with self.subTest(link=link):
                browser.forget()
                browser.open(link)
                self.assertEqual(browser.texts("h1"), ["Log in"])
                browser.log_in(name, "not the password")
                self.assert_alert(browser, "The user name or the password is wrong.")
                browser.log_in(name)
                self.assertEqual(browser.where, link)
                self.assertIn(f"GET {link}\n", browser.find("body").text + "\n")
                self.assertIn(f"REMOTE_USER={name}", browser.find("body").text)

    @with_and_without_script
    def test_who_lacks_the_role_is_told_so(self, browser):
        browser.open("/staff/deep/page?a=b")
        browser.log_in(site.new_user())
        self.assertEqual(browser.where, "/staff/deep/page?a=b")
        self.assertEqual(browser.texts("h1"), ["You may not see this page"])
        self.assertEqual(browser.texts("main strong"), ["admin"])
        browser.follow("Your account")
        self.assertEqual(browser.where, "/account")

    @with_and_without_script
    def test_a_form_sent_after_the_session_is_over_can_be_sent_again(self, browser):
        name = site.new_user()
        browser.open("/login")
        form = ('<form method=post action="%s/members/comment"><button>Send</button>'
                '<textarea name=text>hello</textarea></form>' % site.origin)
        frame = browser.driver.execute_cdp_cmd("Page.getFrameTree", {})["frameTree"]["frame"]["id"]
        with browser.without_csp():
            browser.driver.execute_cdp_cmd("Page.setDocumentContent", {
                "frameId": frame, "html": form})
            browser.press("Send")
        self.assertEqual(browser.where, "/members/comment")
        self.assertEqual(browser.texts("h1"), ["Not sent: you are logged out"])
        first = browser.driver.current_window_handle
        browser.driver.find_element(By.LINK_TEXT, "Log in").click()
        browser.driver.switch_to.window(
            next(tab for tab in browser.driver.window_handles if tab != first))
        browser.log_in(name)
        self.assertEqual(browser.where, "/account")
        browser.driver.close()
        browser.driver.switch_to.window(first)
        with browser.leaving():
            browser.driver.refresh()
        self.assertIn("POST /members/comment", browser.find("body").text)
        self.assertIn("bytes of body", browser.find("body").text)
        self.assertNotIn("0 bytes of body", browser.find("body").text.replace("10 bytes", ""))

    def test_a_browser_that_keeps_no_cookies_is_told_so(self):
        browser = start_browser(site, script=False, cookies=False)
        browser.open("/members/a?b=c")
        self.assertEqual(browser.texts("[role=alert]"), [])
        browser.log_in(site.new_user())
        self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/login")
        self.assert_alert(browser, "Allow cookies for this site")

    @with_and_without_script
    def test_login_leads_back_to_where_one_was(self, browser):
        name = site.new_user()
        browser.open("/account")
        self.assertEqual(browser.where, "/login?rd=/account")
        browser.log_in(name)
        self.assertEqual(browser.where, "/account")

        for target in ("/account?tab=1%262", "/account?tab=a+b"):
            with self.subTest(target=target):
                browser.forget()
                browser.open(target)
                self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/login")
                browser.log_in(name, "not the password")
                self.assert_alert(browser)
                browser.follow("Register")
                self.assertEqual(browser.texts("h1"), ["Register"])
                browser.fill(name, PASSWORD)
                browser.press("Register")
                self.assert_alert(browser, "taken")
                browser.follow("Log in")
                browser.log_in(name)
                self.assertEqual(browser.where, target)

        with self.subTest("through a registration"):
            browser.forget()
            browser.open(url("/register", rd="/account?tab=1%262"))
            browser.fill(f"reader{next(numbers)}", PASSWORD)
            browser.press("Register")
            browser.fill(password=PASSWORD)
            browser.press("Log in")
            self.assertEqual(browser.where, "/account?tab=1%262")

    @with_and_without_script
    def test_login_leads_to_no_other_site(self, browser):
        name = site.new_user()
        for target in ("//evil.example", "/\\evil.example", "https://evil.example",
                       "javascript:document.title='evil'"):
            with self.subTest(hostile=target):
                browser.forget()
                browser.open(url("/login", rd=target))
                browser.log_in(name)
                self.assertEqual(browser.where, "/account")

        credentials = {"username": name, "password": PASSWORD}
        person = {"Content-Type": FORM, "Accept": "text/html"}
        for target in ("\\\\evil.example", "/\t/evil.example", "/ /evil.example",
                       "/..//evil.example", "/./\\evil.example", "https:evil.example",
                       "data:text/html,evil", "evil", ""):
            for query, fields in ((target, {}), (None, {"rd": target}), ("/me", {"rd": target})):
                with self.subTest(hostile=target, query=query, fields=fields):
                    response, _ = site.ask(
                        "POST", "/login" if query is None else url("/login", rd=query),
                        urllib.parse.urlencode({**credentials, **fields}), person)
                    self.assertEqual(response.status, 303)
                    self.assertEqual(response.getheader("Location"), "/account")

        with self.subTest("after a failed attempt"):
            browser.forget()
            browser.open(url("/login", rd="//evil.example"))
            browser.log_in(name, "not the password")
            self.assert_alert(browser)
            self.assertNotIn("evil", browser.where)

    @with_script
    def test_hundreds_of_hostile_targets_stay_on_the_site(self, browser):
        form = {"username": site.new_user(), "password": PASSWORD}
        person = {"Content-Type": FORM, "Accept": "text/html"}
        targets = hostile_targets()
        locations = []
        for target in targets:
            response, _ = site.ask("POST", "/login", urllib.parse.urlencode({**form, "rd": target}),
                                   person)
            locations.append(response.getheader("Location"))
        self.assertGreaterEqual(len(targets), 500)
        origins = browser.origins_of(locations)
        self.assertEqual([pair for pair in zip(targets, locations, origins)
                          if pair[2] != site.origin], [])
        # The list is worth the name: without a check, many would lead away.
        elsewhere = [origin for origin in browser.origins_of(targets) if origin != site.origin]
        self.assertGreaterEqual(len(elsewhere), 250)

    @with_script
    def test_nothing_of_the_query_becomes_markup(self, browser):
        # Without spaces, as nginx shows no value with an escape.
        payloads = ("<script>window.pwned=1;document.title='pwned'</script>",
                    "\"><script>window.pwned=1;document.title='pwned'</script>",
                    "\"><img/src=x/onerror=window.pwned=1>", "</title><svg/onload=window.pwned=1>",
                    "\"/autofocus/onfocus=\"window.pwned=1", "'/autofocus/onfocus='window.pwned=1",
                    "javascript:window.pwned=1", "<!--#endif-->")
        parameters = ("error", "reason", "notice", "username", "rd")
        name = site.new_user()
        browser.open("/login")
        browser.log_in(name)
        cookie = {"Cookie": "userbin=" + browser.session_cookies()[0]["value"]}

        for path in ("/", "/register", "/login", "/account"):
            for parameter in parameters:
                _, text = site.ask("GET", f"{path}?{parameter}=harmless", None, cookie)
                outline = Outline(text)
                for payload in payloads:
                    # As no browser sends it: nothing is encoded.
                    target = f"{path}?{parameter}={payload}"
                    with self.subTest(raw=target):
                        response, text = site.ask("GET", target, None, cookie)
                        self.assertEqual(response.status, 200)
                        self.assertEqual(Outline(text).tags, outline.tags)

        run_inline = ("window.ran = false; const script = document.createElement('script');"
                      "script.text = 'window.ran = true'; document.head.append(script);"
                      "return window.ran")
        for path in ("/", "/register", "/login", "/account"):
            browser.open(path)
            self.assertFalse(browser.driver.execute_script(run_inline), "the CSP is in force")
            browser.console()
            with browser.without_csp():
                browser.open(url(path, **dict.fromkeys(parameters, "<harmless>")))
                structure, title = browser.structure(), browser.driver.title
                for payload in payloads:
                    with self.subTest(path=path, payload=payload):
                        browser.open(url(path, **dict.fromkeys(parameters, payload)))
                        self.assertIsNone(browser.driver.execute_script("return window.pwned"))
                        self.assertEqual(browser.driver.title, title)
                        self.assertEqual(browser.structure(), structure)
                self.assertTrue(browser.driver.execute_script(run_inline), "the CSP was off")

        for payload in payloads[:3]:
            with self.subTest(typed=payload):
                browser.open("/login")
                browser.log_in(payload, "not the password")
                self.assert_alert(browser)
                self.assertEqual(browser.all("script, svg, img:not(.brand img)"), [])

    @with_and_without_script
    def test_stay_logged_in(self, browser):
        name = site.new_user()
        for stay in (False, True):
            with self.subTest(stay=stay):
                browser.forget()
                browser.open("/login")
                if stay:
                    browser.find("label[for=remember]").click()
                browser.log_in(name)
                self.assertEqual(browser.where, "/account")
                [cookie] = browser.session_cookies()
                self.assertEqual(cookie["name"], "userbin")
                self.assertEqual(cookie["path"], "/")
                self.assertTrue(cookie["httpOnly"])
                self.assertEqual(cookie["sameSite"], "Lax")
                self.assertFalse(cookie["secure"])
                if stay:
                    days = (cookie["expiry"] - time.time()) / 86400
                    self.assertAlmostEqual(days, 30, delta=0.01)
                else:
                    self.assertNotIn("expiry", cookie)

    @with_and_without_script
    def test_log_out_on_all_devices(self, browser):
        [other] = [each for each in browsers.values() if each is not browser]
        name = site.new_user()
        for each in (browser, other):
            each.forget()
            each.open("/login")
            each.log_in(name)
            self.assertEqual(each.where, "/account")
        browser.press("Log out on all devices")
        self.assertEqual(browser.where, "/login?notice=logged_out")
        other.driver.refresh()
        self.assertEqual(other.where, "/login?rd=/account")

        with self.subTest("the other button ends one session only"):
            for each in (browser, other):
                each.open("/login")
                each.log_in(name)
            browser.press("Log out")
            other.driver.refresh()
            self.assertEqual(other.where, "/account")

    @with_and_without_script
    def test_sessions_are_listed_and_ended_one_by_one(self, browser):
        [other] = [each for each in browsers.values() if each is not browser]
        name = site.new_user()
        site.ask("POST", "/login", json.dumps({"username": name, "password": PASSWORD}),
                 {"Content-Type": "application/json", "User-Agent": "<b>robot</b>"})
        for each in (other, browser):
            each.forget()
            each.open("/login")
            each.log_in(name)
        self.assertEqual(browser.texts(".rows li div p:first-child"),
                         ["Chrome on Linux (this one)", "Chrome on Linux", "<b>robot</b>"])
        for hint in browser.texts(".rows .hint"):
            self.assertRegex(hint, r"^From 127\.0\.0\.1\. Logged in 20\d\d-\d\d-\d\d \d\d:\d\d UTC, "
                                   r"last seen 20\d\d-\d\d-\d\d \d\d:\d\d UTC\.$")
        self.assertEqual(len(browser.all(".rows time[datetime]")), 6)
        self.assertEqual(len(browser.all(".rows button")), 2)

        browser.press("End")
        self.assertEqual(browser.where, "/account?notice=session_ended")
        self.assertEqual(browser.texts("[role=status]"), ["That session has ended."])
        self.assertEqual(browser.texts(".rows li div p:first-child"),
                         ["Chrome on Linux (this one)", "<b>robot</b>"])
        other.driver.refresh()
        self.assertEqual(other.where, "/login?rd=/account")
        browser.press("End")
        self.assertEqual(len(browser.all(".rows li")), 1)
        self.assertEqual(browser.all(".rows button"), [])

        with self.subTest("a page that is out of date"):
            other.log_in(name)
            browser.open("/account")
            other.press("Log out")
            browser.press("End")
            self.assertEqual(browser.where, "/account?error=no_such_session")
            self.assert_alert(browser, "ended already")

    @with_and_without_script
    def test_change_the_password(self, browser):
        [other] = [each for each in browsers.values() if each is not browser]
        name = site.new_user()
        for each in (other, browser):
            each.forget()
            each.open("/login")
            each.log_in(name)
        browser.open("/.well-known/change-password")
        self.assertEqual(browser.where, "/account/password")
        self.assertEqual(browser.value("username"), name)

        def change(current, new):
            browser.find("#current-password").send_keys(current)
            browser.find("#new-password").send_keys(new)
            browser.press("Change password")

        new_password = "nine yellow trombones"
        for current, new, field, sentence in (
                ("not the password", new_password, "current-password", "not your current password"),
                (PASSWORD, "password1", "new-password", "among the most used")):
            with self.subTest(field=field):
                change(current, new)
                self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/account/password")
                self.assert_alert(browser, sentence)
                self.assertEqual(browser.focused(), field)
                at_fault = browser.find(f"#{field}")
                self.assertEqual(at_fault.get_attribute("aria-invalid"), "true")
                self.assertIn("message", at_fault.get_attribute("aria-describedby"))
                self.assertEqual(browser.value("current-password"), "")
                self.assertNotIn(new, browser.driver.current_url)
        other.driver.refresh()
        self.assertEqual(other.where, "/account")

        change(PASSWORD, new_password)
        self.assertEqual(browser.where, "/account?notice=password_changed")
        self.assertEqual(browser.texts("[role=status]"),
                         ["Your password is changed. All other devices are logged out."])
        self.assertEqual(browser.texts("dd")[0], name)
        other.driver.refresh()
        self.assertEqual(other.where, "/login?rd=/account")
        other.log_in(name)
        self.assert_alert(other, "wrong")
        other.fill(password=new_password)
        other.press("Log in")
        self.assertEqual(other.where, "/account")

    @with_and_without_script
    def test_delete_the_account(self, browser):
        [other] = [each for each in browsers.values() if each is not browser]
        name = site.new_user()
        for each in (other, browser):
            each.forget()
            each.open("/login")
            each.log_in(name)
        browser.follow("Delete your account")
        browser.find("#current-password").send_keys("not the password")
        browser.press("Delete my account")
        self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/account/delete")
        self.assert_alert(browser, "not your current password")
        self.assertEqual(browser.focused(), "current-password")

        browser.keys(PASSWORD, Keys.ENTER)
        WebDriverWait(browser.driver, WAIT_SECONDS, 0.02).until(
            lambda _: browser.where == "/login?notice=account_deleted")
        self.assertEqual(browser.texts("[role=status]"), ["Your account is deleted."])
        self.assertEqual(browser.session_cookies(), [])
        other.driver.refresh()
        self.assertEqual(other.where, "/login?rd=/account")
        browser.log_in(name)
        self.assert_alert(browser, "wrong")

    @with_and_without_script
    def test_pages_are_sound_and_fit_password_managers(self, browser):
        name = site.new_user()
        browser.console()
        titles = set()
        pages = ("/", "/register", "/login", "/login?error=invalid_credentials&username=a",
                 "/register?error=weak_password&reason=common", "/login?notice=logged_out")
        for target in pages + ("/account", "/account/password", "/account/delete"):
            with self.subTest(target=target):
                if target == "/account":
                    browser.open("/login")
                    browser.log_in(name)
                else:
                    browser.open(target)
                self.assertEqual(browser.where, target)
                titles.add(browser.driver.title)
                self.assertIn(" · userbin", browser.driver.title)
                self.assertEqual(browser.find("html").get_attribute("lang"), "en")
                self.assertEqual(len(browser.all("h1")), 1)
                self.assertEqual(len(browser.all("main")), 1)
                self.assertEqual(browser.all("script, [style], style"), [])
                ids = [element.get_property("id") for element in browser.all("[id]")]
                self.assertEqual(len(ids), len(set(ids)))
                for element in browser.all("[aria-describedby]"):
                    self.assertLessEqual(
                        set(element.get_attribute("aria-describedby").split()), set(ids))
                for field in browser.all("input"):
                    labels = browser.all(f"label[for={field.get_property('id')}]")
                    self.assertEqual(len(labels), 1, field.get_property("id"))
                    self.assertNotEqual(labels[0].text.strip(), "")
                self.assertEqual(browser.console(), [])
        self.assertEqual(len(titles), len(pages) + 2, "titles tell pages and errors apart")

        for path, autocomplete in (("/login", "current-password"), ("/register", "new-password")):
            with self.subTest(form=path):
                browser.open(path)
                form = browser.find("form")
                self.assertEqual(form.get_property("method"), "post")
                self.assertEqual(form.get_property("action"), site.origin + path)
                self.assertEqual(browser.find("#username").get_attribute("autocomplete"),
                                 "username")
                self.assertEqual(browser.find("#username").get_attribute("autocapitalize"),
                                 "none")
                self.assertEqual(browser.find("#password").get_attribute("autocomplete"),
                                 autocomplete)
                self.assertEqual(browser.find("#password").get_attribute("type"), "password")
        browser.open("/account")
        form = browser.find("form")
        self.assertEqual(form.get_property("method"), "post")
        self.assertEqual(form.get_property("action"), site.origin + "/logout")
        browser.press("Log out")
        self.assertEqual(browser.console(), [])

    @with_and_without_script
    def test_login_by_keyboard_alone(self, browser):
        name = site.new_user()
        browser.open("/login")
        stops = []
        typed = {"username": name, "password": PASSWORD, "remember": " "}
        for _ in range(6):
            browser.keys(Keys.TAB)
            stops.append(browser.focused())
            element = browser.driver.switch_to.active_element
            self.assertNotEqual(element.value_of_css_property("outline-style"), "none", stops[-1])
            self.assertEqual(element.value_of_css_property("outline-width"), "3px", stops[-1])
            browser.keys(typed.get(stops[-1], ""))
        self.assertEqual(stops, ["userbin", "username", "password", "remember", "Log in",
                                 "Register"])
        self.assertTrue(browser.find("#remember").is_selected())
        for _ in range(3):
            browser.keys_with_shift(Keys.TAB)
        self.assertEqual(browser.focused(), "password")
        with browser.leaving():
            browser.keys(Keys.ENTER)
        self.assertEqual(browser.where, "/account")
        self.assertEqual(browser.texts("dd"), [name, "user"])

    @with_script
    def test_headers_and_foreign_origins(self, browser):
        name = site.new_user()
        browser.open("/login")
        browser.log_in(name)
        cookie = {"Cookie": "userbin=" + browser.session_cookies()[0]["value"]}

        for target in ("/", "/register", "/login", "/login?error=invalid_credentials", "/account",
                       "/register?error=weak_password&reason=common"):
            with self.subTest(page=target):
                response, _ = site.ask("GET", target, None, cookie)
                self.assertEqual(response.status, 200)
                self.assertEqual(response.getheader("Content-Type"), "text/html; charset=utf-8")
                policy = response.getheader("Content-Security-Policy").split("; ")
                for directive in ("default-src 'none'", "style-src 'self'", "form-action 'self'",
                                  "base-uri 'none'", "frame-ancestors 'none'"):
                    self.assertIn(directive, policy)
                self.assertNotIn("script-src", str(policy))
                self.assertNotIn("unsafe", str(policy))
                self.assertEqual(response.getheader("X-Content-Type-Options"), "nosniff")
                self.assertEqual(response.getheader("X-Frame-Options"), "DENY")
                self.assertEqual(response.getheader("Referrer-Policy"), "same-origin")
                self.assertEqual(response.getheader("Cache-Control"), "no-store")

        credentials = urllib.parse.urlencode({"username": name, "password": PASSWORD})
        person = {"Content-Type": FORM, "Accept": "text/html"}
        program = {"Content-Type": FORM}
        for status, method, target, body, headers in (
                (401, "POST", "/login", "username=a&password=b", program),
                (303, "POST", "/login", "username=a&password=b", person),
                (400, "POST", "/register", "username=a", program),
                (401, "GET", "/me", None, {}),
                (405, "PUT", "/login", None, {}),
                (413, "POST", "/login", "x" * 70000, program),
                (415, "POST", "/register", "<a/>", {"Content-Type": "text/xml"})):
            with self.subTest(error=f"{method} {target} {status}"):
                response, _ = site.ask(method, target, body, headers)
                self.assertEqual(response.status, status)
                self.assertEqual(response.getheader("X-Content-Type-Options"), "nosniff")
                self.assertEqual(response.getheader("Cache-Control"), "no-store")
                self.assertTrue(response.getheader("X-Request-Id"))
        response, _ = site.ask("GET", "/account", headers={"Accept": "text/html"})
        self.assertEqual((response.status, response.getheader("Cache-Control")), (303, "no-store"))

        own = {"Origin": site.origin, "Sec-Fetch-Site": "same-origin"}
        response, _ = site.ask("POST", "/login", credentials, {**program, **own})
        self.assertEqual(response.status, 200)
        for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"},
                        {"Origin": site.origin + "0"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site"}):
            for target in ("/login", "/register", "/logout"):
                with self.subTest(target=target, **foreign):
                    response, text = site.ask("POST", target, credentials, {**program, **foreign})
                    self.assertEqual(response.status, 403)
                    self.assertEqual(json.loads(text)["code"], "cross_site")
                    self.assertIsNone(response.getheader("Set-Cookie"))

        browser.forget()
        browser.driver.get("data:text/html," + urllib.parse.quote(
            f"<form method=post action={site.origin}/login>"
            f"<input name=username value={name}><input name=password value='{PASSWORD}'>"
            "<button>Win</button></form>"))
        browser.press("Win")
        self.assertEqual(urllib.parse.urlsplit(browser.where).path, "/login")
        self.assert_alert(browser, "another site")
        self.assertEqual(browser.session_cookies(), [])


if __name__ == "__main__":
    main()
