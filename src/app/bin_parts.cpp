#include "app/bin_parts.h"

#include <algorithm>
#include <random>

#include "auth/password_hash.h"

namespace userbin::app {

jsonbin::CurlTransport::Settings transport_settings(const BinSettings& settings) {
  // A bin as the service sends it: a character that is two bytes in ours may be an escape of six,
  // the answer to a PUT has something around it, and the owner may go beyond what is taken here.
  constexpr std::size_t kLongestEscape = 3;
  constexpr std::size_t kAround = 1024 * 1024;
  jsonbin::CurlTransport::Settings transport;
  transport.max_body_bytes =
      std::max(transport.max_body_bytes, kLongestEscape * settings.sync.max_bytes + kAround);
  transport.proxy = settings.proxy;
  return transport;
}

jsonbin::Client::Settings client_settings(const BinSettings& settings) {
  using KeyKind = jsonbin::Client::KeyKind;
  return {.base_url = settings.url,
          .key_kind = settings.key_kind == "access" ? KeyKind::kAccess : KeyKind::kMaster,
          .key = read_key(settings)};
}

jsonbin::Passwords passwords(const auth::HashCost& cost) {
  return {.is_hash = [](const std::string& text) { return auth::is_known_hash(text); },
          .verify =
              [](const std::string& hash, const base::SecretString& password) {
                return auth::verify_password(hash, password);
              },
          .hash =
              [cost](const base::SecretString& password) {
                return auth::hash_password(password, cost);
              }};
}

BinParts::BinParts(const Settings& settings, store::SyncStore& store, const base::Clock& clock)
    : transport(transport_settings(settings.bin)),
      sync(transport, client_settings(settings.bin), store, clock, passwords(settings.hashing.cost),
           settings.bin.sync, std::random_device{}()) {}

}  // namespace userbin::app
