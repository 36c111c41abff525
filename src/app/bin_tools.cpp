#include "app/bin_tools.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <unistd.h>

#include "app/progress.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/text.h"
#include "jsonbin/adoption.h"

namespace userbin::app {

namespace {

constexpr const char* kDefaultConfig = "/etc/userbin.conf";
constexpr const char* kPlaceholder = "!";

std::unique_ptr<store::Database> open_store(const store::StoreOptions& options,
                                            OpenStore::IfMissing if_missing) {
  if (if_missing == OpenStore::IfMissing::kFail && !options.is_url() &&
      !std::filesystem::exists(options.place)) {
    throw Failed("there is no store at " + options.place +
                 "; name the worker's by --store, or in --config");
  }
  return store::open_database(options);
}

std::string reason_of(const jsonbin::Error& error) {
  std::string reason(jsonbin::word_for(error.kind));
  std::replace(reason.begin(), reason.end(), '_', ' ');
  if (error.status != 0) reason += ", " + std::to_string(error.status);
  return reason + ": " + error.message;
}

}  // namespace

int run_bin_command(std::span<char*> arguments, const std::string& verb,
                    const std::string& description, const std::function<void(CLI::App&)>& declare,
                    const BinCommand& command) {
  return run_store_command(arguments, "userbin bin " + verb, description, declare, command);
}

int run_store_command(std::span<char*> arguments, const std::string& name,
                      const std::string& description, const std::function<void(CLI::App&)>& declare,
                      const BinCommand& command) {
  try {
    const Settings settings = parse_settings(arguments, {.name = name,
                                                         .description = description,
                                                         .default_config = kDefaultConfig,
                                                         .shows_worker_settings = false,
                                                         .declare = declare});
    base::open_log({.file = "", .level = settings.log.level});
    return command(settings);
  } catch (const Exit& exit) {
    return exit.status;
  } catch (const base::BadSetting& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 1;
  }
}

OpenStore::OpenStore(const Settings& settings, IfMissing if_missing)
    : database_(open_store(settings.store, if_missing)),
      rows_(*database_),
      users_(*database_),
      clock_(system_clock_, rows_.server_number()) {}

OpenService::OpenService(const Settings& settings, OpenStore& store)
    : settings_(settings.bin.sync),
      transport_(transport_settings(settings.bin)),
      metered_(transport_, store.rows(), store.clock(),
               jsonbin::Budget(settings_.requests_per_day)),
      client_(metered_, store.clock(), client_settings(settings.bin)) {
  const std::string place = jsonbin::place_name(settings.bin.url, settings_);
  const std::string followed = store.rows().place();
  if (settings.bin.is_configured() && !followed.empty() && followed != place) {
    throw Failed(
        "the store belongs to " + followed + ", not to " + place +
        "; to move it there, start the worker with that setting or use 'userbin bin push'");
  }
}

std::vector<jsonbin::BinCopy> OpenService::read_bins() {
  std::vector<std::string> ids{settings_.bin_id};
  if (!settings_.collection_id.empty()) {
    const auto collection = client_.list_collection(settings_.collection_id);
    if (!collection) {
      throw Failed("collection " + settings_.collection_id + ": " + reason_of(collection.error()));
    }
    ids.clear();
    for (const jsonbin::BinEntry& bin : collection.value().bins) ids.push_back(bin.id);
  }
  std::vector<jsonbin::BinCopy> bins;
  for (const std::string& id : ids) {
    const auto document = client_.read_latest(id);
    if (!document) throw Failed("bin " + id + ": " + reason_of(document.error()));
    auto parsed = jsonbin::BinDocument::parse(document.value());
    if (const auto* refusal = std::get_if<jsonbin::Refusal>(&parsed)) {
      throw Failed("bin " + id + ": " + refusal->reason);
    }
    bins.push_back({.id = id, .document = std::get<jsonbin::BinDocument>(std::move(parsed))});
  }
  return bins;
}

void require_bin(const Settings& settings) {
  if (settings.bin.is_configured()) return;
  throw Failed("there is no bin; set BIN_ID or --bin-id, or make one by 'userbin bin create'");
}

std::size_t hash_plain_texts(std::vector<jsonbin::BinCopy>& bins, const Settings& settings,
                             const std::vector<store::SyncedUser>& users, bool dry_run) {
  jsonbin::Passwords functions = passwords(settings.hashing.cost);
  if (dry_run) functions.hash = [](const base::SecretString&) { return kPlaceholder; };
  jsonbin::Adoption adoption(functions);
  adoption.learn(users);
  std::vector<std::pair<jsonbin::BinCopy*, std::size_t>> found;
  for (jsonbin::BinCopy& bin : bins) {
    const auto elements = adoption.plain_texts(*bin.document);
    bin.must_write = !elements.empty();
    for (const std::size_t element : elements) found.emplace_back(&bin, element);
  }
  const base::SystemClock clock;
  Progress progress("passwords hashed", clock);
  for (std::size_t i = 0; i < found.size(); ++i) {
    adoption.hash(*found[i].first->document, found[i].second);
    progress.at(i + 1, found.size());
  }
  return found.size();
}

std::size_t print_changes(const std::vector<store::SyncChange>& changes) {
  std::size_t lines = 0;
  for (const store::SyncChange& change : changes) {
    const std::string_view what = jsonbin::word_for(change);
    if (what.empty()) continue;
    std::printf("%-8s %s\n", what.data(), shown(change.key).c_str());
    ++lines;
  }
  return lines;
}

void print_findings(const std::vector<jsonbin::PlanFinding>& findings) {
  for (const jsonbin::PlanFinding& found : findings) {
    std::printf("note     %s\n", jsonbin::sentence_for(found).c_str());
  }
}

void print_bins(const jsonbin::SyncStatus& status, std::size_t max_bytes) {
  for (const jsonbin::BinSize& bin : status.bins) {
    std::printf("size          bin %s: %zu of %zu bytes (%zu %%)\n", bin.id.c_str(), bin.bytes,
                max_bytes, bin.bytes * 100 / max_bytes);
  }
}

std::string shown(const std::string& text) {
  return base::escape_for_log(text);
}

}  // namespace userbin::app
