#include "handlers/dispatcher.h"

#include <atomic>
#include <new>
#include <unistd.h>

#include <json/value.h>

#include "auth/token.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/text.h"
#include "handlers/authorizer.h"
#include "handlers/common.h"
#include "handlers/routes.h"
#include "http/body.h"
#include "http/error.h"
#include "http/origin.h"

namespace userbin::handlers {

namespace {

using http::ErrorCode;
using http::Request;
using http::Response;

constexpr std::chrono::seconds kStoreRetryAfter{5};
constexpr std::chrono::seconds kMemoryRetryAfter{5};
/// For what nginx lets through again as soon as less comes.
constexpr std::chrono::seconds kFenceRetryAfter{5};

bool is_safe_method(const std::string& method) {
  return method == "GET" || method == "HEAD";
}

/// An id for a request that came without one (not through our nginx/userbin_params).
std::string request_id_of(const Request& request) {
  static std::atomic<unsigned> count = 0;
  if (!request.request_id.empty()) return request.request_id;
  return fmt::format("{}-{}", getpid(), ++count);
}

/// What a person has typed and should not have to type again.
std::string typed_username(const http::Fields& fields) {
  const auto username = auth::Username::parse(fields.text("username").value_or(""));
  return username ? username->text() : "";
}

/// An invitation that the form came with, if it may be one.
std::string kept_invitation(const http::Fields& fields, const Request& request) {
  const std::string token = invitation_in(fields, request);
  return token.size() == auth::kTokenLength ? token : "";
}

/// Where a person goes whose session has ended meanwhile: he logs in and comes back to the form.
Response to_login(const std::string& login_page, const std::string& page, const Request& request) {
  Response response = http::see_other_response(
      page_url(request, login_page, {{"notice", "login_required"}, {"rd", request.mount + page}}));
  response.error_code = http::name_of(ErrorCode::kNotSignedIn);
  return response;
}

Response no_memory_response(std::string& cause) {
  cause = "no memory; give the program more, or lower --hash-slots or --hash-memory";
  return http::error_response(ErrorCode::kOverloaded, {.retry_after = kMemoryRetryAfter});
}

/// A browser that sent a form goes back to it; the page tells from the code what was wrong.
Response back_to_form(const Response& error, const std::string& page, const Request& request) {
  std::string username;
  std::string redirect;
  std::string invitation;
  try {
    const http::Fields fields = http::decode_body(request);
    username = typed_username(fields);
    redirect = requested_redirect(fields, request);
    invitation = kept_invitation(fields, request);
  } catch (const http::RequestRefused&) {
    // A body that cannot be read has nothing to keep.
  }
  Response response = http::see_other_response(page_url(request, page,
                                                        {{"error", error.error_code},
                                                         {"reason", error.error_reason},
                                                         {"username", username},
                                                         {"invitation", invitation},
                                                         {"rd", redirect}}));
  response.error_code = error.error_code;
  return response;
}

Response onward(const Response& success) {
  Response response = http::see_other_response(success.see_other);
  for (const auto& field : success.headers) {
    if (field.first == "Set-Cookie") response.headers.push_back(field);
  }
  return response;
}

void log_answer(const Request& request, const Response& response, int status,
                const std::string& cause, const std::string& id) {
  const bool is_failure = status >= 500;
  const bool is_news = is_failure || !is_safe_method(request.method) || !cause.empty();
  const auto level = is_failure ? spdlog::level::err
                     : is_news  ? spdlog::level::info
                                : spdlog::level::debug;
  if (!spdlog::should_log(level)) return;
  spdlog::log(level, "{} {} {}{}{}{}{} client={} id={}", base::escape_for_log(request.method, 16),
              base::escape_for_log(request.is_authorizer ? kVerifyPath : request.path), status,
              response.error_code.empty() ? "" : " ", response.error_code,
              cause.empty() ? "" : ": ", base::escape_for_log(cause, 512),
              base::escape_for_log(request.remote_address, 64), base::escape_for_log(id, 64));
}

}  // namespace

Dispatcher::Dispatcher(const Services& services)
    : services_(services),
      router_(make_router(services)),
      verify_(router_.find("GET", kVerifyPath).route),
      stats_(router_) {}

base::Task<Response> Dispatcher::answer(const Request& request) {
  const base::Stopwatch stopwatch;
  // A web server asks with the method of the request that it protects; asking changes nothing.
  const http::Router::Match match = request.is_authorizer || request.path == kVerifyPath
                                        ? http::Router::Match{.route = verify_, .allow = "GET"}
                                        : router_.find(request.method, request.path);
  std::string cause;
  Response response;
  try {
    response = co_await route(request, match, cause);
  } catch (const http::RequestRefused& refused) {
    response = http::error_response(refused.code(), refused.details());
    cause = refused.what();
  } catch (const base::StoreUnavailable& failure) {
    response =
        http::error_response(ErrorCode::kStoreUnavailable, {.retry_after = kStoreRetryAfter});
    cause = failure.what();
  } catch (const base::Overloaded& failure) {
    response = http::error_response(ErrorCode::kOverloaded, {.retry_after = failure.retry_after()});
    cause = failure.what();
  } catch (const std::bad_alloc&) {
    response = no_memory_response(cause);
  } catch (const Json::RuntimeError&) {  // so jsoncpp says it of a value's text
    response = no_memory_response(cause);
  } catch (const std::exception& failure) {
    response = http::error_response(ErrorCode::kInternal);
    cause = failure.what();
  }

  const int status = response.status;
  if (request.is_authorizer) {
    response = authorizer_response(request, response);
  } else if (request.path == kVerifyPath && status != 200 && status != 403) {
    // nginx takes any other status for its own failure; what cannot be verified is not let in.
    if (status != 401) response = login_required(services_, request);
  } else if (http::is_browser_form(request)) {
    if (status < 400 && !response.see_other.empty()) {
      response = onward(response);
    } else if (status >= 400 && match.route != nullptr && !match.route->form_page.empty()) {
      const std::string& page = match.route->form_page;
      response = response.error_code == http::name_of(ErrorCode::kNotSignedIn)
                     ? to_login(services_.pages.login, page, request)
                     : back_to_form(response, page, request);
    }
  }

  const std::string id = request_id_of(request);
  log_answer(request, response, status, cause, id);
  stats_.count(match.route, status, stopwatch.elapsed());
  // Apache would add what comes with a 200 to the page that it serves.
  if (request.is_authorizer && status == 200) co_return response;
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Request-Id", id);
  response.headers.emplace_back("Content-Length", std::to_string(response.body.size()));
  if (request.method == "HEAD") response.body.clear();
  co_return response;
}

base::Task<Response> Dispatcher::route(const Request& request, const http::Router::Match& match,
                                       std::string& cause) const {
  if (request.ambiguous) {
    throw http::RequestRefused(ErrorCode::kMalformedBody, "a parameter came twice");
  }
  if (const auto code = http::error_code_of(request.refused_by_nginx)) {
    http::ErrorDetails details;
    if (*code == ErrorCode::kTooManyAttempts) details.retry_after = kFenceRetryAfter;
    throw http::RequestRefused(*code, "refused by nginx", details);
  }
  if (match.route == verify_) co_return co_await verify_->handler(request);
  if (match.allow.empty()) co_return http::error_response(ErrorCode::kNotFound);
  if (match.route == nullptr) {
    co_return http::error_response(ErrorCode::kMethodNotAllowed, {.allow = match.allow});
  }
  if (!is_safe_method(request.method) && http::is_cross_site(request, services_.public_origin)) {
    cause = "sec-fetch-site '" + request.sec_fetch_site + "', origin '" + request.origin + "'";
    co_return http::error_response(ErrorCode::kCrossSite);
  }
  co_return co_await match.route->handler(request);
}

}  // namespace userbin::handlers
