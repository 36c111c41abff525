// Places to go after a login.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "http/origin.h"

using namespace userbin;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// 1 or 2 for a segment that a browser takes for "." or "..", else 0.
std::size_t dots_of(std::string segment) {
  segment = base::to_lower_ascii(segment);
  for (auto at = segment.find("%2e"); at != std::string::npos; at = segment.find("%2e")) {
    segment.replace(at, 3, ".");
  }
  return segment == "." || segment == ".." ? segment.size() : 0;
}

/// The segments between slashes of either kind; the first one is what is before the first slash.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments(1);
  for (const char c : path) {
    if (c == '/' || c == '\\') {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  return segments;
}

/// The path of `target` without white space and dot segments. Those of two dots may take the one
/// before away, as in a browser (WHATWG URL, section 4.4), or just themselves, as in what cleans
/// less well.
std::string simplified(std::string_view target, bool climb) {
  std::string bare;
  for (const char c : target.substr(0, target.find_first_of("?#"))) {
    if (!is_space(c)) bare += c;
  }
  std::vector<std::string> kept;
  for (const std::string& segment : segments_of(bare)) {
    const std::size_t dots = dots_of(segment);
    if (dots == 0) {
      kept.push_back(segment);
    } else if (dots == 2 && climb && kept.size() > 1) {
      kept.pop_back();
    }
  }
  std::string path = kept.front();
  for (std::size_t i = 1; i < kept.size(); ++i) path += '/' + kept[i];
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view target(reinterpret_cast<const char*>(data), size);
  if (!http::is_safe_redirect(target)) return 0;
  must(target[0] == '/');
  must(target.size() == 1 || (target[1] != '/' && target[1] != '\\'));
  must(target.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos);
  for (const bool climb : {true, false}) {
    must(!simplified(target, climb).starts_with("//"));
  }
  return 0;
}
