// What a FastCGI connection sends.
#include "fastcgi/framing.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace userbin::fastcgi;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

/// What is in `text`, once for each parameter of it, up to the first that is broken.
void take_parameters(std::string_view text) {
  while (!text.empty()) {
    const std::string_view before = text;
    const auto parameter = take_parameter(text);
    if (!parameter) return;
    must(text.size() < before.size() && before.ends_with(text));
    must(parameter->name.data() > before.data());
    must(parameter->name.data() + parameter->name.size() == parameter->value.data());
    must(parameter->value.data() + parameter->value.size() == text.data());
  }
}

/// How much is in the records of one type, by a reader that knows no rules. `end` is a record of
/// its type without content that ends the reading.
std::size_t content_bytes(std::string_view bytes, char type, char end = 0) {
  std::size_t sum = 0;
  while (!bytes.empty()) {
    const auto byte = [&](std::size_t i) -> std::size_t {
      return static_cast<unsigned char>(bytes[i]);
    };
    must(bytes.size() >= 8);
    const std::size_t content = byte(4) << 8 | byte(5);
    if (bytes[1] == type) sum += content;
    must(bytes.size() >= 8 + content + byte(6));
    if (bytes[1] == end && content == 0) return sum;
    bytes.remove_prefix(8 + content + byte(6));
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Inspection found = inspect(bytes);
  std::string joined;
  must((found.arrival == Arrival::kNothing) == bytes.empty());
  must(found.body_bytes <= kMaxBodyBytes);
  switch (found.arrival) {
    case Arrival::kNothing: break;
    case Arrival::kIncomplete: must(size < kMaxRequestBytes); break;
    case Arrival::kComplete:
      must(content_bytes(bytes, 5) == found.body_bytes);
      must(content_bytes(bytes, 4) <= kMaxParamsBytes);
      must(body_in(bytes, joined).size() == found.body_bytes);
      must(parameters_in(bytes, joined).size() == content_bytes(bytes, 4));
      take_parameters(parameters_in(bytes, joined));
      must(bytes[9] == 1);
      must(inspect(bytes + 'x').arrival == Arrival::kBroken);
      break;
    case Arrival::kAuthorizer:
      must(bytes[9] == 2 && found.body_bytes == 0);
      must(content_bytes(bytes, 4, 4) <= kMaxParamsBytes);
      must(parameters_in(bytes, joined).size() == content_bytes(bytes, 4, 4));
      take_parameters(parameters_in(bytes, joined));
      must(inspect(bytes + 'x').arrival == Arrival::kAuthorizer);
      break;
    case Arrival::kBodyTooLarge:
    case Arrival::kBroken:
      // Nothing that comes later mends it.
      if (size < kMaxRequestBytes) {
        must(inspect(bytes + std::string(8, '\0')).arrival == found.arrival);
      }
      break;
  }
  // However it arrives, it is not taken too early.
  for (std::size_t length = size / 2; length < size; length += 1 + size / 16) {
    const Arrival early = inspect(std::string_view(bytes).substr(0, length)).arrival;
    must(early == Arrival::kNothing || early == Arrival::kIncomplete ||
         found.arrival != Arrival::kComplete);
  }
  return 0;
}
