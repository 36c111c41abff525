#include "jsonbin/client.h"

#include <sstream>

#include <json/reader.h>

#include "base/failure.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/fake_transport.h"

using userbin::base::BadSetting;
using userbin::base::SecretString;
using userbin::jsonbin::Client;
using userbin::jsonbin::Error;
using userbin::jsonbin::ErrorKind;
using userbin::jsonbin::HttpRequest;
using userbin::jsonbin::wire_form;
using userbin::jsonbin::word_for;
using userbin::test::FakeClock;
using userbin::test::FakeTransport;

namespace {

const std::string kKey = "$2a$10$Qm.not/a/real/key.0123456789abcdefghijklmnopqrstu";
const std::string kBin = "6650c1d2e41b4d34e4fd2f6b";
const std::string kCollection = "6650c1d2e41b4d34e4fd2000";

using Headers = std::vector<std::pair<std::string, std::string>>;

Json::Value json(const std::string& text) {
  Json::Value value;
  std::istringstream(text) >> value;
  return value;
}

std::string error_body(const std::string& message) {
  Json::Value body;
  body["message"] = message;
  return wire_form(body);
}

/// A page of a collection's list: `count` bins from number `first` on.
std::string page(int first, int count) {
  Json::Value lines(Json::arrayValue);
  for (int i = first; i < first + count; ++i) {
    Json::Value line;
    line["snippetMeta"] = Json::Value(Json::objectValue);
    line["private"] = true;
    line["record"] = "bin" + std::to_string(i);
    line["createdAt"] = "2026-11-23T17:30:00.123Z";
    lines.append(line);
  }
  return wire_form(lines);
}

struct ClientTest {
  FakeTransport transport;
  FakeClock clock;
  Client client{transport, clock, {.key = SecretString(kKey)}};

  std::string first_url() const { return transport.requests().at(0).url; }
  Error error_of_read() { return client.read_latest(kBin).error(); }
  Error error_of_replace() { return client.replace(kBin, json("[{}]")).error(); }
};

}  // namespace

TEST_CASE_METHOD(ClientTest, "a read asks for the latest bare document") {
  transport.will_answer(200, R"([{"username":"Ada"}])");

  CHECK(client.read_latest(kBin).value() == json(R"([{"username":"Ada"}])"));

  const HttpRequest request = transport.requests().at(0);
  CHECK(request.method == "GET");
  CHECK(request.url == "https://api.jsonbin.io/v3/b/" + kBin + "/latest");
  CHECK(request.headers == Headers{{"X-Bin-Meta", "false"}});
  CHECK(request.body.empty());
}

TEST_CASE_METHOD(ClientTest, "a replacement puts the whole document and gives what was stored") {
  transport.will_answer(
      200, R"({"record":[{"username":"Jörg"}],"metadata":{"parentId":"x","private":true}})");

  CHECK(client.replace(kBin, json(R"([ {"username" : "Jörg"} ])")).value() ==
        json(R"([{"username":"Jörg"}])"));

  const HttpRequest request = transport.requests().at(0);
  CHECK(request.method == "PUT");
  CHECK(request.url == "https://api.jsonbin.io/v3/b/" + kBin);
  CHECK(request.headers == Headers{{"Content-Type", "application/json"}});
  CHECK(request.body == R"([{"username":"Jörg"}])");
}

TEST_CASE_METHOD(ClientTest, "a new bin is private and gives its id") {
  transport.will_answer(200, R"({"record":[{}],"metadata":{"id":")" + kBin +
                                 R"(","createdAt":"2026-11-23T17:30:00.123Z","private":true}})");

  SECTION("without a name") {
    CHECK(client.create(json("[{}]"), {}).value() == kBin);
    CHECK(transport.requests().at(0).headers ==
          Headers{{"Content-Type", "application/json"}, {"X-Bin-Private", "true"}});
  }
  SECTION("with a name, in a collection") {
    CHECK(client.create(json("[{}]"), {.name = "my users", .collection_id = kCollection}));
    CHECK(transport.requests().at(0).headers == Headers{{"Content-Type", "application/json"},
                                                        {"X-Bin-Private", "true"},
                                                        {"X-Bin-Name", "my users"},
                                                        {"X-Collection-Id", kCollection}});
  }
  CHECK(transport.requests().at(0).method == "POST");
  CHECK(first_url() == "https://api.jsonbin.io/v3/b");
  CHECK(transport.requests().at(0).body == "[{}]");
}

