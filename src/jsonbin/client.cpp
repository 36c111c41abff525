#include "jsonbin/client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <ctime>
#include <memory>
#include <set>
#include <stdexcept>

#include "base/failure.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::jsonbin {

namespace {

constexpr std::size_t kMaxQuotedBytes = 200;

bool is_blank_or_control(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
}

void check_key(std::string_view key) {
  if (key.empty()) throw base::BadSetting("JSONBin's key is empty");
  if (std::any_of(key.begin(), key.end(), is_blank_or_control)) {
    throw base::BadSetting("JSONBin's key has a blank, line end or control character in it");
  }
}

/// Without a '/' at the end.
std::string checked_base_url(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const std::string scheme = base::to_lower_ascii(url.substr(0, url.find("://")));
  const std::string rest = url.substr(std::min(url.size(), scheme.size() + 3));
  const bool is_good = (scheme == "http" || scheme == "https") && !rest.empty() &&
                       !rest.starts_with('/') && rest.find_first_of("@?#\\") == std::string::npos &&
                       std::none_of(rest.begin(), rest.end(), is_blank_or_control);
  if (!is_good) {  // not quoted: there may be a password in it
    throw base::BadSetting(
        "JSONBin's base URL must be http:// or https://, a host and perhaps a path, "
        "without user, query and fragment");
  }
  return url;
}

Client::Settings checked(Client::Settings settings) {
  check_key(settings.key.reveal());
  settings.base_url = checked_base_url(std::move(settings.base_url));
  return settings;
}

void check_new_bin(const Client::NewBin& bin) {
  const auto has_control = [](const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return c != ' ' && is_blank_or_control(c); });
  };
  if (bin.name.size() > 128 || has_control(bin.name)) {
    throw std::invalid_argument("a bin's name has 1 to 128 bytes and no control characters");
  }
  if (has_control(bin.collection_id)) {
    throw std::invalid_argument("a collection's id has no control characters");
  }
}

/// What goes into a URL or out to a caller as an id. The service's are 24 hexadecimal digits.
bool is_id(const Json::Value& value) {
  if (!value.isString()) return false;
  const std::string id = value.asString();
  return !id.empty() && id.size() <= 64 &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
}

/// jsoncpp makes invalid UTF-8 of an escaped half of a surrogate pair.
bool is_utf8_throughout(const Json::Value& value) {
  if (value.isString()) return base::is_utf8(value.asString());
  if (!value.isObject()) {
    return std::all_of(value.begin(), value.end(), is_utf8_throughout);
  }
  const auto names = value.getMemberNames();
  return std::all_of(names.begin(), names.end(), base::is_utf8) &&
         std::all_of(value.begin(), value.end(), is_utf8_throughout);
}

/// nullopt if `text` is no document that can be believed.
std::optional<Json::Value> parse(std::string_view text) {
  // jsoncpp takes a NUL for the end, and bytes in a string as they are.
  if (text.find('\0') != std::string_view::npos || !base::is_utf8(text)) return std::nullopt;
  std::optional<Json::Value> value = base::from_foreign_json(text, Client::kMaxDepth);
  return value && is_utf8_throughout(*value) ? std::move(value) : std::nullopt;
}

/// The text of {"message": "..."}; nullopt if that is not what the service said.
std::optional<std::string> message_in(std::string_view body) {
  const auto value = parse(body);
  if (!value || !value->isObject() || !(*value)["message"].isString()) return std::nullopt;
  return (*value)["message"].asString();
}

/// Of an answer that is not the service's. What might be a document, or a part of one, is not
/// quoted.
std::string words_for_foreign(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  const bool is_quotable =
      first != std::string_view::npos && body[first] != '{' && body[first] != '[';
  return "not JSONBin's answer" + (is_quotable ? ": " + std::string(body) : "");
}

struct Meaning {
  int status;
  /// In lower case, anywhere in the message; empty: whatever it says.
  std::string_view words;
  ErrorKind kind;
};

