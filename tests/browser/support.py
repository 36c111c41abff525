"""A site and a browser for the tests of the pages, and how such a file of tests is run."""

import base64
import contextlib
import html.parser
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
PASSWORD = "seven green lanterns"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
START_SECONDS = 15
WAIT_SECONDS = 10

numbers = itertools.count(1)


def program():
    """The worker under test: the argument of the test, else what `make release` built."""
    return pathlib.Path(sys.argv[1] if len(sys.argv) == 2 else
                        ROOT / "build" / "release" / "userbin").resolve()


def free_port():
    """Below those that the kernel gives to whoever connects."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Site:
    """A worker behind an nginx on a free port, with all its files in one folder."""

    def __init__(self, folder, *flags, tls=False):
        self.port = free_port()
        self.origin = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self.certificate = f"{folder}/certificate.pem" if tls else None
        self._folder = folder
        self._flags = flags
        self._processes = {}

    def start(self):
        state = self._folder
        subprocess.run([ROOT / "tools" / "make-site", state, str(self.port)], check=True)
        if self.certificate:
            self._take_tls()
        fence = pathlib.Path(state, "nginx", "userbin_upstream.conf")
        fence.write_text(fence.read_text().replace("rate=10r/s", "rate=100000r/s"))
        self._spawn("worker", [
            program(), "serve", "--listen", f"unix:{state}/userbin.sock",
            *self._store_flags(), "--log-file", f"{state}/userbin.log",
            "--login-failures", "0", "--registrations-per-client", "0", *self._flags])
        self._spawn("application", [
            program().with_name("example_application"),
            f"{state}/application.sock"])
        self._spawn("nginx", [
            "/usr/sbin/nginx", "-p", state, "-c", f"{state}/nginx/example.conf",
            "-e", f"{state}/nginx-error.log",
            *(["-g", "user root;"] if os.geteuid() == 0 else [])])
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}: {self._logs()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"no answer on {self.origin}: {self._logs()}")
            time.sleep(0.05)

    def stop(self):
        for name in ("nginx", "application", "worker"):
            process = self._processes.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def ask(self, method, target, body=None, headers=None):
        """One request, sent as it stands; redirects are not followed."""
        if self.certificate:
            connection = http.client.HTTPSConnection(
                "localhost", self.port, timeout=WAIT_SECONDS,
                context=ssl.create_default_context(cafile=self.certificate))
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response, response.read().decode()

    def new_user(self, name=None):
        """Registers a user with PASSWORD and gives the name."""
        name = name or f"reader{next(numbers)}"
        response, text = self.ask("POST", "/register",
                                  json.dumps({"username": name, "password": PASSWORD}),
                                  {"Content-Type": "application/json"})
        if response.status != 200:
            raise RuntimeError(f"could not register {name}: {response.status} {text}")
        return name

    def owner(self, *arguments, typed=""):
        """What `userbin ARGUMENTS` prints, beside the running worker."""
        done = subprocess.run([program(), *arguments, *self._store_flags()], input=typed,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"userbin {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def new_admin(self, name=None):
        """Makes an admin with PASSWORD and gives the name."""
        name = name or f"admin{next(numbers)}"
        self.owner("user", "add", name, "--role", "admin", typed=PASSWORD)
        return name

    def session_of(self, name):
        """A new session of the user with PASSWORD, as a cookie."""
        response, _ = self.ask("POST", "/login",
                               json.dumps({"username": name, "password": PASSWORD}),
                               {"Content-Type": "application/json", "User-Agent": FIREFOX})
        return response.getheader("Set-Cookie").split(";")[0]

    def stop_worker(self):
        worker = self._processes.pop("worker")
        worker.terminate()
        worker.wait(WAIT_SECONDS)

    def _take_tls(self):
        """TLS by a certificate of its own; who comes without is sent there by the same port."""
        key = f"{self._folder}/key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.certificate],
            check=True, capture_output=True)
        config = pathlib.Path(self._folder, "nginx", "example.conf")
        listen = f"listen 127.0.0.1:{self.port} backlog=4096"
        config.write_text(config.read_text().replace(listen + ";", f"""{listen} ssl;
        ssl_certificate {self.certificate};
        ssl_certificate_key {key};
        error_page 497 =301 https://$http_host$request_uri;"""))

    def _store_flags(self):
        return ["--store", f"{self._folder}/userbin.db", "--hash-memory", "8",
                "--hash-passes", "1", "--allow-weak-hashing"]

    def _spawn(self, name, command):
        log = pathlib.Path(self._folder, f"{name}.out")
        with log.open("w") as output:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def _answers(self):
        try:
            return self.ask("GET", "/healthz")[0].status == 200
        except OSError:
            return False

    def _logs(self):
        logs = [log for pattern in ("*.out", "*.log")
                for log in sorted(pathlib.Path(self._folder).glob(pattern))]
        return "\n".join(f"[{log.name}] {log.read_text()[-1000:]}" for log in logs)