TEST_CASE_METHOD(ClientTest, "a name that cannot be a header is not sent") {
  const std::string name =
      GENERATE(std::string(129, 'n'), "line\nend", "return\r", "tab\t", std::string("nul\0", 4));
  CHECK_THROWS_AS(client.create(json("[{}]"), {.name = name}), std::invalid_argument);
  CHECK_THROWS_AS(client.create(json("[{}]"), {.collection_id = "a\r\nb"}), std::invalid_argument);
  CHECK(transport.requests().empty());
}

TEST_CASE_METHOD(ClientTest,
                 "an empty list is sent as it is: whether it may be is for the caller") {
  transport.will_answer(400, error_body("Bin cannot be blank"));
  transport.will_answer(200, R"({"record":[],"metadata":{"parentId":"x"}})");
  CHECK(client.replace(kBin, json("[]")).error().kind == ErrorKind::kBlankRefused);
  CHECK(client.replace(kBin, json("[]")).value() == json("[]"));
  CHECK(transport.requests().at(0).body == "[]");
}

TEST_CASE_METHOD(ClientTest, "a collection is listed page by page, each from the last id") {
  const std::string url = "https://api.jsonbin.io/v3/c/" + kCollection + "/bins";
  transport.will_answer(200, page(0, 10));
  transport.will_answer(200, page(10, 3));

  SECTION("until an empty page") {
    transport.will_answer(200, "[]");
  }
  SECTION("until a page that is not there") {
    transport.will_answer(404, error_body("Collection not found"));
  }
  SECTION("until a page that holds nothing new") {
    transport.will_answer(200, page(12, 1));
  }

  const auto collection = client.list_collection(kCollection).value();
  CHECK(collection.is_complete);
  REQUIRE(collection.bins.size() == 13);
  CHECK(collection.bins.at(12).id == "bin12");
  CHECK(collection.bins.at(0).created_at == "2026-11-23T17:30:00.123Z");
  REQUIRE(transport.requests().size() == 3);
  CHECK(transport.requests().at(0).url == url);
  CHECK(transport.requests().at(1).url == url + "/bin9");
  CHECK(transport.requests().at(2).url == url + "/bin12");
  CHECK(transport.requests().at(2).method == "GET");
  CHECK(transport.requests().at(2).headers.empty());
}

TEST_CASE_METHOD(ClientTest, "a bin's name is taken from the list if it is there") {
  transport.will_answer(200, R"([{"snippetMeta":{"name":"users"},"record":"a1"},{"record":"a2"},
                                 {"snippetMeta":{"name":7},"record":"a3"}])");
  transport.will_answer(200, "[]");
  const auto bins = client.list_collection(kCollection).value().bins;
  CHECK(bins.at(0).name == "users");
  CHECK(bins.at(1).name.empty());
  CHECK(bins.at(2).name.empty());
}

TEST_CASE_METHOD(ClientTest, "a collection without an end is listed in part") {
  for (int i = 0; i < static_cast<int>(Client::kMaxPages) + 1; ++i) {
    transport.will_answer(200, page(i * 10, 10));
  }
  const auto collection = client.list_collection(kCollection).value();
  CHECK_FALSE(collection.is_complete);
  CHECK(collection.bins.size() == 10 * Client::kMaxPages);
  CHECK(transport.left() == 1);
}

TEST_CASE_METHOD(ClientTest, "a collection is listed whole or not at all") {
  SECTION("not there") {
    transport.will_answer(404, error_body("Collection not found"));
    CHECK(client.list_collection(kCollection).error().kind == ErrorKind::kNotThere);
  }
  SECTION("an error on a later page") {
    transport.will_answer(200, page(0, 10));
    transport.will_answer(429, "");
    CHECK(client.list_collection(kCollection).error().kind == ErrorKind::kSlowDown);
  }
  SECTION("not a list") {
    transport.will_answer(200, GENERATE("{}", "[1]", R"([{"record":7}])", R"([{"record":"../x"}])",
                                        R"([{"record":""}])"));
    CHECK(client.list_collection(kCollection).error().kind == ErrorKind::kAway);
  }
}

