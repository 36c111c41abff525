// Whether a whole request has arrived, told from the record headers alone; and the records of an
// answer. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace userbin::fastcgi {

/// What a request may need. Both fit into a socket's buffer together, so that a request can be
/// looked at as a whole before any of it is read.
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
  /// looked at, must not be read, and makes the connection useless for another request.
  kAuthorizer,
  /// Not a request that this program serves; the connection can only be closed.
  kBroken,
};

struct Inspection {
  Arrival arrival = Arrival::kNothing;
  std::size_t body_bytes = 0;
};

/// Looks at what a connection has sent and nobody has read yet. FastCGI 1.0, sections 3.3 and 5.1
/// to 5.3: BEGIN_REQUEST for a responder, PARAMS up to an empty one, STDIN up to an empty one. For
/// an authorizer (section 6.3) the request ends with the parameters; lighttpd sends an empty STDIN
/// after them, Apache sends none. Padding stands only behind content that is not empty, and not
/// behind BEGIN_REQUEST: libfcgi would take any other for the next record. No web server sends it.
Inspection inspect(std::string_view bytes);

/// Whether the parameters at the beginning of `bytes`, which inspect() found to be all there, can
/// be read by libfcgi, which believes what they say: names and values end within them (section
/// 3.4), and hold nothing that would make others of them once they are "NAME=value" texts in C.
bool has_sound_parameters(std::string_view bytes);

/// An answer as it goes to the web server: `text` as STDOUT, whose end is marked, and END_REQUEST
/// with the status that all is done (sections 5.3 and 5.5).
std::string answer_records(unsigned request_id, std::string_view text);

}  // namespace userbin::fastcgi
