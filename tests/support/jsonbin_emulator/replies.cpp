#include "support/jsonbin_emulator/replies.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/json.h"

namespace userbin::emulator {

namespace {

http::Response reply(int status, const char* content_type, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

std::string http_date(base::WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch();
  return fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(seconds.count()));
}

/// `["aaa...a"]`.
void write_huge_file(const std::filesystem::path& path, std::uint64_t bytes) {
  const std::filesystem::path temporary = path.string() + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  const std::string piece(64 * 1024, 'a');
  file << "[\"";
  for (std::uint64_t left = bytes - 4; left > 0;) {
    const std::uint64_t count = std::min<std::uint64_t>(left, piece.size());
    file.write(piece.data(), static_cast<std::streamsize>(count));
    left -= count;
  }
  file << "\"]";
  file.close();
  if (!file) throw std::runtime_error(temporary.string() + " cannot be written");
  std::filesystem::rename(temporary, path);
}

}  // namespace

http::Response json_reply(std::string text) {
  return reply(200, "application/json; charset=utf-8", std::move(text));
}

http::Response json_reply(const Json::Value& value) {
  return json_reply(base::to_json(value));
}

http::Response record_reply(std::string_view record, const Json::Value& metadata) {
  return json_reply(
      fmt::format(R"({{"record":{},"metadata":{}}})", record, base::to_json(metadata)));
}

http::Response message_reply(int status, const std::string& message) {
  Json::Value value;
  value["message"] = message;
  http::Response response = json_reply(value);
  response.status = status;
  return response;
}

http::Response exhausted_reply() {
  return message_reply(403,
                       "Requests exhausted. Buy additional requests at https://jsonbin.io/pricing");
}

http::Response bot_reply() {
  return reply(403, "text/plain; charset=UTF-8", "error code: 1010");
}

http::Response too_fast_reply(const Switches& switches, base::WallTime now) {
  http::Response response = message_reply(429, "Too many requests");
  const std::chrono::seconds delay(switches.retry_after_seconds);
  switch (switches.retry_after) {
    case Switches::RetryAfter::kNone: break;
    case Switches::RetryAfter::kSeconds:
      response.headers.emplace_back("Retry-After", std::to_string(delay.count()));
      break;
    case Switches::RetryAfter::kDate:
      response.headers.emplace_back("Retry-After", http_date(now + delay));
      break;
  }
  return response;
}

http::Response html_reply(int status) {
  return reply(status, "text/html; charset=UTF-8",
               fmt::format("<!DOCTYPE html>\n<html><head><title>{0}</title></head>\n"
                           "<body><h1>Error {0}</h1><p>jsonbin.io is away.</p></body></html>\n",
                           status));
}

http::Response cut_reply() {
  http::Response response;
  response.status = kCutStatus;
  response.headers.emplace_back("X-Accel-Redirect", "/cut");
  return response;
}

http::Response cut_in_half(http::Response reply) {
  reply.headers.emplace_back("Content-Length", std::to_string(reply.body.size()));
  reply.body.resize(reply.body.size() / 2);
  return reply;
}

http::Response slowed(http::Response reply, std::uint64_t bytes_per_second) {
  reply.headers.emplace_back("X-Accel-Limit-Rate", std::to_string(bytes_per_second));
  return reply;
}

http::Response huge_reply(const std::filesystem::path& folder, std::uint64_t bytes) {
  const std::string name = std::to_string(bytes) + ".json";
  std::filesystem::create_directories(folder / "huge");
  if (!std::filesystem::exists(folder / "huge" / name)) {
    write_huge_file(folder / "huge" / name, bytes);
  }
  http::Response response = json_reply(std::string());
  response.headers.emplace_back("X-Accel-Redirect", "/huge/" + name);
  return response;
}

}  // namespace userbin::emulator
