// JSONBin v3 in four verbs. It knows the service's addresses, headers and errors; what a document
// means is its caller's business.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <json/value.h>

#include "base/clock.h"
#include "base/secret.h"
#include "jsonbin/transport.h"

namespace userbin::jsonbin {

/// What a caller decides on. The service's statuses do not say enough (403 means at least three of
/// these), so its messages are looked at too.
enum class ErrorKind {
  /// There is no such bin or collection, or the id cannot be one.
  kNotThere,
  /// The key is wrong, is for another account, or does not permit this.
  kNotAllowed,
  /// The document is above what the service's plan takes.
  kTooBig,
  /// The plan's requests are used up: nothing works until somebody buys more.
  kOutOfRequests,
  /// Too many requests at a time; see Error::retry_after.
  kSlowDown,
  /// No answer, or one that is not the service's own (an outage's or a guard's page, broken JSON, a
  /// redirect, 5xx). Worth trying again; never data.
  kAway,
  /// The service keeps no empty document: {} always, [] as far as is known.
  kBlankRefused,
  /// Any other refusal: a mistake in the request or something new, so trying again is of no use.
  kRefused,
};

/// "not_there", "not_allowed", ...: a stable word for logs and metrics.
std::string_view word_for(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kAway;
  /// 0: there was no whole answer.
  int status = 0;
  /// The service's message, or what was wrong with its answer. One short line, escaped for a log,
  /// without the key. A document that could not be read is never quoted.
  std::string message;
  /// From now; at most kMaxRetryAfter. nullopt if the service did not say.
  std::optional<std::chrono::seconds> retry_after;
  /// It was a change, and the service may have made it all the same.
  bool may_have_been_done = false;
};

/// A value or an Error.
template <typename T>
class Answer {
 public:
  Answer(T value) : content_(std::move(value)) {}
  Answer(Error error) : content_(std::move(error)) {}

  explicit operator bool() const { return std::holds_alternative<T>(content_); }
  /// Throws std::bad_variant_access if this is an error.
  const T& value() const& { return std::get<T>(content_); }
  T&& value() && { return std::get<T>(std::move(content_)); }
  /// Throws std::bad_variant_access if this is a value.
  const Error& error() const { return std::get<Error>(content_); }

 private:
  std::variant<T, Error> content_;
};

/// One line of a collection's list.
struct BinEntry {
  std::string id;
  /// Empty if the list does not give one.
  std::string name;
  /// As the service writes it ("2026-11-23T17:30:00.123Z"); empty if it does not.
  std::string created_at;
};

struct Collection {
  std::vector<BinEntry> bins;
  /// False: there are more bins than Client::kMaxPages pages.
  bool is_complete = true;
};

/// The bytes that are sent for a document: compact JSON, UTF-8 as it is. The service's limit (100
/// kB on the free plan) counts these.
std::string wire_form(const Json::Value& document);

/// Every call is one request (list_collection: one a page) and is bounded by the transport's
/// timeouts; nothing is repeated here. Used by one thread at a time, as its transport is.
class Client {
 public:
  enum class KeyKind { kMaster, kAccess };

  struct Settings {
    /// http or https, without user, query and fragment.
    std::string base_url = "https://api.jsonbin.io/v3";
    KeyKind key_kind = KeyKind::kMaster;
    base::SecretString key;
  };

  /// What create() may say about a new bin; empty: nothing.
  struct NewBin {
    /// 1 to 128 bytes, no control characters.
    std::string name;
    std::string collection_id;
  };

  /// A document nested deeper is not believed.
  static constexpr int kMaxDepth = 64;
  static constexpr std::size_t kMaxPages = 100;
  static constexpr std::chrono::hours kMaxRetryAfter{24};

  /// `transport` and `clock` outlive the client. Throws base::BadSetting, which does not quote the
  /// key, if the key is empty or has a blank or control character in it (often a file's line end),
  /// or if the URL is not as above.
  Client(Transport& transport, const base::Clock& clock, Settings settings);

  /// The latest version of a bin's document. Believed only if it is one JSON text from the first
  /// byte to the last, an array or object without duplicate names, at most kMaxDepth deep, in
  /// valid UTF-8; else the answer is kAway.
  Answer<Json::Value> read_latest(const std::string& bin_id);

  /// Replaces a bin's document (the service knows no condition for it). The value is the record as
  /// the service gives it back.
  Answer<Json::Value> replace(const std::string& bin_id, const Json::Value& document);

  /// Makes a private bin; the value is its id. Throws std::invalid_argument, and sends nothing, if
  /// what `bin` says cannot be sent.
  Answer<std::string> create(const Json::Value& document, const NewBin& bin);

  /// The bins of a collection (needs the master key), page by page until one holds nothing new: the
  /// page's size is the service's to choose, and none is left out.
  Answer<Collection> list_collection(const std::string& collection_id);

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// The document of a 200; else why there is none.
  Answer<Json::Value> call(const std::string& method, const std::string& path, Headers headers,
                           std::string body = {});
  Error refusal(const HttpResponse& response, bool is_change) const;
  Error error_for(const HttpResponse& response, ErrorKind kind, std::string_view message) const;
  /// Without the key, should somebody have repeated it.
  std::string loggable(std::string_view text) const;

  Transport& transport_;
  const base::Clock& clock_;
  const Settings settings_;
};

}  // namespace userbin::jsonbin
