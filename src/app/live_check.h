// Attempts to get into a protected page of a running site, or to pass for somebody else there.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/prober.h"
#include "base/secret.h"

namespace userbin::app {

/// Nothing can be said about the page: what() is a sentence.
class LiveCheckError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LiveLogin {
  std::string username;
  base::SecretString password;
};

struct LiveReport {
  struct Hole {
    /// "GET /members/ with Remote-User: ..."; not escaped.
    std::string attempt;
    /// "answered 200".
    std::string what;
  };
  std::vector<Hole> holes;
  /// Why not everything could be tried with a session; empty if it could.
  std::string problem;
  std::size_t requests = 0;
};

/// A name that no user has; an answer that repeats it believes the client.
extern const char* const kForgedName;

/// Sends at most 60 requests, one after the other: first without a credential, then forged headers,
/// broken credentials, other methods (HEAD, OPTIONS, POST without content) and other ways to write
/// the target, all of which must be refused; with a login the same forged headers together with a
/// session, where no answer may repeat the forged name. The session is ended. Throws LiveCheckError
/// if the page is not there, or not protected by a login.
LiveReport check_live(Prober& prober, const std::string& target,
                      const std::optional<LiveLogin>& login);

}  // namespace userbin::app
