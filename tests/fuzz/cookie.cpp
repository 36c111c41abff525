// Cookie headers.
#include "http/cookie.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/origin.h"
#include "http/request.h"

using namespace userbin;

namespace {

constexpr std::string_view kName = "userbin";

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string header(reinterpret_cast<const char*>(data), size);
  const std::optional<std::string_view> found = http::find_cookie(header, kName);
  if (found) {
    // It is one cookie's value, and that cookie has the name asked for.
    must(found->find(';') == std::string_view::npos);
    must(header.find(std::string(kName) + '=' + std::string(*found)) != std::string::npos);
    // Whoever adds another one gets none believed.
    must(!http::find_cookie(header + ";userbin=", kName));
    must(!http::find_cookie("userbin=; " + header, kName));
    // A request that carries it is known to carry one.
    const http::Request request{.cookie = header};
    must(http::is_cross_site(request, ""));
  } else {
    // There is none, or there are several: what is added is the only one, or not believed.
    const std::string longer = header + "; userbin=token";
    must(http::find_cookie(longer, kName).value_or("token") == "token");
  }
  // Other cookies change nothing.
  must(http::find_cookie("a=1; " + header + "; b=2", kName) == found);
  return 0;
}
