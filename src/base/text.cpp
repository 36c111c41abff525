#include "base/text.h"

#include <algorithm>

namespace userbin::base {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

/// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629, section 4), or 0.
std::size_t utf8_sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4 || !continues(1)) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) {
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return !overlong && !surrogate && continues(2) ? 3 : 0;
  }
  const bool overlong = lead == 0xF0 && byte(1) < 0x90;
  const bool too_high = lead == 0xF4 && byte(1) > 0x8F;
  return !overlong && !too_high && continues(2) && continues(3) ? 4 : 0;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// Whether a well-formed sequence is a control character: U+0000 to U+001F, DEL and U+0080 to
/// U+009F (ISO 6429), which are encoded as 7F and C2 80 to C2 9F, or one of the two that end a line
/// or a paragraph for some programs.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence.front());
  return sequence == "\u2028" || sequence == "\u2029" || first < 0x20 || first == 0x7F ||
         (first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0);
}

void append_escaped_byte(std::string& out, std::string_view prefix, char c,
                         std::string_view digits) {
  const auto byte = static_cast<unsigned char>(c);
  out += prefix;
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string to_lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string to_hex(std::string_view bytes) {
  std::string hex(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    hex[2 * i] = kHexDigits[byte >> 4];
    hex[2 * i + 1] = kHexDigits[byte & 15];
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c) || keep.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      append_escaped_byte(encoded, "%", c, "0123456789ABCDEF");
    }
  }
  return encoded;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

std::string escape_for_log(std::string_view text, std::size_t max_bytes) {
  std::string escaped;
  while (!text.empty()) {
    if (escaped.size() >= max_bytes) return escaped + "...";
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0 || text.front() == '\\' || is_control(text.substr(0, length))) {
      append_escaped_byte(escaped, "\\x", text.front(), kHexDigits);
      text.remove_prefix(1);
    } else {
      escaped += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return escaped;
}

std::string printable(std::string_view text, std::size_t max_code_points) {
  std::string shown;
  std::size_t end_of_last_but_one = 0;
  for (std::size_t count = 1; !text.empty(); ++count) {
    if (count > max_code_points) return shown.substr(0, end_of_last_but_one) + "\u2026";
    end_of_last_but_one = shown.size();
    const std::size_t length = utf8_sequence_length(text);
    const bool is_good = length > 0 && !is_control(text.substr(0, length));
    shown += is_good ? text.substr(0, length) : "\uFFFD";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return shown;
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

}  // namespace userbin::base
