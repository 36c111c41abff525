// What userbin can be told, and how: flag, --config file or environment.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>

#include "auth/hash_pool.h"
#include "auth/password.h"
#include "auth/registration_policy.h"
#include "auth/sessions.h"
#include "auth/throttle.h"
#include "base/log.h"
#include "base/secret.h"
#include "fastcgi/listener.h"
#include "fastcgi/server.h"
#include "handlers/services.h"
#include "jsonbin/sync.h"
#include "store/database.h"

namespace CLI {
class App;
}

namespace userbin::app {

struct BinSettings {
  /// bin_id and collection_id are empty: there is no bin.
  jsonbin::SyncSettings sync;
  std::chrono::milliseconds wait{2000};
  std::string url = "https://api.jsonbin.io/v3";
  std::string key_kind = "master";
  std::string key_file;
  std::string proxy;

  bool is_configured() const { return !sync.bin_id.empty() || !sync.collection_id.empty(); }
};

struct AuditSettings {
  /// "stderr", "off" or a file.
  std::string log = "stderr";
  /// "text" or "json".
  std::string format = "text";
};

struct Settings {
  fastcgi::ListenOptions listen;
  fastcgi::Server::Options server;
  std::chrono::milliseconds drain{5000};
  store::StoreOptions store;
  BinSettings bin;
  auth::HashPool::Options hashing;
  bool allow_weak_hashing = false;
  auth::PasswordRules passwords;
  auth::SessionRules sessions;
  auth::ThrottleRules throttle;
  auth::RegistrationPolicy registration = auth::RegistrationPolicy::kOpen;
  handlers::Pages pages;
  std::string public_url;
  base::LogOptions log;
  AuditSettings audit;
  /// Where the metrics are served: "HOST:PORT", "unix:/PATH" or "off".
  std::string metrics = "off";
};

/// Thrown by parse_settings() when there is nothing to do: after --help or a wrong setting, which
/// it has printed.
struct Exit {
  int status;
};

/// What a subcommand wants of the command line.
struct Usage {
  /// "userbin serve", as people type it.
  std::string name;
  std::string description;
  /// Read if it is there and no --config is given; empty: none.
  std::string default_config;
  /// Whether --help describes the settings of the worker, too. They are taken in any case, for they
  /// may stand in the same file.
  bool shows_worker_settings = true;
  /// Whether --help describes nothing but --metrics of them; for a subcommand that asks a worker.
  bool shows_metrics_alone = false;
  /// Adds the subcommand's own arguments; may be empty.
  std::function<void(CLI::App&)> declare;
};

/// Reads the arguments, the environment and the configuration file. Throws Exit.
Settings parse_settings(std::span<char*> arguments, const Usage& usage);

/// The key to the bin: from --jsonbin-key-file, else from JSONBIN_API_KEY. Throws base::BadSetting,
/// without the key in it.
base::SecretString read_key(const BinSettings& settings);

/// "12h", "90 s", "250ms", "30d" in milliseconds. Throws std::invalid_argument with what is wrong.
std::chrono::milliseconds parse_duration(const std::string& text);

/// The reverse, in the largest unit that gives a whole number: "12h".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace userbin::app