class Browser:
    """A Chromium with a new profile, and what a person does with it."""

    def __init__(self, origin, folder, script, cookies=True):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", f"--user-data-dir={folder}",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        blocked = [] if script else ["javascript"]
        blocked += [] if cookies else ["cookies"]
        options.add_experimental_option("prefs", {
            f"profile.managed_default_content_settings.{what}": 2 for what in blocked})
        service = Service("/usr/bin/chromedriver", env={**os.environ, "HOME": folder})
        self.origin = origin
        try:
            self.driver = webdriver.Chrome(service=service, options=options)
        except BaseException:
            service.stop()
            raise
        self.driver.set_page_load_timeout(WAIT_SECONDS)

    def runs_script(self):
        self.driver.get("data:text/html,<title>off</title><script>document.title='on'</script>")
        return self.driver.title == "on"

    def forget(self):
        """As if never logged in."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def open(self, target):
        self.driver.get(self.origin + target)

    @property
    def where(self):
        """The address without the origin, if it is on our site."""
        return self.driver.current_url.removeprefix(self.origin)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def value(self, field):
        return self.find(f"#{field}").get_property("value")

    def focused(self):
        """The id, else the text, of what has the focus."""
        element = self.driver.switch_to.active_element
        return element.get_property("id") or element.text

    def texts(self, css):
        return [element.text for element in self.all(css)]

    def fill(self, username=None, password=None):
        for field, text in (("username", username), ("password", password)):
            if text is not None:
                self.find(f"#{field}").clear()
                self.find(f"#{field}").send_keys(text)

    def press(self, text):
        """Presses the button and waits for the next page."""
        button = self.driver.find_element(By.XPATH, f"//button[normalize-space()='{text}']")
        with self.leaving():
            button.click()

    def follow(self, text):
        with self.leaving():
            self.driver.find_element(By.LINK_TEXT, text).click()

    def log_in(self, username, password=PASSWORD):
        self.fill(username, password)
        self.press("Log in")

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def keys_with_shift(self, *keys):
        ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(*keys).key_up(
            Keys.SHIFT).perform()

    @contextlib.contextmanager
    def leaving(self):
        """Waits after the body until another document has come."""
        before = self._document()
        yield
        WebDriverWait(self.driver, WAIT_SECONDS, 0.02).until(lambda _: self._document() != before)

    def wait_until(self, condition, what):
        """Waits until what script does has been done."""
        WebDriverWait(self.driver, WAIT_SECONDS, 0.02,
                      ignored_exceptions=[StaleElementReferenceException]).until(
                          lambda _: condition(), f"{what}; on the page: {self.find('body').text}")

    def session_cookies(self):
        return [cookie for cookie in self.driver.get_cookies() if "userbin" in cookie["name"]]

    def origins_of(self, locations):
        """Where redirects of the site's login would lead; None if they are no addresses."""
        return self.driver.execute_script(
            "return arguments[0].map(location => {"
            "  try { return new URL(location, arguments[1]).origin } catch { return null }})",
            locations, self.origin + "/login")

    def console(self):
        """What was written to the console since the last call."""
        return [f"{entry['level']}: {entry['message']}"
                for entry in self.driver.get_log("browser")]

    def structure(self):
        """The elements of the page and the names of their attributes, without any content."""
        return [tuple(element) for element in self.driver.execute_script(
            "return [...document.querySelectorAll('*')].map("
            "  e => [e.localName, e.getAttributeNames().sort().join(' ')])")]

    @contextlib.contextmanager
    def without_csp(self):
        """Lets inline script run, so that escaping alone has to hold."""
        self.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})

    @contextlib.contextmanager
    def screen(self, width, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def page_width(self):
        return self.driver.execute_script("return document.documentElement.scrollWidth")

    def save_picture(self, path):
        """The whole page, not only what fits into the window."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {**size, "scale": 1}})
        path.write_bytes(base64.b64decode(shot["data"]))

    def _document(self):
        return self.driver.execute_cdp_cmd("Page.getFrameTree", {})["frameTree"]["frame"][
            "loaderId"]


class Outline(html.parser.HTMLParser):
    """The tags of a page and the names of their attributes, as nginx sent them."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, sorted(name for name, _ in attrs)))


def url(path, **query):
    return path + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
                   if query else "")


def hostile_targets():
    """All that tests/support/hostile_redirects.txt makes."""
    parts = {"start": [], "slashes": [], "host": []}
    for line in (ROOT / "tests/support/hostile_redirects.txt").read_text().splitlines():
        if not line.startswith("#"):
            kind, _, value = line.partition(" ")
            parts[kind].append(urllib.parse.unquote(value))
    return sorted({"".join(target) for target in itertools.product(*parts.values())})


def start_site(*flags, tls=False):
    """A running site, whose worker has these flags too, until the module's tests are done."""
    if not os.access(program(), os.X_OK):
        raise RuntimeError(f"{program()} is not there; 'make release' builds it")
    folder = tempfile.mkdtemp(prefix="userbin-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    site = Site(folder, *flags, tls=tls)
    unittest.addModuleCleanup(site.stop)
    site.start()
    return site


def start_browser(site, script=True, cookies=True):
    """A browser of its own profile, until the module's tests are done."""
    folder = tempfile.mkdtemp(prefix="userbin-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    browser = Browser(site.origin, folder, script, cookies)
    unittest.addModuleCleanup(browser.driver.quit)
    if browser.runs_script() != script:
        raise RuntimeError(f"script should be {'on' if script else 'off'} in this browser")
    return browser


def main():
    """Runs the tests of the program's file; prints "N passed, N failed" at the end."""
    module = sys.modules["__main__"]
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(module.__doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tests = unittest.defaultTestLoader.loadTestsFromModule(module)
    total = tests.countTestCases()
    try:
        result = unittest.TextTestRunner(verbosity=2).run(tests)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    finally:
        unittest.doModuleCleanups()
    broken = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors
              if not test.id().startswith(("setUpModule", "tearDownModule"))}
    passed = result.testsRun - len(broken)
    print(f"{passed} passed, {total - passed} failed")
    sys.exit(0 if result.wasSuccessful() and passed == total else 1)
