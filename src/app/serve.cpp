#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <sys/resource.h>

#include "app/bin_parts.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "app/metrics.h"
#include "app/metrics_server.h"
#include "app/settings.h"
#include "auth/throttle_keeper.h"
#include "base/failure.h"
#include "handlers/dispatcher.h"
#include "jsonbin/bin_replica.h"
#include "store/sql_invitation_store.h"
#include "store/sql_lease.h"
#include "store/sql_session_store.h"
#include "store/sql_sync_store.h"
#include "store/sql_throttle_store.h"
#include "store/sql_user_store.h"

namespace userbin::app {

namespace {

const Usage kUsage{
    .name = "userbin serve",
    .description =
        "Answers nginx's requests for registration, login and sessions over FastCGI.\n"
        "Each option may also stand in the --config file (listen = \"unix:/run/x.sock\") or in\n"
        "the environment (USERBIN_LISTEN, BIN_ID, JSONBIN_URL); the flag counts first, then the "
        "file."};

/// Blocked before the first thread starts, so that wait_for_end() is the one place that sees them.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void forget_the_old(store::UserStore& users, auth::Invitations& invitations,
                    const base::Clock& clock) {
  try {
    users.forget_deletions(clock.now());
    invitations.forget_expired();
  } catch (const std::exception& error) {
    spdlog::warn("old deletions and invitations are not forgotten yet: {}", error.what());
  }
}

/// Returns the signal that asks for the end. Forgets old deletions and invitations every hour.
int wait_for_end(const sigset_t& signals, jsonbin::BinReplica* bin, store::UserStore& users,
                 auth::Invitations& invitations, const base::Clock& clock) {
  constexpr timespec kHour{.tv_sec = 3600, .tv_nsec = 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kHour);
    if (signal < 0) {
      if (errno == EAGAIN) forget_the_old(users, invitations, clock);
      continue;
    }
    if (signal != SIGHUP) return signal;
    base::reopen_log();
    base::reopen_audit();
    if (bin != nullptr) bin->retry();
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
[[noreturn]] void give_up(auth::Sessions& sessions, auth::ThrottleKeeper& keeper) {
  keeper.flush();
  try {
    sessions.flush();
  } catch (const std::exception& error) {
    spdlog::warn("the last uses of some sessions are not written: {}", error.what());
  }
  spdlog::info("stopped");
  std::_Exit(0);
}

/// The bin, if there is one, on its way to follow the store.
struct Bin {
  Bin(const Settings& settings, store::Database& database, store::SyncStore& store,
      const base::Clock& clock, base::Executor& executor)
      : turn(database, "the bin"),
        parts(settings, store, clock),
        replica(parts.sync, parts.transport, store, executor,
                {.wait = settings.bin.wait,
                 .max_bytes = settings.bin.sync.collection_id.empty()
                                  ? std::optional(settings.bin.sync.max_bytes)
                                  : std::nullopt,
                 .turn = &turn}) {}

  void start() {
    turn.start();
    replica.start();
  }
  void stop() {
    replica.stop();
    turn.stop();
  }

  store::SqlLease turn;
  BinParts parts;
  jsonbin::BinReplica replica;
};

std::string describe(const BinSettings& bin) {
  if (!bin.is_configured()) return "none";
  return bin.sync.bin_id.empty() ? "collection " + bin.sync.collection_id : bin.sync.bin_id;
}

/// What is served of the worker's own figures, on a socket of its own.
struct Monitor {
  Monitor(const std::string& address, const Metrics::Sources& sources)
      : listener({.address = address,
                  .setting = "--metrics",
                  .danger = "sees how much is going on here, though no name; let a firewall admit "
                            "Prometheus alone"}),
        metrics(sources) {}

  void start() {
    server =
        std::make_unique<MetricsServer>(listener, [this] { return as_text(metrics.Collect()); });
  }

  fastcgi::Listener listener;
  Metrics metrics;
  std::unique_ptr<MetricsServer> server;
};

void run(const Settings& settings, const sigset_t& signals) {
  base::open_log(settings.log);
  base::open_audit(worker_audit(settings));
  raise_descriptor_limit();

  const auto opened = store::open_database(settings.store);
  store::Database& database = *opened;
  store::SqlUserStore users(database);
  store::SqlSessionStore session_rows(database);
  store::SqlSyncStore sync_rows(database);
  const base::SystemClock system_clock;
  const base::ServerClock clock(system_clock, sync_rows.server_number());
  users.forget_deletions(clock.now());
  store::SqlThrottleStore throttle_rows(database);
  auth::Throttle throttle(settings.throttle, auth::name_key_of(throttle_rows), clock);
  auth::ThrottleKeeper keeper(throttle, throttle_rows, database);

  fastcgi::Listener listener(settings.listen);
  fastcgi::Server server(listener, settings.server);
  store::NoReplica no_bin;
  std::unique_ptr<Bin> bin;
  if (settings.bin.is_configured()) {
    bin = std::make_unique<Bin>(settings, database, sync_rows, clock, server);
  }
  store::Replica& replica = bin ? static_cast<store::Replica&>(bin->replica) : no_bin;
  auth::HashPool hashes(settings.hashing, server);
  auth::Accounts accounts(users, replica, hashes, clock);
  auth::Administration administration(users, replica, hashes, clock);
  auth::Sessions sessions(session_rows, users, database, clock, settings.sessions);
  store::SqlInvitationStore invitation_rows(database);
  auth::Invitations invitations(invitation_rows, users, clock);
  handlers::AccountStats account_stats;
  const handlers::Services services{.accounts = accounts,
                                    .administration = administration,
                                    .invitations = invitations,
                                    .sessions = sessions,
                                    .throttle = throttle,
                                    .users = users,
                                    .replica = replica,
                                    .stats = account_stats,
                                    .password_rules = settings.passwords,
                                    .pages = settings.pages,
                                    .public_origin = settings.public_url,
                                    .registration = settings.registration};
  handlers::Dispatcher dispatcher(services);
  std::unique_ptr<Monitor> monitor;
  if (settings.metrics != "off") {
    monitor = std::make_unique<Monitor>(
        settings.metrics,
        Metrics::Sources{.server = server,
                         .dispatcher = dispatcher,
                         .accounts = account_stats,
                         .hashes = hashes,
                         .throttle = throttle,
                         .database = database,
                         .bin = bin ? &sync_rows : nullptr,
                         .bin_requests_per_day = settings.bin.sync.requests_per_day,
                         .clock = system_clock});
  }

  if (bin) bin->start();
  keeper.start();
  if (monitor) monitor->start();
  // Last, as its threads use all the others: if one of those cannot start, nobody is served yet.
  server.start([&](const http::Request& request) { return dispatcher.answer(request); });
  spdlog::info("userbin " USERBIN_VERSION " serves on {}, store {}, bin {}, metrics {}",
               listener.description(), database.name(), describe(settings.bin),
               monitor ? monitor->listener.description() : "off");

  const int signal =
      wait_for_end(signals, bin ? &bin->replica : nullptr, users, invitations, clock);
  spdlog::info("signal {}: finishing what runs, for at most {}", signal,
               format_duration(settings.drain));
  const bool is_drained = server.drain(settings.drain);
  monitor.reset();
  if (!is_drained) {
    spdlog::warn("not all requests were finished within --drain");
    give_up(sessions, keeper);
  }
  if (bin) bin->stop();
  server.stop();
  keeper.stop();
  spdlog::info("stopped");
}

}  // namespace

int serve(std::span<char*> arguments) {
  try {
    run(parse_settings(arguments, kUsage), block_signals());
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
