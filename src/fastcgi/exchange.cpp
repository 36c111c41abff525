#include "fastcgi/exchange.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace userbin::fastcgi {

namespace {

struct Field {
  std::string_view name;
  std::string http::Request::*place;
};

/// The parameters that are read, in the order of their names; all others are passed over. Clients
/// reach CONTENT_* and those that start with HTTP_; the web server sets the rest.
constexpr std::array kFields{
    Field{"CONTENT_LENGTH", nullptr},
    Field{"CONTENT_TYPE", &http::Request::content_type},
    Field{"DOCUMENT_URI", &http::Request::path},
    Field{"HTTPS", nullptr},
    Field{"HTTP_ACCEPT", &http::Request::accept},
    Field{"HTTP_AUTHORIZATION", &http::Request::authorization},
    Field{"HTTP_COOKIE", &http::Request::cookie},
    Field{"HTTP_HOST", &http::Request::host},
    Field{"HTTP_ORIGIN", &http::Request::origin},
    Field{"HTTP_SEC_FETCH_SITE", &http::Request::sec_fetch_site},
    Field{"HTTP_USER_AGENT", &http::Request::user_agent},
    Field{"QUERY_STRING", &http::Request::query},
    Field{"REMOTE_ADDR", &http::Request::remote_address},
    Field{"REQUEST_METHOD", &http::Request::method},
    Field{"REQUEST_URI", &http::Request::request_target},
    Field{"USERBIN_ERROR", &http::Request::refused_by_nginx},
    Field{"USERBIN_PREFIX", &http::Request::mount},
    Field{"USERBIN_REQUEST_ID", &http::Request::request_id},
    Field{"USERBIN_REQUIRE", &http::Request::require},
};

static_assert(std::is_sorted(kFields.begin(), kFields.end(),
                             [](const Field& a, const Field& b) { return a.name < b.name; }));

void take_extra(std::string_view name, std::string_view value,
                const std::vector<std::string>& extra_params, http::Request& request) {
  if (std::find(extra_params.begin(), extra_params.end(), name) == extra_params.end()) return;
  if (!request.extra.emplace(name, value).second) request.ambiguous = true;
}

/// Fills `request` from `parameters`; false if they are broken. `content_length` is set to what
/// CONTENT_LENGTH says, if it is there.
bool take_parameters(std::string_view parameters, const std::vector<std::string>& extra_params,
                     http::Request& request, std::string_view& content_length) {
  std::bitset<kFields.size()> seen;
  while (!parameters.empty()) {
    const auto parameter = take_parameter(parameters);
    if (!parameter) return false;
    const auto& [name, value] = *parameter;
    const auto* field = std::lower_bound(
        kFields.begin(), kFields.end(), name,
        [](const Field& entry, std::string_view wanted) { return entry.name < wanted; });
    if (field == kFields.end() || field->name != name) {
      take_extra(name, value, extra_params, request);
      continue;
    }
    const auto index = static_cast<std::size_t>(field - kFields.begin());
    if (seen[index]) request.ambiguous = true;
    seen[index] = true;
    if (field->place != nullptr) {
      request.*(field->place) = value;
    } else if (name == "HTTPS") {
      request.https = value == "on";
    } else {
      content_length = value;
    }
  }
  return true;
}

/// nginx gives the whole path; what is before the mount is not ours.
void strip_mount(http::Request& request) {
  if (!request.mount.empty() && request.path.starts_with(request.mount + "/")) {
    request.path.erase(0, request.mount.size());
  }
}

/// False if the parameters are broken.
bool fill(http::Request& request, std::string_view bytes, const Inspection& found,
          const std::vector<std::string>& extra_params) {
  std::string joined;
  std::string_view content_length = "0";
  if (!take_parameters(parameters_in(bytes, joined), extra_params, request, content_length)) {
    return false;
  }
  strip_mount(request);
  request.is_authorizer = found.arrival == Arrival::kAuthorizer;
  request.body_too_large = found.arrival == Arrival::kBodyTooLarge;
  if (found.arrival != Arrival::kComplete) return true;
  if (content_length.empty()) content_length = "0";
  request.body_cut_short = content_length != std::to_string(found.body_bytes);
  if (found.body_bytes > 0) request.body = body_in(bytes, joined);
  return true;
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  const std::size_t start = head.size();
  head += value;
  // A line break would let the value start a field of its own.
  head.erase(std::remove_if(head.begin() + static_cast<std::ptrdiff_t>(start), head.end(),
                            [](char c) { return c == '\r' || c == '\n' || c == '\0'; }),
             head.end());
  head += "\r\n";
}

/// nginx sends what stands here; the phrases are those of RFC 9110 and 4918.
std::string_view reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 303: return "See Other";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

std::string serialised(const http::Response& response) {
  std::string text;
  text.reserve(512 + response.body.size());
  append_field(text, "Status",
               std::to_string(response.status) + ' ' + std::string(reason_phrase(response.status)));
  for (const auto& [name, value] : response.headers) append_field(text, name, value);
  text += "\r\n";
  text += response.body;
  return text;
}

/// An assignment would keep its memory.
void give_back(std::string& text) {
  std::string().swap(text);
}

}  // namespace

Arrival Exchange::receive(http::Request& request, const std::vector<std::string>& extra_params) {
  thread_local const std::unique_ptr<char[]> buffer(new char[kMaxRequestBytes]);
  received_.copy(buffer.get(), received_.size());
  ssize_t count = 0;
  do {
    count = ::recv(connection_.get(), buffer.get() + received_.size(),
                   kMaxRequestBytes - received_.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) {
    return received_.empty() ? Arrival::kNothing : Arrival::kIncomplete;
  }
  if (count <= 0) return Arrival::kBroken;
  const std::string_view bytes(buffer.get(), received_.size() + static_cast<std::size_t>(count));
  found_ = inspect(bytes);
  switch (found_.arrival) {
    case Arrival::kNothing:
    case Arrival::kBroken: break;
    case Arrival::kIncomplete: received_ = bytes; break;
    case Arrival::kComplete:
    case Arrival::kBodyTooLarge:
    case Arrival::kAuthorizer:
      if (!fill(request, bytes, found_, extra_params)) return Arrival::kBroken;
      give_back(received_);
  }
  return found_.arrival;
}

Exchange::Sending Exchange::send(const http::Response& response) {
  unsent_ = answer_records(found_.request_id, serialised(response));
  sent_bytes_ = 0;
  return send_rest();
}

Exchange::Sending Exchange::send_rest() {
  while (sent_bytes_ < unsent_.size()) {
    const ssize_t count = ::send(connection_.get(), unsent_.data() + sent_bytes_,
                                 unsent_.size() - sent_bytes_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      sent_bytes_ += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      return errno == EAGAIN ? Sending::kUnfinished : Sending::kFailed;
    }
  }
  give_back(unsent_);
  return Sending::kDone;
}

}  // namespace userbin::fastcgi
