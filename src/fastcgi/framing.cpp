#include "fastcgi/framing.h"

namespace userbin::fastcgi {

namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr unsigned kVersion = 1;
constexpr unsigned kBeginRequest = 1;
constexpr unsigned kParams = 4;
constexpr unsigned kStdin = 5;
constexpr unsigned kResponder = 1;
constexpr unsigned kAuthorizer = 2;

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

}  // namespace userbin::fastcgi
