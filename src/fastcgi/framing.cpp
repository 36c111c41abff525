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
constexpr std::size_t kMaxContentBytes = 0xFFFF;
constexpr std::string_view kNoName("\0=", 2);
constexpr std::string_view kAllDone("\0\0\0\0\0\0\0\0", 8);

struct Header {
  unsigned version, type, request_id;
  std::size_t content_bytes, padding_bytes;
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

/// What stands in the PARAMS records, one behind the other.
std::string parameters_in(std::string_view bytes) {
  std::string text;
  while (bytes.size() >= kHeaderBytes) {
    const Header header = header_at_front(bytes);
    const bool is_params = header.type == kParams;
    if (is_params && header.content_bytes == 0) break;
    if (is_params) text += bytes.substr(kHeaderBytes, header.content_bytes);
    bytes.remove_prefix(
        std::min(bytes.size(), kHeaderBytes + header.content_bytes + header.padding_bytes));
  }
  return text;
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
  const Inspection incomplete{
      bytes.size() < kMaxRequestBytes ? Arrival::kIncomplete : Arrival::kBroken, 0};
  constexpr Inspection kBroken{Arrival::kBroken, 0};
  unsigned expected = kBeginRequest;
  unsigned request_id = 0;
  unsigned role = 0;
  std::size_t params_bytes = 0;
  std::size_t body_bytes = 0;
  while (bytes.size() >= kHeaderBytes) {
    const Header header = header_at_front(bytes);
    if (header.version != kVersion || header.type != expected || header.request_id == 0)
      return kBroken;
    if (expected != kBeginRequest && header.request_id != request_id) return kBroken;
    const bool may_be_padded = expected != kBeginRequest && header.content_bytes > 0;
    if (header.padding_bytes > 0 && !may_be_padded) return kBroken;
    if (expected == kStdin && body_bytes + header.content_bytes > kMaxBodyBytes) {
      return {Arrival::kBodyTooLarge, 0};
    }
    const std::size_t record_bytes = kHeaderBytes + header.content_bytes + header.padding_bytes;
    if (bytes.size() < record_bytes) return incomplete;
    const std::string_view content = bytes.substr(kHeaderBytes, header.content_bytes);
    bytes.remove_prefix(record_bytes);
    switch (expected) {
      case kBeginRequest:
        if (content.size() != 8) return kBroken;
        role = big_endian_16(content, 0);
        if (role != kResponder && role != kAuthorizer) return kBroken;
        request_id = header.request_id;
        expected = kParams;
        break;
      case kParams:
        params_bytes += content.size();
        if (params_bytes > kMaxParamsBytes) return kBroken;
        if (!content.empty()) break;
        if (role == kAuthorizer) return {Arrival::kAuthorizer, 0};
        expected = kStdin;
        break;
      default:
        body_bytes += content.size();
        // Bytes behind the end would be taken for the next request once this one is read.
        if (content.empty()) {
          return {bytes.empty() ? Arrival::kComplete : Arrival::kBroken, body_bytes};
        }
    }
  }
  return incomplete;
}

bool has_sound_parameters(std::string_view bytes) {
  const std::string text = parameters_in(bytes);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto name_bytes = take_length(rest);
    const auto value_bytes = take_length(rest);
    if (!name_bytes || !value_bytes || *name_bytes + *value_bytes > rest.size()) return false;
    const std::string_view name = rest.substr(0, *name_bytes);
    const std::string_view value = rest.substr(*name_bytes, *value_bytes);
    if (name.find_first_of(kNoName) != name.npos || value.find('\0') != value.npos) return false;
    rest.remove_prefix(*name_bytes + *value_bytes);
  }
  return true;
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
