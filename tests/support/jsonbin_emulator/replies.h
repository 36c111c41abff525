// The service's answers: its words, and what an outage says instead.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <json/value.h>

#include "base/clock.h"
#include "http/response.h"
#include "support/jsonbin_emulator/switches.h"

namespace userbin::emulator {

/// 200 and `text`, which is JSON, or was when somebody put it there.
http::Response json_reply(std::string text);
http::Response json_reply(const Json::Value& value);
/// {"record": <record>, "metadata": ...}, the record as it is.
http::Response record_reply(std::string_view record, const Json::Value& metadata);
/// {"message": "..."}.
http::Response message_reply(int status, const std::string& message);

/// 403: the plan's requests are used up.
http::Response exhausted_reply();
/// 403, not JSON: the guard in front of the service.
http::Response bot_reply();
/// 429, with Retry-After as `switches` say.
http::Response too_fast_reply(const Switches& switches, base::WallTime now);
/// An outage's page.
http::Response html_reply(int status);

/// nginx closes the connection without an answer; `status` is 444, nginx's number for it.
http::Response cut_reply();
inline constexpr int kCutStatus = 444;
/// The same answer, of which nginx sends half the body and then closes the connection.
http::Response cut_in_half(http::Response reply);
/// The same answer, which nginx sends slowly.
http::Response slowed(http::Response reply, std::uint64_t bytes_per_second);
/// 200 and a JSON array of one text, `bytes` long in all, which nginx sends from a file that is
/// made under `folder`/huge. Throws std::runtime_error if it cannot be.
http::Response huge_reply(const std::filesystem::path& folder, std::uint64_t bytes);

}  // namespace userbin::emulator
