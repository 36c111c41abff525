#include "base/audit.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include "base/failure.h"
#include "base/json.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

using namespace userbin::base;
using namespace userbin::test;

namespace {

const WallTime kTime = *parse_rfc3339("2026-11-24T09:15:00.25Z");

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream text(text_of(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

/// No other test is to write into a file that is gone.
struct AuditTo {
  explicit AuditTo(const std::string& file, AuditFormat format = AuditFormat::kText) {
    open_audit({.target = AuditOptions::Target::kFile, .file = file, .format = format});
  }
  ~AuditTo() { open_audit({}); }
};

}  // namespace

TEST_CASE("a line of the audit log says when, what, who and from where, as text and as JSON") {
  const AuditRecord record{.event = AuditEvent::kRoleChange,
                           .outcome = AuditOutcome::kOk,
                           .client = "2001:db8::7",
                           .user = "bob",
                           .by = "Ada L.",
                           .detail = "admin",
                           .request_id = "c0ffee"};
  CHECK(audit_line(record, AuditFormat::kText, kTime) ==
        "2026-11-24T09:15:00.250000Z audit event=role_change outcome=ok client=2001:db8::7 "
        "user=\"bob\" by=\"Ada L.\" detail=\"admin\" id=c0ffee");
  CHECK(audit_line(record, AuditFormat::kJson, kTime) ==
        "{\"time\":\"2026-11-24T09:15:00.250000Z\",\"event\":\"role_change\",\"outcome\":\"ok\","
        "\"client\":\"2001:db8::7\",\"user\":\"bob\",\"by\":\"Ada L.\",\"detail\":\"admin\","
        "\"request_id\":\"c0ffee\"}");
}

TEST_CASE("what is not known is a dash, or null") {
  const AuditRecord record{.event = AuditEvent::kLogin, .outcome = AuditOutcome::kThrottled};
  CHECK(audit_line(record, AuditFormat::kText, kTime) ==
        "2026-11-24T09:15:00.250000Z audit event=login outcome=throttled client=- user=- by=- "
        "detail=- id=-");
  const auto json = from_json(audit_line(record, AuditFormat::kJson, kTime));
  REQUIRE(json);
  CHECK((*json)["user"].isNull());
  CHECK((*json)["client"].isNull());
}

TEST_CASE("nothing from outside ends a line of the audit log or passes for a part of it") {
  const std::string hostile = GENERATE(
      as<std::string>{}, "\" client=192.0.2.66 user=\"x", "x\" outcome=failed client=192.0.2.66",
      "a\nb", "a\r\nb", "\x1b[2J", "\xc2\x9b", "\xff\xfe", "\xe2\x80\xa8", "\xe2\x80\xa9", "\\\"",
      "\",\"client\":\"", "-", std::string(100'000, 'x'));
  const AuditRecord record{.event = AuditEvent::kLogin,
                           .outcome = AuditOutcome::kFailed,
                           .client = hostile,
                           .user = hostile,
                           .by = hostile,
                           .detail = hostile,
                           .request_id = hostile};
  const std::string text = audit_line(record, AuditFormat::kText, kTime);
  const std::string json = audit_line(record, AuditFormat::kJson, kTime);
  for (const std::string& line : {text, json}) {
    CHECK(line.size() < 2000);
    for (const char* bad :
         {"\n", "\r", "\x1b", "\xc2\x9b", "\xff", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
      CHECK(line.find(bad) == std::string::npos);
    }
  }
  // Outside of quotes there is nothing but what stands there always.
  std::string frame;
  bool in_quotes = false;
  for (const char c : text) {
    if (c == '"') in_quotes = !in_quotes;
    if (!in_quotes && c != '"') frame += c;
  }
  CHECK_FALSE(in_quotes);
  const std::string bare = hostile == "-" ? "-" : "";
  CHECK(frame == "2026-11-24T09:15:00.250000Z audit event=login outcome=failed client=" + bare +
                     " user= by= detail= id=" + bare);
  const auto parsed = from_json(json);
  REQUIRE(parsed);
  CHECK(parsed->size() == 8);
  CHECK((*parsed)["outcome"] == "failed");
}

TEST_CASE("lines of many threads stand whole in the audit log") {
  const TemporaryFolder folder;
  const std::string file = folder.file("audit.log");
  const AuditTo audit_to(file, AuditFormat::kJson);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int k = 0; k < 100; ++k) {
        audit({.event = AuditEvent::kLogin, .user = std::string(200, static_cast<char>('a' + i))});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto lines = lines_of(file);
  CHECK(lines.size() == 400);
  for (const std::string& line : lines) CHECK(from_json(line));
}

TEST_CASE("the audit log's file is not for everybody, is appended to and opened anew") {
  const TemporaryFolder folder;
  const std::string file = folder.file("audit.log");
  {
    const AuditTo audit_to(file);
    audit({.event = AuditEvent::kLogin, .user = "ada"});
    struct stat facts {};
    REQUIRE(::stat(file.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777 & ~0640U) == 0);
  }
  const AuditTo audit_to(file);
  audit({.event = AuditEvent::kLogin, .user = "bob"});
  CHECK(lines_of(file).size() == 2);
  std::filesystem::rename(file, file + ".1");
  audit({.event = AuditEvent::kLogin, .user = "carol"});
  reopen_audit();
  audit({.event = AuditEvent::kLogin, .user = "dora"});
  CHECK(lines_of(file + ".1").size() == 3);
  REQUIRE(lines_of(file).size() == 1);
  CHECK(lines_of(file)[0].find("user=\"dora\"") != std::string::npos);
}

TEST_CASE("an audit log that cannot be opened is named with its setting") {
  const TemporaryFolder folder;
  std::string message;
  try {
    const AuditTo audit_to(folder.file("nowhere/audit.log"));
  } catch (const BadSetting& error) {
    message = error.what();
  }
  CHECK(message.find("--audit-log: " + folder.file("nowhere/audit.log") + ": No such file") == 0);
  CHECK(message.find("; give a path") != std::string::npos);
}

TEST_CASE("a disk that is full for the audit log is told once") {
  CapturedLog log;
  const AuditTo audit_to("/dev/full");
  for (int i = 0; i < 3; ++i) audit({.event = AuditEvent::kLogin, .user = "ada"});
  CHECK(log.count("error: the audit log cannot be written") == 1);
}
