#include "jsonbin/curl_transport.h"

#include <cstdlib>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>

#include <json/reader.h>

#include "base/failure.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using userbin::base::BadSetting;
using userbin::base::SecretString;
using userbin::jsonbin::Away;
using userbin::jsonbin::CurlTransport;
using userbin::jsonbin::HttpRequest;
using userbin::jsonbin::HttpResponse;
using userbin::jsonbin::HttpResult;
using userbin::test::free_port;
using userbin::test::Process;
using userbin::test::read_file;
using userbin::test::TemporaryFolder;
using userbin::test::wait_until;

namespace {

const std::string kKey = "$2a$10$Qm.not/a/real/key";

/// Prints its port, then plays what a path asks for. argv: a certificate with its key, or nothing.
const char* const kScript = R"(
import json, socket, ssl, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

connections = 0
seen = []
written = []
written_known = threading.Event()

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def setup(self):
        global connections
        super().setup()
        connections += 1
        self.number = connections
        self.requests = 0

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def play(self):
        self.requests += 1
        body = self.rfile.read(int(self.headers.get('Content-Length', '0'))).decode()
        seen.append(f'{self.command} {self.path}')
        getattr(self, 'do' + self.path.replace('/', '_').replace('-', '_'))(body)

    do_GET = do_PUT = do_POST = play

    def do_echo(self, body):
        self.answer(200, json.dumps({'connection': self.number, 'method': self.command,
            'headers': [[n.lower(), v] for n, v in self.headers.items()], 'body': body}).encode())

    def do_seen(self, body):
        self.answer(200, json.dumps(seen).encode())

    def do_never(self, body):
        threading.Event().wait()

