#include "fastcgi/exchange.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include <fcgiapp.h>

namespace userbin::fastcgi {

namespace {

/// What libfcgi holds while it reads a request; the descriptor is not its own.
struct Reading : FCGX_Request {
  explicit Reading(int fd) : FCGX_Request() {
    FCGX_InitRequest(this, -1, 0);
    ipcFd = fd;
    keepConnection = 1;  // otherwise its first act is to close the descriptor
    detached = 1;        // if it has to close after an error, it does so without waiting
  }
  ~Reading() { FCGX_Free(this, 0); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
};

struct Parameter {
  std::string_view name;
  std::string http::Request::*field;
};

/// The parameters that are read, in the order of their names; all others are passed over. Clients
/// reach CONTENT_* and those that start with HTTP_; the web server sets the rest.
constexpr std::array kParameters{
    Parameter{"CONTENT_LENGTH", nullptr},
    Parameter{"CONTENT_TYPE", &http::Request::content_type},
    Parameter{"DOCUMENT_URI", &http::Request::path},
    Parameter{"HTTPS", nullptr},
    Parameter{"HTTP_ACCEPT", &http::Request::accept},
    Parameter{"HTTP_AUTHORIZATION", &http::Request::authorization},
    Parameter{"HTTP_COOKIE", &http::Request::cookie},
    Parameter{"HTTP_HOST", &http::Request::host},
    Parameter{"HTTP_ORIGIN", &http::Request::origin},
    Parameter{"HTTP_SEC_FETCH_SITE", &http::Request::sec_fetch_site},
    Parameter{"HTTP_USER_AGENT", &http::Request::user_agent},
    Parameter{"QUERY_STRING", &http::Request::query},
    Parameter{"REMOTE_ADDR", &http::Request::remote_address},
    Parameter{"REQUEST_METHOD", &http::Request::method},
    Parameter{"REQUEST_URI", &http::Request::request_target},
    Parameter{"USERBIN_ERROR", &http::Request::refused_by_nginx},
    Parameter{"USERBIN_PREFIX", &http::Request::mount},
    Parameter{"USERBIN_REQUEST_ID", &http::Request::request_id},
    Parameter{"USERBIN_REQUIRE", &http::Request::require},
};

static_assert(std::is_sorted(kParameters.begin(), kParameters.end(),
                             [](const Parameter& a, const Parameter& b) {
                               return a.name < b.name;
                             }));

void take_extra(std::string_view name, std::string_view value,
                const std::vector<std::string>& extra_params, http::Request& request) {
  if (std::find(extra_params.begin(), extra_params.end(), name) == extra_params.end()) return;
  if (!request.extra.emplace(name, value).second) request.ambiguous = true;
}

/// Fills `request` from "NAME=value" texts. What CONTENT_LENGTH says, or empty.
std::string_view take_parameters(char** texts, const std::vector<std::string>& extra_params,
                                 http::Request& request) {
  std::string_view content_length;
  std::bitset<kParameters.size()> seen;
  for (; *texts != nullptr; ++texts) {
    const std::string_view text(*texts);
    const std::string_view name = text.substr(0, text.find('='));
    const auto* parameter = std::lower_bound(
        kParameters.begin(), kParameters.end(), name,
        [](const Parameter& entry, std::string_view wanted) { return entry.name < wanted; });
    if (parameter == kParameters.end() || parameter->name != name) {
      take_extra(name, text.substr(name.size() + 1), extra_params, request);
      continue;
    }
    const auto index = static_cast<std::size_t>(parameter - kParameters.begin());
    if (seen[index]) request.ambiguous = true;
    seen[index] = true;
    const std::string_view value = text.substr(name.size() + 1);
    if (parameter->field != nullptr) {
      request.*(parameter->field) = value;
    } else if (name == "HTTPS") {
      request.https = value == "on";
    } else {
      content_length = value;
    }
  }
  return content_length;
}

/// nginx gives the whole path; what is before the mount is not ours.
void strip_mount(http::Request& request) {
  if (!request.mount.empty() && request.path.starts_with(request.mount + "/")) {
    request.path.erase(0, request.mount.size());
  }
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  // A line break would let the value start a field of its own.
  std::copy_if(value.begin(), value.end(), std::back_inserter(head),
               [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
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

}  // namespace

bool Exchange::read(http::Request& request, const Inspection& found,
                    const std::vector<std::string>& extra_params) {
  Reading reading(connection_.get());
  if (FCGX_Accept_r(&reading) != 0) {
    if (reading.ipcFd < 0) connection_.release();
    return false;
  }
  request_id_ = static_cast<unsigned>(reading.requestId);
  is_kept_ = reading.keepConnection != 0;
  const std::string_view content_length = take_parameters(reading.envp, extra_params, request);
  strip_mount(request);
  request.is_authorizer = found.arrival == Arrival::kAuthorizer;
  request.body_too_large = found.arrival == Arrival::kBodyTooLarge;
  if (found.arrival != Arrival::kComplete) return true;
  // One byte more than there is, so that the end of the stream is read too: what stays unread would
  // be taken for the next request.
  std::string body(found.body_bytes + 1, '\0');
  const int length = FCGX_GetStr(body.data(), static_cast<int>(body.size()), reading.in);
  if (length < 0 || static_cast<std::size_t>(length) != found.body_bytes) return false;
  body.pop_back();
  request.body = std::move(body);
  const std::string announced(content_length.empty() ? "0" : content_length);
  request.body_cut_short = announced != std::to_string(found.body_bytes);
  return true;
}

Exchange::Sending Exchange::send(const http::Response& response) {
  unsent_ = answer_records(request_id_, serialised(response));
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
  unsent_ = {};
  return Sending::kDone;
}

}  // namespace userbin::fastcgi
