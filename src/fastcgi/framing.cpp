#include "fastcgi/framing.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace userbin::fastcgi {

namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr unsigned kVersion = 1;
constexpr unsigned kBeginRequest = 1;
constexpr unsigned kEndRequest = 3;
constexpr unsigned kParams = 4;
constexpr unsigned kStdin = 5;
constexpr unsigned kStdout = 6;
constexpr unsigned kResponder = 1;
constexpr unsigned kAuthorizer = 2;
constexpr unsigned kKeepConnection = 1;
constexpr std::size_t kMaxContentBytes = 0xFFFF;
constexpr std::string_view kAllDone("\0\0\0\0\0\0\0\0", 8);

struct Header {
  unsigned version, type, request_id;
  std::size_t content_bytes, padding_bytes;

  std::size_t record_bytes() const { return kHeaderBytes + content_bytes + padding_bytes; }
};

unsigned byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

unsigned big_endian_16(std::string_view bytes, std::size_t i) {
  return byte_at(bytes, i) << 8 | byte_at(bytes, i + 1);
}

Header header_at_front(std::string_view bytes) {
  return {.version = byte_at(bytes, 0),
          .type = byte_at(bytes, 1),
          .request_id = big_endian_16(bytes, 2),
          .content_bytes = big_endian_16(bytes, 4),
          .padding_bytes = byte_at(bytes, 6)};
}

void append_record(std::string& records, unsigned type, unsigned request_id,
                   std::string_view content) {
  const std::array<std::size_t, kHeaderBytes> header = {
      kVersion, type, request_id >> 8, request_id, content.size() >> 8, content.size(), 0, 0};
  for (const std::size_t byte : header) records += static_cast<char>(byte);
  records += content;
}

/// What the records of one type hold, up to an empty one of them.
std::string_view content_of(unsigned type, std::string_view bytes, std::string& joined) {
  std::string_view first;
  joined.clear();
  while (bytes.size() >= kHeaderBytes) {
    const Header header = header_at_front(bytes);
    if (header.type == type) {
      if (header.content_bytes == 0) break;
      const std::string_view content = bytes.substr(kHeaderBytes, header.content_bytes);
      if (first.empty()) {
        first = content;
      } else {
        if (joined.empty()) joined = first;
        joined += content;
      }
    }
    bytes.remove_prefix(std::min(bytes.size(), header.record_bytes()));
  }
  return joined.empty() ? first : joined;
}

/// Takes off a length, of one byte or, with the highest bit set, of four. nullopt if it is cut.
std::optional<std::size_t> take_length(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const std::size_t size = byte_at(text, 0) < 0x80 ? 1 : 4;
  if (text.size() < size) return std::nullopt;
  const std::size_t length =
      size == 1 ? byte_at(text, 0)
                : std::size_t{big_endian_16(text, 0) & 0x7FFF} << 16 | big_endian_16(text, 2);
  text.remove_prefix(size);
  return length;
}

}  // namespace

Inspection inspect(std::string_view bytes) {
  if (bytes.empty()) return {};
  const Inspection incomplete{bytes.size() < kMaxRequestBytes ? Arrival::kIncomplete
                                                              : Arrival::kBroken};
  constexpr Inspection kBroken{Arrival::kBroken};
  unsigned expected = kBeginRequest;
  unsigned role = 0;
  Inspection found;
  const auto is = [&found](Arrival arrival) {
    found.arrival = arrival;
    return found;
  };
  std::size_t params_bytes = 0;
  while (bytes.size() >= kHeaderBytes) {
    const Header header = header_at_front(bytes);
    if (header.version != kVersion || header.type != expected || header.request_id == 0)
      return kBroken;
    if (expected != kBeginRequest && header.request_id != found.request_id) return kBroken;
    if (expected == kStdin && found.body_bytes + header.content_bytes > kMaxBodyBytes) {
      return is(Arrival::kBodyTooLarge);
    }
    if (bytes.size() < header.record_bytes()) return incomplete;
    const std::string_view content = bytes.substr(kHeaderBytes, header.content_bytes);
    bytes.remove_prefix(header.record_bytes());
    switch (expected) {
      case kBeginRequest:
        if (content.size() != 8) return kBroken;
        role = big_endian_16(content, 0);
        if (role != kResponder && role != kAuthorizer) return kBroken;
        found.request_id = header.request_id;
        found.keeps_connection = (byte_at(content, 2) & kKeepConnection) != 0;
        expected = kParams;
        break;
      case kParams:
        params_bytes += content.size();
        if (params_bytes > kMaxParamsBytes) return kBroken;
        if (!content.empty()) break;
        if (role == kAuthorizer) return is(Arrival::kAuthorizer);
        expected = kStdin;
        break;
      default:
        found.body_bytes += content.size();
        // No web server asks for more before it has its answer.
        if (content.empty()) return bytes.empty() ? is(Arrival::kComplete) : kBroken;
    }
  }
  return incomplete;
}

std::string_view parameters_in(std::string_view bytes, std::string& joined) {
  return content_of(kParams, bytes, joined);
}

std::string_view body_in(std::string_view bytes, std::string& joined) {
  return content_of(kStdin, bytes, joined);
}

std::optional<Parameter> take_parameter(std::string_view& text) {
  const auto name_bytes = take_length(text);
  const auto value_bytes = take_length(text);
  if (!name_bytes || !value_bytes || *name_bytes + *value_bytes > text.size()) return std::nullopt;
  const std::string_view both = text.substr(0, *name_bytes + *value_bytes);
  if (both.find('\0') != both.npos) return std::nullopt;
  text.remove_prefix(both.size());
  return Parameter{both.substr(0, *name_bytes), both.substr(*name_bytes)};
}

std::string answer_records(unsigned request_id, std::string_view text) {
  std::string records;
  records.reserve(text.size() + 4 * kHeaderBytes + text.size() / 1024);
  while (!text.empty()) {
    const std::string_view content = text.substr(0, kMaxContentBytes);
    append_record(records, kStdout, request_id, content);
    text.remove_prefix(content.size());
  }
  append_record(records, kStdout, request_id, "");
  append_record(records, kEndRequest, request_id, kAllDone);
  return records;
}

}  // namespace userbin::fastcgi
