// The emulator against JSONBIN.md's tables: statuses, messages and shapes, through a real nginx.
#include "support/emulator.h"

#include <set>

#include "support/catch.h"

using namespace userbin::test;

namespace {

using Headers = std::vector<std::string>;

const std::string kNowhere = "0123456789abcdef01234567";
const std::string kJson = "Content-Type: application/json";
const std::string kBadMaster = "X-Master-Key: $2a$10$wrong";
const std::string kAccessKey = "$2a$10$narrow";
const std::string kAccess = "X-Access-Key: " + kAccessKey;
const std::string kBadAccess = "X-Access-Key: $2a$10$wrong";

const std::string kBlank = "Bin cannot be blank";
const std::string kInvalidJson = "Invalid JSON. Please try again";
const std::string kInvalidId = "Invalid Bin Id provided";
const std::string kNoType = "You need to pass Content-Type set to application/json";
const std::string kNotFound = "Bin not found or it doesn't belong to your account";
const std::string kNoKey = "You need to pass X-Master-Key or X-Access-Key in the header to ";
const std::string kNotYourMaster =
    "X-Master-Key is invalid or the bin doesn't belong to your account";
const std::string kPro = " a record over 100kb. Upgrade to Pro plan http://api.jsonbin.io/pricing ";

std::string master(const Emulator& emulator) {
  return "X-Master-Key: " + emulator.key();
}

std::string document_of(std::size_t bytes) {
  return "[\"" + std::string(bytes - 4, 'a') + "\"]";
}

struct Refusal {
  std::string method;
  std::string path;
  Headers headers;
  std::string body;
  int status;
  std::string message;
};

void check(const Emulator& emulator, const std::vector<Refusal>& rows) {
  HttpClient client(emulator.url());
  for (const Refusal& row : rows) {
    CAPTURE(row.method, row.path, row.headers, row.body.substr(0, 100), row.message);
    const Answer answer = client.send(
        {.method = row.method, .path = row.path, .body = row.body, .headers = row.headers});
    CHECK(answer.status == row.status);
    CHECK(answer.header("Content-Type") == "application/json; charset=utf-8");
    CHECK(answer.json()["message"].asString() == row.message);
    CHECK(answer.json().size() == 1);
  }
}

/// A bin made over the API; its answer's metadata.
Json::Value create(HttpClient& client, const Headers& headers, const std::string& body = "[{}]") {
  const Answer answer = client.post_json("/b", body, headers);
  CAPTURE(answer.body);
  REQUIRE(answer.status == 200);
  return answer.json()["metadata"];
}

std::string message_of(const Answer& answer) {
  return answer.json()["message"].asString();
}

std::set<std::string> names_of(const Json::Value& object) {
  const auto names = object.getMemberNames();
  return {names.begin(), names.end()};
}

}  // namespace