    def do_never_ending(self, body):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[')
        threading.Event().wait()

    def do_huge(self, body):
        self.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n')
        count = 0
        try:
            while count < 50_000_000:
                count += self.wfile.write(b'x' * 50_000)
        except OSError:
            pass
        written.append(count)
        written_known.set()
        self.close_connection = True

    def do_huge_announced(self, body):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n')
        self.close_connection = True

    def do_written(self, body):
        written_known.wait()
        self.answer(200, str(written[0]).encode())

    def do_1000_bytes(self, body):
        self.answer(200, b'y' * 1000)

    def do_half(self, body):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n' + b'[' * 50)
        self.close_connection = True

    def do_half_chunk(self, body):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n[')
        self.close_connection = True

    def do_nothing(self, body):
        self.close_connection = True

    def do_garbage(self, body):
        self.wfile.write(b'* OK IMAP4rev1 ready\r\n')
        self.close_connection = True

    def do_swallow_the_second(self, body):
        if self.requests == 2:
            self.close_connection = True
        else:
            self.do_echo(body)

    def do_redirect(self, body):
        self.answer(302, b'', [('Location', '/echo')])

    def do_slow_down(self, body):
        self.answer(429, b'{"message":"Slow down"}', [('retry-AFTER', ' 7 ')])

    def do_hints_first(self, body):
        self.wfile.write(b'HTTP/1.1 103 Early Hints\r\nRetry-After: 1\r\n\r\n')
        self.do_echo(body)

    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
)";

/// A file with a new key and a certificate for 127.0.0.1 that only the key itself vouches for.
std::string make_self_signed(const TemporaryFolder& folder) {
  const std::string key = folder.file("key.pem"), certificate = folder.file("certificate.pem");
  const auto made = userbin::test::run_command(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
       "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
       "-keyout", key, "-out", certificate});
  REQUIRE(made.status == 0);
  const std::string both = folder.file("both.pem");
  userbin::test::write_file(both,
                            userbin::test::read_file(key) + userbin::test::read_file(certificate));
  return both;
}

/// A server of its own for each test, on a free port, killed at the end of the scope.
class Server {
 public:
  explicit Server(const std::string& certificate_file = "") {
    std::vector<std::string> command = {"/usr/bin/python3", "-c", kScript};
    if (!certificate_file.empty()) command.push_back(certificate_file);
    process_ = std::make_unique<Process>(command, Process::Options{.output_file = output_});
    wait_until("the server listens", [&] { return read_file(output_).ends_with('\n'); });
    port_ = read_file(output_);
    port_.pop_back();
  }

  std::string url(const std::string& path, const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + port_ + path;
  }

 private:
  TemporaryFolder folder_;
  const std::string output_ = folder_.file("output");
  std::unique_ptr<Process> process_;
  std::string port_;
};

/// An environment variable, for the scope.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

/// Limits that a busy machine does not reach.
CurlTransport::Settings patient() {
  return {.connect_timeout = std::chrono::minutes{1}, .whole_timeout = std::chrono::minutes{1}};
}

CurlTransport::Settings limited_to(std::size_t max_body_bytes) {
  CurlTransport::Settings settings = patient();
  settings.max_body_bytes = max_body_bytes;
  return settings;
}

HttpRequest with_key(const std::string& method, const std::string& url,
                     const std::string& body = "") {
  return {.method = method,
          .url = url,
          .headers = {},
          .secret_header = HttpRequest::SecretHeader{"X-Master-Key", SecretString(kKey)},
          .body = body};
}

Json::Value json(const std::string& text) {
  Json::Value value;
  std::istringstream(text) >> value;
  return value;
}

/// What the server got, as it told at /echo.
struct Echo {
  explicit Echo(const HttpResult& result) : told(json(std::get<HttpResponse>(result).body)) {}

  int connection() const { return told["connection"].asInt(); }
  /// Values of one name, joined by commas; empty if it did not come.
  std::string header(const std::string& name) const {
    std::string values;
    for (const Json::Value& line : told["headers"]) {
      if (line[0] == name) values += (values.empty() ? "" : ",") + line[1].asString();
    }
    return values;
  }

  Json::Value told;
};

Away away(const HttpResult& result) {
  const Away& answer = std::get<Away>(result);
  CHECK(answer.reason.find(kKey) == std::string::npos);
  CHECK_FALSE(answer.reason.empty());
  return answer;
}

struct TransportTest {
  Server server;
  CurlTransport transport{patient()};

  HttpResult get(const std::string& path) {
    return transport.send(with_key("GET", server.url(path)));
  }
  HttpResult put(const std::string& path) {
    return transport.send(with_key("PUT", server.url(path), "[{}]"));
  }
  Json::Value seen() { return json(std::get<HttpResponse>(get("/seen")).body); }
};

}  // namespace

TEST_CASE_METHOD(TransportTest, "a request goes out as it is, and not more") {
  const std::string method = GENERATE("PUT", "POST");
  HttpRequest request =
      with_key(method, server.url("/echo"), "[\"" + std::string(2'000'000, 'x') + "\"]");
  request.headers = {{"Content-Type", "application/json"}, {"X-Bin-Private", "true"}};

  const Echo echo(transport.send(request));

  CHECK(echo.told["method"] == method);
  CHECK(echo.told["body"] == request.body);
  std::set<std::string> names;
  for (const Json::Value& line : echo.told["headers"]) names.insert(line[0].asString());
  CHECK(names == std::set<std::string>{"host", "user-agent", "accept", "content-type",
                                       "content-length", "x-bin-private", "x-master-key"});
  CHECK(echo.header("user-agent") == "userbin/" USERBIN_VERSION);
  CHECK(echo.header("content-type") == "application/json");
  CHECK(echo.header("x-master-key") == kKey);
}

TEST_CASE_METHOD(TransportTest, "one connection carries many requests, without what went before") {
  const Echo first(put("/echo"));
  const Echo second(transport.send({.method = "GET", .url = server.url("/echo")}));
  const Echo third(put("/echo"));
  CHECK(first.connection() == 1);
  CHECK(second.connection() == 1);
  CHECK(third.connection() == 1);
  CHECK(second.told["method"] == "GET");
  CHECK(second.told["body"] == "");
  CHECK(second.header("x-master-key").empty());
  CHECK(second.header("content-length").empty());
}

TEST_CASE_METHOD(TransportTest, "what a kept connection swallows is sent again, but for a POST") {
  const Echo first(get("/swallow-the-second"));
  SECTION("PUT") {
    CHECK(Echo(put("/swallow-the-second")).connection() == 2);
  }
  SECTION("POST") {
    const HttpRequest post = with_key("POST", server.url("/swallow-the-second"), "[{}]");
    CHECK(Echo(transport.send(post)).connection() == 2);
    CHECK(seen() == json(R"(["GET /swallow-the-second","POST /swallow-the-second","GET /seen"])"));
  }
}

TEST_CASE_METHOD(TransportTest, "the status, the body and Retry-After of a refusal come through") {
  const auto response = std::get<HttpResponse>(get("/slow-down"));
  CHECK(response.status == 429);
  CHECK(response.retry_after == "7");
  CHECK(response.body == R"({"message":"Slow down"})");
  CHECK(std::get<HttpResponse>(get("/hints-first")).retry_after.empty());
}

TEST_CASE_METHOD(TransportTest, "a redirect is an answer") {
  CHECK(std::get<HttpResponse>(get("/redirect")).status == 302);
  CHECK(std::get<HttpResponse>(put("/redirect")).status == 302);
  CHECK(seen() == json(R"(["GET /redirect","PUT /redirect","GET /seen"])"));
}

TEST_CASE_METHOD(TransportTest, "an answer that does not come in time is given up") {
  const std::string path = GENERATE("/never", "/never-ending");
  CurlTransport hasty({.whole_timeout = std::chrono::milliseconds{200}});
  CHECK(away(hasty.send(with_key("PUT", server.url(path), "[{}]"))).reason.find("Timeout") == 0);
  CHECK(std::get<HttpResponse>(get("/echo")).status == 200);
}

TEST_CASE_METHOD(TransportTest, "too large an answer is broken off while it arrives") {
  CurlTransport small(limited_to(1'000'000));
  const Away answer = away(small.send(with_key("GET", server.url("/huge"))));
  CHECK(answer.reason == "the answer is larger than 1000000 bytes");
  CHECK(answer.may_have_arrived);
  CHECK(std::stol(std::get<HttpResponse>(get("/written")).body) < 50'000'000);
}

TEST_CASE_METHOD(TransportTest, "an answer that says it will be too large is not waited for") {
  CHECK(away(get("/huge-announced")).reason == "the answer is larger than 4194304 bytes");
}

TEST_CASE_METHOD(TransportTest, "an answer as large as the limit is taken") {
  CurlTransport exact(limited_to(1000));
  CHECK(
      std::get<HttpResponse>(exact.send(with_key("GET", server.url("/1000-bytes")))).body.size() ==
      1000);
  CurlTransport small(limited_to(999));
  CHECK(away(small.send(with_key("GET", server.url("/1000-bytes")))).may_have_arrived);
}

TEST_CASE_METHOD(TransportTest, "an answer that breaks off is none, and the change may be made") {
  const std::string path = GENERATE("/half", "/half-chunk", "/nothing", "/garbage");
  CAPTURE(path);
  CHECK(away(put(path)).may_have_arrived);
  CHECK(std::get<HttpResponse>(get("/echo")).status == 200);
}

TEST_CASE("a refused connection means that nothing was done") {
  CurlTransport transport(patient());
  const std::string url = "http://127.0.0.1:" + std::to_string(free_port()) + "/b/x";
  const Away answer = away(transport.send(with_key("PUT", url, "[{}]")));
  CHECK_FALSE(answer.may_have_arrived);
}

TEST_CASE_METHOD(TransportTest, "proxies of the environment are ignored") {
  const std::string nowhere = "http://127.0.0.1:" + std::to_string(free_port());
  const Variable http_proxy("http_proxy", nowhere);
  const Variable all_proxy("ALL_PROXY", nowhere);
  CHECK(std::get<HttpResponse>(get("/echo")).status == 200);
}

TEST_CASE("a proxy that a setting names is used, whatever the environment exempts") {
  const std::string nowhere = "http://127.0.0.1:" + std::to_string(free_port());
  const Variable no_proxy("no_proxy", "*");
  const Server server;
  CurlTransport::Settings settings = patient();
  settings.proxy = nowhere;
  CurlTransport transport(settings);
  CHECK_FALSE(away(transport.send(with_key("GET", server.url("/echo")))).may_have_arrived);
}

TEST_CASE("a certificate that nobody vouches for is refused before the key is sent") {
  const TemporaryFolder folder;
  const Server server(make_self_signed(folder));
  CurlTransport transport(patient());
  const Away answer = away(transport.send(with_key("PUT", server.url("/echo", "https"), "[{}]")));
  CHECK(answer.reason.find("certificate") != std::string::npos);
  CHECK_FALSE(answer.may_have_arrived);
}

TEST_CASE("only http and https are spoken") {
  const std::string url = GENERATE("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
                                   "dict://127.0.0.1/");
  CurlTransport transport(patient());
  CHECK_FALSE(away(transport.send(with_key("GET", url))).may_have_arrived);
}

TEST_CASE_METHOD(TransportTest, "what would break out of a header is not sent, and not quoted") {
  HttpRequest request = with_key("GET", server.url("/echo"));
  SECTION("value") {
    request.headers = {{"X-Bin-Name", "a\r\nX-Secret: secret"}};
  }
  SECTION("nothing as value") {
    request.headers = {{"X-Bin-Name", ""}};
  }
  SECTION("name") {
    request.headers = {{"X: y\r\nX-Bin-Name", "a"}};
  }
  SECTION("key") {
    request.secret_header->value = SecretString("secret\n");
  }
  SECTION("method") {
    request.method = "DELETE";
  }
  try {
    transport.send(request);
    FAIL("sent");
  } catch (const std::invalid_argument& failure) {
    CHECK(std::string(failure.what()).find("secret") == std::string::npos);
  }
  CHECK(seen() == json(R"(["GET /seen"])"));
}

TEST_CASE("limits that would mean 'none' are refused") {
  using std::chrono::milliseconds;
  CHECK_THROWS_AS(CurlTransport({.connect_timeout = milliseconds{0}}), BadSetting);
  CHECK_THROWS_AS(CurlTransport({.whole_timeout = milliseconds{-1}}), BadSetting);
  CHECK_THROWS_AS(CurlTransport({.max_body_bytes = 0}), BadSetting);
}