TEST_CASE_METHOD(ClientTest, "what the service answers is told apart by status and message") {
  const auto [status, message, kind] = GENERATE(table<int, std::string, ErrorKind>({
      {400, "You need to pass Content-Type set to application/json", ErrorKind::kRefused},
      {400, "Bin cannot be blank", ErrorKind::kBlankRefused},
      {400, "Invalid JSON. Please try again", ErrorKind::kRefused},
      {400, "Invalid Bin Id provided", ErrorKind::kNotThere},
      {404, "Bin not found or it doesn't belong to your account", ErrorKind::kNotThere},
      {404, "Bin not found", ErrorKind::kNotThere},
      {401, "You need to pass X-Master-Key or X-Access-Key in the header to read a private bin",
       ErrorKind::kNotAllowed},
      {401, "You need to pass X-Master-Key or X-Access-Key in the header to update a private bin",
       ErrorKind::kNotAllowed},
      {401, "You need to pass X-Master-Key or X-Access-Key in the header to create a bin",
       ErrorKind::kNotAllowed},
      {401, "X-Master-Key is invalid or the bin doesn't belong to your account",
       ErrorKind::kNotAllowed},
      {401, "Invalid X-Master-Key provided or the bin does not belong to your account",
       ErrorKind::kNotAllowed},
      {401, "Invalid X-Master-Key provided", ErrorKind::kNotAllowed},
      {401, "X-Access-Key is invalid or the bin doesn't belong to your account",
       ErrorKind::kNotAllowed},
      {403,
       "Free users cannot update a record over 100kb. Upgrade to Pro plan "
       "http://api.jsonbin.io/pricing to update records upto 1mb",
       ErrorKind::kTooBig},
      {403, "Free users cannot create a record over 100kb.", ErrorKind::kTooBig},
      {403, "Requests exhausted. Buy additional requests at https://jsonbin.io/pricing",
       ErrorKind::kOutOfRequests},
      // Guesses.
      {429, "Too many requests", ErrorKind::kSlowDown},
      {403, "The X-Access-Key does not have the permission to update bins", ErrorKind::kNotAllowed},
      {403, "You are not permitted to read this bin", ErrorKind::kNotAllowed},
      {413, "Payload too large", ErrorKind::kTooBig},
      {400, "Invalid Collection Id provided", ErrorKind::kNotThere},
      {403, "Something new", ErrorKind::kRefused},
      {400, "Something new", ErrorKind::kRefused},
      {418, "I'm a teapot", ErrorKind::kRefused},
      {500, "Internal server error", ErrorKind::kAway},
  }));
  CAPTURE(status, message);
  transport.will_answer(status, error_body(message));
  transport.will_answer(status, error_body(message));

  const Error of_read = error_of_read();
  CHECK(of_read.kind == kind);
  CHECK(of_read.status == status);
  CHECK(of_read.message == message);
  CHECK_FALSE(of_read.retry_after);
  CHECK_FALSE(of_read.may_have_been_done);

  const Error of_replace = error_of_replace();
  CHECK(of_replace.kind == kind);
  CHECK(of_replace.may_have_been_done == (status >= 500));
}

