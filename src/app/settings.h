// What 'userbin serve' can be told, and how: flag, --config file or environment.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "auth/hash_pool.h"
#include "auth/password.h"
#include "auth/sessions.h"
#include "base/log.h"
#include "fastcgi/listener.h"
#include "fastcgi/server.h"
#include "handlers/services.h"
#include "store/database.h"

namespace userbin::app {

struct ServeSettings {
  fastcgi::ListenOptions listen;
  fastcgi::Server::Options server;
  std::chrono::milliseconds drain{5000};
  store::Database::Options store{.path = "/var/lib/userbin/userbin.db"};
  auth::HashPool::Options hashing;
  bool allow_weak_hashing = false;
  auth::PasswordRules passwords;
  auth::SessionRules sessions;
  handlers::Pages pages;
  std::string public_url;
  base::LogOptions log;
};

/// Thrown by parse_serve_settings() when there is nothing to serve: after --help or a wrong
/// setting, which it has printed.
struct Exit {
  int status;
};

/// Reads the arguments, the environment and the configuration file. Throws Exit.
ServeSettings parse_serve_settings(std::span<char*> arguments);

/// "12h", "90 s", "250ms", "30d" in milliseconds. Throws std::invalid_argument with what is wrong.
std::chrono::milliseconds parse_duration(const std::string& text);

/// The reverse, in the largest unit that gives a whole number: "12h".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace userbin::app