TEST_CASE("the emulator refuses documents as JSONBin does", "[emulator]") {
  const Emulator emulator;
  const std::string bin = "/b/" + emulator.create_bin("[{}]");
  const std::string key = master(emulator);
  const Headers typed = {kJson, key};
  const Headers unusual = {"Content-Type: Application/JSON ; charset=utf-8", key};
  const std::string cannot_update =
      "Free users cannot update" + kPro + "to update records upto 1mb";
  const std::string cannot_create =
      "Free users cannot create" + kPro + "to create records upto 1mb";
  check(emulator, {
                      {"POST", "/b", {key}, "[{}]", 400, kNoType},
                      {"POST", "/b", {key, "Content-Type: text/json"}, "[{}]", 400, kNoType},
                      {"PUT", bin, {key}, "[{}]", 400, kNoType},
                      {"POST", "/b", typed, "{}", 400, kBlank},
                      {"POST", "/b", typed, "", 400, kBlank},
                      {"POST", "/b", typed, "[]", 400, kBlank},
                      {"POST", "/b", unusual, "[ ]", 400, kBlank},
                      {"PUT", bin, typed, "{}", 400, kBlank},
                      {"PUT", bin, typed, "[]", 400, kBlank},
                      {"PUT", bin, typed, "[{\"a\":", 400, kInvalidJson},
                      {"PUT", bin, typed, "[1] x", 400, kInvalidJson},
                      {"PUT", bin, typed, "null", 400, kInvalidJson},
                      {"PUT", bin, typed, "5", 400, kInvalidJson},
                      {"PUT", bin, typed, "\"text\"", 400, kInvalidJson},
                      {"POST", "/b", typed, "true", 400, kInvalidJson},
                      {"PUT", bin, typed, document_of(100'001), 403, cannot_update},
                      {"PUT", bin, typed, document_of(1'000'000), 403, cannot_update},
                      {"POST", "/b", typed, document_of(100'001), 403, cannot_create},
                  });
  CHECK(emulator.bin(bin.substr(3)) == "[{}]");
}

TEST_CASE("the emulator refuses ids and keys as JSONBin does", "[emulator]") {
  const Emulator emulator(Emulator::Options{.flags = {"--access-key=" + kAccessKey}});
  const std::string bin = "/b/" + emulator.create_bin("[{}]");
  const std::string key = master(emulator);
  const std::string collection = "/c/" + kNowhere + "/bins";
  check(emulator,
        {
            {"GET", "/b/123/latest", {key}, "", 400, kInvalidId},
            {"GET", "/b/" + kNowhere + "0", {key}, "", 400, kInvalidId},
            {"GET", "/b/g" + kNowhere.substr(1), {key}, "", 400, kInvalidId},
            {"PUT", "/b/123", {}, "[{}]", 400, kInvalidId},  // before the Content-Type
            {"DELETE", "/b/123", {key}, "", 400, kInvalidId},
            {"GET", "/b/" + kNowhere + "/latest", {key}, "", 404, kNotFound},
            {"GET", bin + "/1", {key}, "", 404, kNotFound},
            {"GET", bin + "/newest", {key}, "", 404, kNotFound},
            {"DELETE", "/b/" + kNowhere, {key}, "", 404, kNotFound},
            {"PUT", "/b/" + kNowhere, {key, kJson}, "[{}]", 404, "Bin not found"},
            {"GET", bin + "/latest", {}, "", 401, kNoKey + "read a private bin"},
            {"GET", bin + "/versions/count", {}, "", 401, kNoKey + "read a private bin"},
            {"PUT", bin, {kJson}, "[{}]", 401, kNoKey + "update a private bin"},
            {"POST", "/b", {kJson}, "[{}]", 401, kNoKey + "create a bin"},
            {"DELETE", bin, {}, "", 401, kNoKey + "delete a bin"},
            {"GET", bin + "/latest", {kBadMaster}, "", 401, kNotYourMaster},
            {"DELETE", bin, {kBadMaster}, "", 401, kNotYourMaster},
            {"PUT",
             bin,
             {kBadMaster, kJson},
             "[{}]",
             401,
             "Invalid X-Master-Key provided or the bin does not belong to your account"},
            {"POST", "/b", {kBadMaster, kJson}, "[{}]", 401, "Invalid X-Master-Key provided"},
            {"GET", collection, {kBadMaster}, "", 401, "Invalid X-Master-Key provided"},
            {"POST", "/c", {kBadMaster}, "", 401, "Invalid X-Master-Key provided"},
            {"GET",
             bin + "/latest",
             {kBadAccess},
             "",
             401,
             "X-Access-Key is invalid or the bin doesn't belong to your account"},
            {"GET", collection, {kAccess}, "", 401, "You need to pass X-Master-Key in the header"},
            {"PATCH", bin, {key, kJson}, "[{}]", 404, "Route not found!"},
        });
  CHECK(emulator.bin(bin.substr(3)) == "[{}]");
}

TEST_CASE("a bin is created, read, replaced and deleted in JSONBin's shapes", "[emulator]") {
  const Emulator emulator;
  HttpClient client(emulator.url());
  const Headers key = {master(emulator)};
  const Json::Value created = create(client, {key[0], "X-Bin-Name: users"}, R"([{"a":"ü"}])");
  const std::string path = "/b/" + created["id"].asString();
  CHECK(names_of(created) == std::set<std::string>{"createdAt", "id", "name", "private"});
  CHECK(created["private"] == true);
  CHECK(created["id"].asString().size() == 24);
  CHECK(created["createdAt"].asString().size() == std::string("yyyy-MM-ddTHH:mm:ss.SSSZ").size());

  const Json::Value read = client.get(path + "/latest", key).json();
  CHECK(read["record"][0]["a"] == "ü");
  CHECK(read["metadata"]["id"] == created["id"]);
  CHECK(read["metadata"]["private"] == true);
  for (const Headers& off : {Headers{"X-Bin-Meta: false"}, Headers{}}) {
    const std::string query = off.empty() ? "?meta=false" : "";
    Headers headers = off;
    headers.push_back(key[0]);
    CHECK(client.get(path + "/latest" + query, headers).body == R"([{"a":"ü"}])");
  }
  CHECK(client.get(path + "/latest", {key[0], "X-Bin-Meta: 0"}).json().isMember("record"));

  const Answer put =
      client.send({.method = "PUT", .path = path, .body = "{\"b\":1}", .headers = {key[0], kJson}});
  CHECK(put.status == 200);
  CHECK(put.json()["record"]["b"] == 1);
  CHECK(names_of(put.json()["metadata"]) == std::set<std::string>{"parentId", "private"});
  CHECK(put.json()["metadata"]["parentId"] == created["id"]);
  CHECK(emulator.bin(created["id"].asString()) == "{\"b\":1}");

  const Answer deleted = client.send({.method = "DELETE", .path = path, .headers = key});
  CHECK(deleted.json()["metadata"]["id"] == created["id"]);
  CHECK(deleted.json()["metadata"]["versionsDeleted"] == 0);
  CHECK(message_of(deleted) == "Bin deleted successfully");
  CHECK(client.get(path + "/latest", key).status == 404);
}

TEST_CASE("anyone reads and overwrites a public bin, and nobody else deletes it", "[emulator]") {
  const Emulator emulator;
  HttpClient client(emulator.url());
  const Json::Value created = create(client, {master(emulator), "X-Bin-Private: false"});
  const std::string path = "/b/" + created["id"].asString();
  CHECK(created["private"] == false);
  CHECK(client.get(path + "/latest").status == 200);
  CHECK(client.get(path + "/latest", {kBadMaster}).status == 200);
  CHECK(client.send({.method = "PUT", .path = path, .body = "[1]", .headers = {kJson}}).status ==
        200);
  CHECK(client.send({.method = "DELETE", .path = path}).status == 401);
  CHECK(emulator.bin(created["id"].asString()) == "[1]");
}

TEST_CASE("an access key may do what it is permitted", "[emulator]") {
  const Emulator emulator(Emulator::Options{
      .flags = {"--access-key=" + kAccessKey, "--access-permissions=read,update"}});
  const std::string path = "/b/" + emulator.create_bin("[{}]");
  HttpClient client(emulator.url());
  CHECK(client.get(path + "/latest", {kAccess}).status == 200);
  CHECK(client.send({.method = "PUT", .path = path, .body = "[1]", .headers = {kAccess, kJson}})
            .status == 200);
  CHECK(client.send({.method = "DELETE", .path = path, .headers = {kAccess}}).status == 401);
  CHECK(client.post_json("/b", "[1]", {kAccess}).status == 401);
}

TEST_CASE("versions are made when they are asked for, counted and deleted", "[emulator]") {
  const Emulator emulator;
  HttpClient client(emulator.url());
  const std::string key = master(emulator);
  const std::string id = emulator.create_bin("[0]");
  const std::string path = "/b/" + id;
  const auto put = [&](const std::string& body, const Headers& more) {
    Headers headers = {key, kJson};
    headers.insert(headers.end(), more.begin(), more.end());
    return client.send({.method = "PUT", .path = path, .body = body, .headers = headers})
        .json()["metadata"];
  };
  const auto read = [&](const std::string& version) {
    return client.get(path + version, {key, "X-Bin-Meta: false"}).body;
  };
  const auto count = [&] {
    return client.get(path + "/versions/count", {key}).json()["metadata"]["versionCount"].asInt();
  };
  CHECK(put("[1]", {"X-Bin-Versioning: true"})["version"] == 1);
  CHECK(put("[2]", {"X-Bin-Versioning: true"})["version"] == 2);
  CHECK_FALSE(put("[3]", {}).isMember("version"));
  CHECK(read("/0") == "[0]");
  CHECK(read("/1") == "[1]");
  CHECK(read("/latest") == "[3]");
  CHECK(count() == 2);

  CHECK(read("") == "[0]");
  emulator.set(R"({"plain_get": "latest"})");
  CHECK(read("") == "[3]");

  const Answer gone = client.send({.method = "DELETE",
                                   .path = path + "/versions",
                                   .headers = {key, "X-Preserve-Latest: true"}});
  CHECK(message_of(gone) == "Versions for the Bin are deleted successfully");
  CHECK(gone.json()["metadata"]["versionsDeleted"] == 2);
  CHECK(count() == 0);
  CHECK(read("/latest") == "[3]");
}

TEST_CASE("a collection lists its bins ten a page, after the last id", "[emulator]") {
  const Emulator emulator;
  HttpClient client(emulator.url());
  const std::string key = master(emulator);
  const Answer made =
      client.send({.method = "POST", .path = "/c", .headers = {key, "X-Collection-Name: users"}});
  CHECK(made.json()["metadata"]["name"] == "users");
  const std::string collection = made.json()["record"].asString();
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) {
    const Json::Value bin = create(
        client, {key, "X-Collection-Id: " + collection, "X-Bin-Name: n" + std::to_string(i)});
    CHECK(bin["collectionId"] == collection);
    ids.push_back(bin["id"].asString());
  }
  create(client, {key});  // in no collection
  const std::string path = "/c/" + collection + "/bins";
  const Json::Value first = client.get(path, {key}).json();
  REQUIRE(first.size() == 10);
  CHECK(names_of(first[0]) ==
        std::set<std::string>{"createdAt", "private", "record", "snippetMeta"});
  CHECK(first[0]["record"] == ids[0]);
  CHECK(first[0]["snippetMeta"]["name"] == "n0");
  const Json::Value second = client.get(path + "/" + ids[9], {key}).json();
  REQUIRE(second.size() == 2);
  CHECK(second[1]["record"] == ids[11]);
  CHECK(client.get(path + "/" + ids[11], {key}).body == "[]");
  CHECK(client.get(path, {key, "X-Sort-Order: descending"}).json()[0]["record"] == ids[11]);
  CHECK(client.get("/b/" + ids[0], {key}).json()["metadata"]["collectionId"] == collection);
  check(emulator, {{"POST",
                    "/b",
                    {key, kJson, "X-Collection-Id: 1"},
                    "[1]",
                    400,
                    "Invalid X-Collection-Id provided"},
                   {"GET", "/c/1/bins", {key}, "", 400, "Invalid Collection Id provided"},
                   {"GET",
                    "/c/" + kNowhere + "/bins",
                    {key},
                    "",
                    404,
                    "Collection not found or it doesn't belong to your account"}});
}

TEST_CASE("what is a guess can be switched", "[emulator]") {
  const Emulator emulator(
      Emulator::Options{.flags = {R"(--settings={"accepts_empty_array": true})"}});
  HttpClient client(emulator.url());
  const Headers headers = {master(emulator)};
  CHECK(client.post_json("/b", "[]", headers).status == 200);
  CHECK(client.post_json("/b", "{}", headers).status == 400);

  CHECK(client.post_json("/b", document_of(100'000), headers).status == 200);
  CHECK(client.post_json("/b", document_of(102'400), headers).status == 403);
  emulator.set(R"({"record_limit_bytes": 102400})");
  CHECK(client.post_json("/b", document_of(102'400), headers).status == 200);
  CHECK(client.post_json("/b", document_of(102'401), headers).status == 403);

  CHECK(client.post_json("/b", "[1]", headers).status == 200);
  emulator.set(R"({"bot_rule": true})");
  for (const char* agent : {"User-Agent:", "User-Agent: python-requests/2.31", "User-Agent: own"}) {
    CAPTURE(agent);
    const Answer answer = client.post_json("/b", "[1]", {headers[0], agent});
    const bool is_own = std::string(agent).ends_with("own");
    CHECK(answer.status == (is_own ? 200 : 403));
    CHECK((answer.body == "error code: 1010") == !is_own);
  }
}

TEST_CASE("a record of the Pro plan is kept whole", "[emulator]") {
  const Emulator emulator;
  emulator.set(R"({"record_limit_bytes": 1000000})");
  HttpClient client(emulator.url());
  const std::string path = "/b/" + emulator.create_bin("[1]");
  const std::string document = document_of(1'000'000);
  const Headers headers = {master(emulator), kJson};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(
        client.send({.method = "PUT", .path = path, .body = document, .headers = headers}).status ==
        200);
  }
  CHECK(client.get(path + "/latest", {headers[0], "X-Bin-Meta: false"}).body == document);
  CHECK(emulator.bin(path.substr(3)) == document);
}

TEST_CASE("every request costs one until the quota is spent", "[emulator]") {
  const Emulator emulator;
  HttpClient client(emulator.url());
  const std::string path = "/b/" + emulator.create_bin("[1]") + "/latest";
  emulator.set(R"({"requests_left": 3})");
  CHECK(client.get(path, {master(emulator)}).status == 200);
  CHECK(client.get(path).status == 401);
  CHECK(client.get(path, {master(emulator)}).status == 200);
  for (int i = 0; i < 2; ++i) {
    const Answer answer = client.get(path, {master(emulator)});
    CHECK(answer.status == 403);
    CHECK(message_of(answer) ==
          "Requests exhausted. Buy additional requests at https://jsonbin.io/pricing");
  }
  emulator.set(R"({"requests_left": null})");
  CHECK(client.get(path, {master(emulator)}).status == 200);
}

TEST_CASE("the control path counts what was asked, costs nothing and says mistakes", "[emulator]") {
  Emulator emulator;
  emulator.set(R"({"requests_left": 0, "latency_ms": 60000})");
  const std::string id = emulator.create_bin("[1]");
  emulator.set_bin(id, "<not even JSON>");
  CHECK(emulator.bin(id) == "<not even JSON>");
  CHECK(emulator.stats()["requests"] == 0);
  emulator.set(R"({"requests_left": null, "latency_ms": 0})");

  HttpClient client(emulator.url());
  client.get("/b/" + id + "/latest", {master(emulator)});
  client.get("/b/" + id + "/latest");
  client.post_json("/b", "[1]", {master(emulator)});
  const Json::Value stats = emulator.stats();
  CHECK(stats["requests"] == 3);
  CHECK(stats["refused"] == 1);
  CHECK(stats["verbs"]["read"] == 2);
  CHECK(stats["verbs"]["create"] == 1);
  CHECK(stats["bins"][id]["read"] == 2);
  emulator.reset_stats();
  CHECK(emulator.stats()["requests"] == 0);

  CHECK_THROWS(emulator.add_fault(R"({"fault": "cutt"})"));
  CHECK_THROWS(emulator.add_fault(R"([{"fault": "cut"}, {"fault": "cut", "time": 1}])"));
  CHECK_THROWS(emulator.set(R"({"latency": 1})"));
  CHECK_THROWS(emulator.set("{"));
  CHECK_THROWS(emulator.bin(kNowhere));
  CHECK_THROWS(emulator.bin("../meta/" + id));
  CHECK(client.get("/b/" + id + "/latest", {master(emulator)}).status == 200);
}

TEST_CASE("bins outlive the program", "[emulator]") {
  Emulator emulator;
  const std::string id = emulator.create_bin("[1]");
  emulator.stop();
  CHECK(HttpClient(emulator.url()).get("/b/" + id).status == 0);
  emulator.start();
  CHECK(emulator.bin(id) == "[1]");
}