/// The first that fits counts. What none fits is kRefused.
constexpr std::array<Meaning, 13> kMeanings = {{
    {400, "bin cannot be blank", ErrorKind::kBlankRefused},
    {400, "invalid bin id", ErrorKind::kNotThere},
    {400, "invalid collection id", ErrorKind::kNotThere},
    {401, "", ErrorKind::kNotAllowed},
    {403, "requests exhausted", ErrorKind::kOutOfRequests},
    {403, "a record over", ErrorKind::kTooBig},
    {403, "permission", ErrorKind::kNotAllowed},
    {403, "permitted", ErrorKind::kNotAllowed},
    {403, "x-access-key", ErrorKind::kNotAllowed},
    {403, "x-master-key", ErrorKind::kNotAllowed},
    {404, "", ErrorKind::kNotThere},
    {413, "", ErrorKind::kTooBig},
    {429, "", ErrorKind::kSlowDown},
}};

ErrorKind kind_of(int status, std::string_view message) {
  const std::string lower = base::to_lower_ascii(message);
  const auto* found = std::find_if(kMeanings.begin(), kMeanings.end(), [&](const Meaning& meaning) {
    return meaning.status == status && lower.find(meaning.words) != std::string::npos;
  });
  return found == kMeanings.end() ? ErrorKind::kRefused : found->kind;
}

std::optional<std::chrono::seconds> parse_delay(const std::string& text) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return std::nullopt;
  long long seconds = 0;
  const auto end = text.data() + text.size();
  const bool fits = std::from_chars(text.data(), end, seconds).ec == std::errc();
  return fits
             ? std::min(std::chrono::seconds(seconds), std::chrono::seconds(Client::kMaxRetryAfter))
             : std::chrono::seconds(Client::kMaxRetryAfter);
}

/// RFC 9110, section 5.6.7: the date of today and its two obsolete forms.
std::optional<base::WallTime> parse_http_date(const std::string& text) {
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    std::tm civil{};
    const char* end = ::strptime(text.c_str(), format, &civil);
    if (end != nullptr && *end == '\0') {
      return base::WallTime(std::chrono::seconds(::timegm(&civil)));
    }
  }
  return std::nullopt;
}

/// RFC 9110, section 10.2.3. nullopt if it cannot be read.
std::optional<std::chrono::seconds> parse_retry_after(const std::string& text, base::WallTime now) {
  if (const auto delay = parse_delay(text)) return delay;
  const auto date = parse_http_date(text);
  if (!date) return std::nullopt;
  return std::clamp(std::chrono::ceil<std::chrono::seconds>(*date - now), std::chrono::seconds(0),
                    std::chrono::seconds(Client::kMaxRetryAfter));
}

/// Adds what is new on a page; the last id of the page, or empty if nothing was new. nullopt if it
/// is not a page.
std::optional<std::string> add_page(const Json::Value& page, std::set<std::string>& seen,
                                    std::vector<BinEntry>& bins) {
  if (!page.isArray()) return std::nullopt;
  const std::size_t before = bins.size();
  for (const Json::Value& line : page) {
    if (!line.isObject() || !is_id(line["record"])) return std::nullopt;
    if (!seen.insert(line["record"].asString()).second) continue;
    const Json::Value& meta = line["snippetMeta"];
    const Json::Value name = meta.isObject() ? meta["name"] : Json::Value();
    const Json::Value& created_at = line["createdAt"];
    bins.push_back({.id = line["record"].asString(),
                    .name = name.isString() ? name.asString() : "",
                    .created_at = created_at.isString() ? created_at.asString() : ""});
  }
  return bins.size() == before ? std::string() : bins.back().id;
}

Error unexpected(const char* what, bool is_change) {
  return {.kind = ErrorKind::kAway,
          .status = 200,
          .message = std::string("an answer without ") + what,
          .may_have_been_done = is_change};
}

const std::pair<std::string, std::string> kJsonContent{"Content-Type", "application/json"};

}  // namespace

std::string_view word_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNotThere: return "not_there";
    case ErrorKind::kNotAllowed: return "not_allowed";
    case ErrorKind::kTooBig: return "too_big";
    case ErrorKind::kOutOfRequests: return "out_of_requests";
    case ErrorKind::kSlowDown: return "slow_down";
    case ErrorKind::kAway: return "away";
    case ErrorKind::kBlankRefused: return "blank_refused";
    case ErrorKind::kRefused: return "refused";
  }
  return "refused";
}

std::string wire_form(const Json::Value& document) {
  return base::to_json(document);
}

Client::Client(Transport& transport, const base::Clock& clock, Settings settings)
    : transport_(transport), clock_(clock), settings_(checked(std::move(settings))) {}