TEST_CASE_METHOD(ClientTest, "what is not the service's answer means that it is away") {
  const auto [status, body, may_have_been_done] = GENERATE(table<int, std::string, bool>({
      {200, "", true},
      {200, "<html><body>All is well</body></html>", true},
      {200, R"([{"username":"Ada"},{"user)", true},
      {200, R"([{"username":"Ada"}] behind)", true},
      {200, R"({"a":1,"a":2})", true},
      {200, "\"a text\"", true},
      {200, "7", true},
      {200, "[NaN]", true},
      {200, "[1,]", true},
      {200, "\xEF\xBB\xBF[]", true},
      {200, "[\"\xFF\"]", true},
      {200, R"(["\udc00"])", true},
      {200, R"([{"\udc00":1}])", true},
      {200, std::string("[]\0[", 4), true},
      {200, std::string(Client::kMaxDepth + 1, '[') + std::string(Client::kMaxDepth + 1, ']'),
       true},
      {200, std::string(100'000, '['), true},
      {204, "", true},
      {302, "", true},
      {500, "<html>500 Internal Server Error</html>", true},
      {502, "<html>502 Bad Gateway</html>", true},
      {503, "", true},
      {504, "<html>504 Gateway Time-out</html>", true},
      {520, "error code: 520", true},
      {403, "error code: 1010", false},
      {403, "<html>Just a moment...</html>", false},
      {404, "<html>404 Not Found</html>", false},
      {401, "", false},
      {400, "{}", false},
      {404, R"({"message":7})", false},
      {403, R"(["Requests exhausted"])", false},
      {403, R"({"message":"Requests exhausted)", false},
  }));
  CAPTURE(status, body);
  transport.will_answer(status, body);
  transport.will_answer(status, body);

  const Error of_read = error_of_read();
  CHECK(of_read.kind == ErrorKind::kAway);
  CHECK(of_read.status == status);
  CHECK_FALSE(of_read.may_have_been_done);
  CHECK(of_read.message.find("Ada") == std::string::npos);

  const Error of_replace = error_of_replace();
  CHECK(of_replace.kind == ErrorKind::kAway);
  CHECK(of_replace.may_have_been_done == may_have_been_done);
}

TEST_CASE_METHOD(ClientTest, "a document is read up to the depth that is promised") {
  const int depth = Client::kMaxDepth;
  transport.will_answer(200, std::string(depth, '[') + std::string(depth, ']'));
  CHECK(client.read_latest(kBin));
}

TEST_CASE_METHOD(ClientTest, "an outage's page is quoted in the log's form, and not at length") {
  transport.will_answer(403, "error code: 1010");
  transport.will_answer(502, "<html>\n\x1B[31m" + std::string(5000, 'x'));
  transport.will_answer(502, R"({"record":[{"password":"$argon2id$"}]})");
  transport.will_answer(400, error_body("a\nb" + std::string(5000, 'x')));
  CHECK(error_of_read().message == "not JSONBin's answer: error code: 1010");
  const std::string page_words = error_of_read().message;
  CHECK(page_words.starts_with("not JSONBin's answer: <html>\\x0a\\x1b[31mxxx"));
  CHECK(page_words.size() < 250);
  CHECK(error_of_read().message == "not JSONBin's answer");
  const std::string service_words = error_of_read().message;
  CHECK(service_words.starts_with("a\\x0abxxx"));
  CHECK(service_words.size() < 250);
}

TEST_CASE_METHOD(ClientTest, "a 200 to a change that does not look like one may be one") {
  transport.will_answer(200, GENERATE("{}", "[]", R"({"message":"ok"})",
                                      R"({"metadata":{"id":"../../c"}})", R"({"metadata":[]})"));
  SECTION("replace") {
    const Error error = error_of_replace();
    CHECK(error.kind == ErrorKind::kAway);
    CHECK(error.may_have_been_done);
  }
  SECTION("create") {
    const Error error = client.create(json("[{}]"), {}).error();
    CHECK(error.kind == ErrorKind::kAway);
    CHECK(error.may_have_been_done);
  }
}

TEST_CASE_METHOD(ClientTest, "a lost answer to a change may have been a yes") {
  const bool arrived = GENERATE(true, false);
  transport.will_be_away("Timeout was reached", arrived);
  transport.will_be_away("Timeout was reached", arrived);
  const Error of_replace = error_of_replace();
  CHECK(of_replace.kind == ErrorKind::kAway);
  CHECK(of_replace.status == 0);
  CHECK(of_replace.message == "Timeout was reached");
  CHECK(of_replace.may_have_been_done == arrived);
  CHECK_FALSE(error_of_read().may_have_been_done);
}

TEST_CASE_METHOD(ClientTest, "a pause that the service asks for is passed on") {
  using std::chrono::seconds;
  const auto [header, wanted] = GENERATE(table<std::string, std::optional<seconds>>({
      {"", std::nullopt},
      {"7", seconds{7}},
      {"0", seconds{0}},
      {"86401", seconds{86400}},
      {"99999999999999999999999", seconds{86400}},
      {"-5", std::nullopt},
      {"soon", std::nullopt},
      {"1.5", std::nullopt},
      // The fake clock stands at 2026-11-23T17:30:00Z.
      {"Mon, 23 Nov 2026 17:30:42 GMT", seconds{42}},
      {"Monday, 23-Nov-26 17:30:42 GMT", seconds{42}},
      {"Mon Nov 23 17:30:42 2026", seconds{42}},
      {"Sun, 22 Nov 2026 17:30:42 GMT", seconds{0}},
      {"Mon, 23 Nov 2037 17:30:42 GMT", seconds{86400}},
      {"Mon, 23 Nov 2026 17:30:42 CET", std::nullopt},
  }));
  CAPTURE(header);
  const auto [status, body, kind] = GENERATE(table<int, std::string, ErrorKind>({
      {429, "", ErrorKind::kSlowDown},
      {429, "error code: 1015", ErrorKind::kSlowDown},
      {429, R"({"message":"Slow down"})", ErrorKind::kSlowDown},
      {503, "<html>", ErrorKind::kAway},
  }));
  transport.will_answer(status, body, header);
  const Error error = error_of_replace();
  CHECK(error.kind == kind);
  CHECK(error.retry_after == wanted);
  CHECK(error.may_have_been_done == (status == 503));
}

TEST_CASE_METHOD(ClientTest, "the key is in its header, and nowhere else") {
  transport.will_answer(400, error_body("key " + kKey + " and " + kKey + " again"));
  transport.will_answer(502, kKey + " <html>" + kKey);
  transport.will_answer(200, R"([")" + kKey);
  transport.will_be_away("cannot send " + kKey, true);
  CHECK(error_of_read().message == "key [key] and [key] again");
  CHECK(error_of_replace().message == "not JSONBin's answer: [key] <html>[key]");
  CHECK(error_of_read().message.find(kKey) == std::string::npos);
  CHECK(client.create(json("[{}]"), {}).error().message == "cannot send [key]");

  for (const HttpRequest& request : transport.requests()) {
    REQUIRE(request.secret_header);
    CHECK(request.secret_header->name == "X-Master-Key");
    CHECK(request.secret_header->value.reveal() == kKey);
    std::string printable = request.method + request.url + request.body;
    for (const auto& [name, value] : request.headers) printable += name + value;
    CHECK(printable.find(kKey) == std::string::npos);
  }
}

TEST_CASE_METHOD(ClientTest, "an access key has its own header") {
  Client narrow(transport, clock,
                {.key_kind = Client::KeyKind::kAccess, .key = SecretString(kKey)});
  transport.will_answer(200, "[]");
  CHECK(narrow.read_latest(kBin));
  CHECK(transport.requests().at(0).secret_header->name == "X-Access-Key");
}

TEST_CASE_METHOD(ClientTest, "a key that cannot be sent is refused, and not quoted") {
  const std::string key =
      GENERATE("", "secret\n", "sec ret", " secret", "secret\r\nX-Bin-Private: false", "secret\t");
  try {
    Client(transport, clock, {.key = SecretString(key)});
    FAIL("accepted");
  } catch (const BadSetting& failure) {
    CHECK(std::string(failure.what()).find("secret") == std::string::npos);
  }
}

TEST_CASE_METHOD(ClientTest, "another base URL is used as it is given") {
  const auto [base, url] = GENERATE(table<std::string, std::string>({
      {"http://127.0.0.1:4711", "http://127.0.0.1:4711/b/x/latest"},
      {"http://127.0.0.1:4711/", "http://127.0.0.1:4711/b/x/latest"},
      {"HTTPS://bins.example.org/v3/", "HTTPS://bins.example.org/v3/b/x/latest"},
      {"http://[::1]:80/v3", "http://[::1]:80/v3/b/x/latest"},
  }));
  Client other(transport, clock, {.base_url = base, .key = SecretString(kKey)});
  transport.will_answer(200, "[]");
  CHECK(other.read_latest("x"));
  CHECK(first_url() == url);
}

TEST_CASE_METHOD(ClientTest, "a base URL that is none, or says too much, is refused") {
  const std::string base = GENERATE(
      "", "https://", "https:///v3", "api.jsonbin.io/v3", "ftp://example.org", "file:///etc/passwd",
      "http:/example.org", "https://me:secret@example.org", "https://example.org/?a=secret",
      "https://example.org/#secret", "https://exa mple.org", "https://example.org\n");
  CAPTURE(base);
  try {
    Client(transport, clock, {.base_url = base, .key = SecretString(kKey)});
    FAIL("accepted");
  } catch (const BadSetting& failure) {
    CHECK(std::string(failure.what()).find("secret") == std::string::npos);
  }
}

TEST_CASE_METHOD(ClientTest, "an id cannot lead to another address") {
  transport.will_answer(400, error_body("Invalid Bin Id provided"));
  CHECK(client.read_latest("../c/x?y#z").error().kind == ErrorKind::kNotThere);
  CHECK(first_url() == "https://api.jsonbin.io/v3/b/..%2Fc%2Fx%3Fy%23z/latest");
}

TEST_CASE("every kind of error has a word") {
  const auto [kind, word] = GENERATE(table<ErrorKind, std::string>({
      {ErrorKind::kNotThere, "not_there"},
      {ErrorKind::kNotAllowed, "not_allowed"},
      {ErrorKind::kTooBig, "too_big"},
      {ErrorKind::kOutOfRequests, "out_of_requests"},
      {ErrorKind::kSlowDown, "slow_down"},
      {ErrorKind::kAway, "away"},
      {ErrorKind::kBlankRefused, "blank_refused"},
      {ErrorKind::kRefused, "refused"},
  }));
  CHECK(word_for(kind) == word);
}
