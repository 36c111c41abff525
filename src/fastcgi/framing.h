// FastCGI's records: whether a whole request has arrived, what it holds, and the records of an
// answer. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace userbin::fastcgi {

/// What a request may need.
inline constexpr std::size_t kMaxBodyBytes = 64 * 1024;
inline constexpr std::size_t kMaxParamsBytes = 64 * 1024;
/// Body, parameters, and the headers and padding of their records.
inline constexpr std::size_t kMaxRequestBytes = kMaxBodyBytes + kMaxParamsBytes + 16 * 1024;

enum class Arrival {
  kNothing,
  kIncomplete,
  /// From the beginning to the end of its body, and nothing behind it.
  kComplete,
  /// All parameters are here, but more body than is allowed.
  kBodyTooLarge,
  /// All parameters of a request for an authorizer, which has no body. What is behind them is not
  /// looked at, and makes the connection useless for another request.
  kAuthorizer,
  /// Not a request that this program serves; the connection can only be closed.
  kBroken,
};

struct Inspection {
  Arrival arrival = Arrival::kNothing;
  /// The others only once the request is whole, or too large.
  unsigned request_id = 0;
  /// Whether the web server wants to send another request on the connection.
  bool keeps_connection = false;
  std::size_t body_bytes = 0;
};

/// Looks at the beginning of what a connection has sent. FastCGI 1.0, sections 3.3 and 5.1 to 5.3:
/// BEGIN_REQUEST for a responder, PARAMS up to an empty one, STDIN up to an empty one. For an
/// authorizer (section 6.3) the request ends with the parameters; lighttpd sends an empty STDIN
/// after them, Apache sends none.
Inspection inspect(std::string_view bytes);

/// What the PARAMS or the STDIN records of such a request hold, one behind the other: a view of
/// `bytes` if there is one record of them, as there is mostly; else of `joined`.
std::string_view parameters_in(std::string_view bytes, std::string& joined);
std::string_view body_in(std::string_view bytes, std::string& joined);

struct Parameter {
  std::string_view name, value;
};

/// Takes the first parameter off `text`, which is not empty (section 3.4). nullopt if it ends
/// beyond the text, or holds a zero byte: no text of HTTP does (RFC 9110, section 5.5).
std::optional<Parameter> take_parameter(std::string_view& text);

/// An answer as it goes to the web server: `text` as STDOUT, whose end is marked, and END_REQUEST
/// with the status that all is done (sections 5.3 and 5.5).
std::string answer_records(unsigned request_id, std::string_view text);

}  // namespace userbin::fastcgi
