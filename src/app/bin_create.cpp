#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/bin_commands.h"
#include "app/bin_tools.h"

namespace userbin::app {

namespace {

int create(const Settings& settings, const std::string& name, bool dry_run) {
  OpenStore store(settings, OpenStore::IfMissing::kMake);
  std::map<std::string, Json::Value> users;
  for (const store::SyncedUser& user : store.rows().load()) {
    users[user.user.key()] = user.user.record();
  }
  const Json::Value document = jsonbin::BinDocument().with_users(users);
  const std::size_t bytes = jsonbin::wire_form(document).size();
  if (bytes > settings.bin.sync.max_bytes) {
    throw Failed("the list has " + std::to_string(bytes) +
                 " bytes, more than --bin-max-bytes; use --jsonbin-collection with a collection");
  }
  if (dry_run) {
    std::printf(
        "Nothing is done by a dry run. Create would make a private bin named '%s' with %zu "
        "users, %zu bytes.\n",
        name.c_str(), users.size(), bytes);
    return 0;
  }
  OpenService service(settings, store);
  const auto id = service.client().create(
      document, {.name = name, .collection_id = settings.bin.sync.collection_id});
  if (!id) {
    throw Failed(
        std::string("the bin was not made: ") + id.error().message +
        (id.error().may_have_been_done ? " (look into the dashboard: it may be there)" : ""));
  }
  std::printf(
      "A private bin with %zu users was made. To use it, put into /etc/userbin.conf:\n\n"
      "bin-id = \"%s\"\n",
      users.size(), id.value().c_str());
  if (!settings.bin.key_file.empty()) {
    std::printf("jsonbin-key-file = \"%s\"\n", settings.bin.key_file.c_str());
  }
  std::printf("\nor start the worker with BIN_ID=%s\n", id.value().c_str());
  return 0;
}

}  // namespace

int bin_create(std::span<char*> arguments) {
  std::string name = "userbin users";
  bool dry_run = false;
  const auto declare = [&](CLI::App& app) {
    app.add_option("--name", name, "what the dashboard calls it")
        ->capture_default_str()
        ->check(CLI::Validator(
            [](const std::string& text) {
              return text.empty() || text.size() > 128 ? "a name has 1 to 128 bytes" : "";
            },
            "NAME"));
    app.add_flag("--dry-run", dry_run, "say what would be done, but send nothing");
  };
  return run_bin_command(
      arguments, "create",
      "Makes a private bin that holds the list of the store, and prints what to configure. With\n"
      "--jsonbin-collection it is put into that collection.",
      declare, [&](const Settings& settings) { return create(settings, name, dry_run); });
}

}  // namespace userbin::app
