#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sys/resource.h>

#include "app/commands.h"
#include "app/settings.h"
#include "base/failure.h"
#include "handlers/dispatcher.h"
#include "store/sql_session_store.h"
#include "store/sql_user_store.h"

namespace userbin::app {

namespace {

/// Blocked before the first thread starts, so that wait_for_end() is the one place that sees them.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

/// Returns the signal that asks for the end.
int wait_for_end(const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) return signal;
    base::reopen_log();
  }
}

/// Every connection needs a descriptor; the soft limit is for programs that use select(2).
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Ends the program although a hash or a handler is still at work, which could take seconds more.
/// The store is made to survive this at any moment.
[[noreturn]] void give_up(auth::Sessions& sessions) {
  try {
    sessions.flush();
  } catch (const base::StoreUnavailable& error) {
    spdlog::warn("the last uses of some sessions are not written: {}", error.what());
  }
  spdlog::info("stopped");
  std::_Exit(0);
}

void run(const ServeSettings& settings, const sigset_t& signals) {
  base::open_log(settings.log);
  raise_descriptor_limit();

  const base::SystemClock clock;
  store::Database database(settings.store);
  store::SqlUserStore users(database);
  store::SqlSessionStore session_rows(database);

  fastcgi::Listener listener(settings.listen);
  fastcgi::Server server(listener, settings.server);
  auth::HashPool hashes(settings.hashing, server);
  auth::Accounts accounts(users, hashes, clock);
  auth::Sessions sessions(session_rows, users, clock, settings.sessions);
  const handlers::Services services{.accounts = accounts,
                                    .sessions = sessions,
                                    .users = users,
                                    .password_rules = settings.passwords,
                                    .pages = settings.pages,
                                    .public_origin = settings.public_url};
  const handlers::Dispatcher dispatcher(services);

  server.start([&](const http::Request& request) { return dispatcher.answer(request); });
  spdlog::info("userbin " USERBIN_VERSION " serves on {}, store {}", listener.description(),
               settings.store.path);

  const int signal = wait_for_end(signals);
  spdlog::info("signal {}: finishing what runs, for at most {}", signal,
               format_duration(settings.drain));
  if (!server.drain(settings.drain)) {
    spdlog::warn("not all requests were finished within --drain");
    give_up(sessions);
  }
  server.stop();
  spdlog::info("stopped");
}

}  // namespace

int serve(std::span<char*> arguments) {
  try {
    const ServeSettings settings = parse_serve_settings(arguments);
    run(settings, block_signals());
    return 0;
  } catch (const Exit& exit) {
    return exit.status;
  } catch (const base::BadSetting& error) {
    std::fprintf(stderr, "userbin serve: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "userbin serve: %s\n", error.what());
    return 1;
  }
}

}  // namespace userbin::app