Answer<Json::Value> Client::read_latest(const std::string& bin_id) {
  return call("GET", "/b/" + base::percent_encode(bin_id) + "/latest", {{"X-Bin-Meta", "false"}});
}

Answer<Json::Value> Client::replace(const std::string& bin_id, const Json::Value& document) {
  auto answer =
      call("PUT", "/b/" + base::percent_encode(bin_id), {kJsonContent}, wire_form(document));
  if (!answer) return answer;
  const Json::Value& body = answer.value();
  if (!body.isObject() || !body.isMember("record")) return unexpected("a record", true);
  return body["record"];
}

Answer<std::string> Client::create(const Json::Value& document, const NewBin& bin) {
  check_new_bin(bin);
  Headers headers = {kJsonContent, {"X-Bin-Private", "true"}};
  if (!bin.name.empty()) headers.emplace_back("X-Bin-Name", bin.name);
  if (!bin.collection_id.empty()) headers.emplace_back("X-Collection-Id", bin.collection_id);
  const auto answer = call("POST", "/b", std::move(headers), wire_form(document));
  if (!answer) return answer.error();
  const Json::Value& body = answer.value();
  const bool has_metadata = body.isObject() && body["metadata"].isObject();
  if (!has_metadata || !is_id(body["metadata"]["id"])) return unexpected("a bin's id", true);
  return body["metadata"]["id"].asString();
}

Answer<Collection> Client::list_collection(const std::string& collection_id) {
  const std::string path = "/c/" + base::percent_encode(collection_id) + "/bins";
  Collection collection;
  std::set<std::string> seen;
  std::string last;
  for (std::size_t page = 0; page < kMaxPages; ++page) {
    const auto answer = call("GET", last.empty() ? path : path + "/" + last, {});
    // Whether the page behind the last is empty or not there is a guess.
    const bool is_behind_last = !answer && page > 0 && answer.error().kind == ErrorKind::kNotThere;
    if (is_behind_last) return collection;
    if (!answer) return answer.error();
    const auto next = add_page(answer.value(), seen, collection.bins);
    if (!next) return unexpected("a list of bins", false);
    if (next->empty()) return collection;
    last = *next;
  }
  collection.is_complete = false;
  return collection;
}

Answer<Json::Value> Client::call(const std::string& method, const std::string& path,
                                 Headers headers, std::string body) {
  const bool is_change = method != "GET";
  const char* key_name = settings_.key_kind == KeyKind::kMaster ? "X-Master-Key" : "X-Access-Key";
  const HttpResult result =
      transport_.send({.method = method,
                       .url = settings_.base_url + path,
                       .headers = std::move(headers),
                       .secret_header = HttpRequest::SecretHeader{key_name, settings_.key},
                       .body = std::move(body)});
  if (const auto* away = std::get_if<Away>(&result)) {
    return Error{.kind = ErrorKind::kAway,
                 .message = loggable(away->reason),
                 .may_have_been_done = is_change && away->may_have_arrived};
  }
  const auto& response = std::get<HttpResponse>(result);
  if (response.status != 200) return refusal(response, is_change);
  if (auto document = parse(response.body)) return *std::move(document);
  Error error = error_for(response, ErrorKind::kAway, "not JSON, or not whole");
  error.may_have_been_done = is_change;
  return error;
}

Error Client::refusal(const HttpResponse& response, bool is_change) const {
  const int status = response.status;
  const bool is_refusal = status >= 400 && status < 500;
  const auto message = message_in(response.body);
  const std::string words = message.value_or(words_for_foreign(response.body));
  if (is_refusal && (message || status == 429)) {
    return error_for(response, kind_of(status, message.value_or("")), words);
  }
  Error error = error_for(response, ErrorKind::kAway, words);
  error.may_have_been_done = is_change && !is_refusal;
  return error;
}

Error Client::error_for(const HttpResponse& response, ErrorKind kind,
                        std::string_view message) const {
  return {.kind = kind,
          .status = response.status,
          .message = loggable(message),
          .retry_after = parse_retry_after(response.retry_after, clock_.now())};
}

std::string Client::loggable(std::string_view text) const {
  const std::string_view key = settings_.key.reveal();
  std::string clean;
  for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key)) {
    clean.append(text.substr(0, at)).append("[key]");
    text.remove_prefix(at + key.size());
  }
  clean += text;
  return base::escape_for_log(clean, kMaxQuotedBytes);
}

}  // namespace userbin::jsonbin
