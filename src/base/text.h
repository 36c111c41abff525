// Small rules about text that several layers share.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace userbin::base {

/// Whether `text` is UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above
/// U+10FFFF.
bool is_utf8(std::string_view text);

/// How many code points a valid UTF-8 text has.
std::size_t count_code_points(std::string_view text);

/// ASCII letters made lower case; every other byte as it is.
std::string to_lower_ascii(std::string_view text);

/// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
/// nullopt unless `text` is an even number of hexadecimal digits.
std::optional<std::string> from_hex(std::string_view text);

/// Percent-encodes every byte that is not "unreserved" (RFC 3986, section 2.3) and not in `keep`.
std::string percent_encode(std::string_view text, std::string_view keep = {});
/// Undoes percent-encoding once. nullopt on a '%' without two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

/// A text for one line of a log: control characters, DEL, backslashes and bytes that are not UTF-8
/// are escaped as \xHH, and what is longer than `max_bytes` ends in "...".
std::string escape_for_log(std::string_view text, std::size_t max_bytes = 256);

/// A text that was typed by anybody, for a person to read: control characters and bytes that are
/// not UTF-8 become U+FFFD, and what has more than `max_code_points` ends in an ellipsis instead.
std::string printable(std::string_view text, std::size_t max_code_points);

/// A text for HTML, between tags or as an attribute's value in quotes.
std::string escape_html(std::string_view text);

}  // namespace userbin::base
