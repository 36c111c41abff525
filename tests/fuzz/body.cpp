// Bodies: JSON if the first byte is 'J', else a form.
#include "http/body.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/error.h"
#include "http/response.h"

using namespace userbin;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

/// What is taken is one object in UTF-8, and comes back the same once written and read again.
void check_json(std::string_view text) {
  const Json::Value value = http::decode_json_object(text);
  must(base::is_utf8(text));
  must(text.find('\0') == std::string_view::npos);
  const auto first = text.find_first_not_of(" \t\r\n");
  const auto last = text.find_last_not_of(" \t\r\n");
  must(text[first] == '{' && text[last] == '}');
  const std::string written = http::to_json(value);
  must(base::is_utf8(written));
  must(http::decode_json_object(written) == value);
}

/// What is taken is UTF-8, within the limits, and comes back the same once encoded and read again.
void check_form(std::string_view text) {
  const auto fields = http::decode_form(text);
  must(fields.size() <= http::kMaxFormFields);
  std::string encoded;
  for (const auto& [name, value] : fields) {
    must(base::is_utf8(name) && base::is_utf8(value));
    encoded += base::percent_encode(name) + '=' + base::percent_encode(value) + '&';
  }
  must(http::decode_form(encoded) == fields);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] == 'J') {
      check_json(text);
    } else {
      check_form(text);
    }
  } catch (const http::RequestRefused& refused) {
    must(refused.code() == http::ErrorCode::kMalformedBody);
  }
  return 0;
}
