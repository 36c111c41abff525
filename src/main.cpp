#include <cstdio>
#include <span>
#include <string_view>

#include "app/commands.h"

namespace {

struct Command {
  std::string_view name;
  int (*run)(std::span<char*> arguments);
  const char* help;
};

constexpr Command kCommands[] = {
    {"serve", userbin::app::serve, "answer nginx's requests over FastCGI"},
    {"bin", userbin::app::bin, "the list of users in its JSON bin: status, pull, push, ..."},
    {"import", userbin::app::import_users, "take over users from another program's list"},
    {"export", userbin::app::export_users, "write the users as htpasswd, JSON or CSV"},
    {"user", userbin::app::user, "single users: add, list, show, set-password, disable, ..."},
    {"session", userbin::app::session, "who is signed in: list, end"},
    {"ban", userbin::app::ban, "who is held off after too many tries: list, lift"},
    {"invite", userbin::app::invite, "who was asked to register: create, list, revoke"},
    {"store", userbin::app::store_command, "the store as a whole: copy"},
    {"top", userbin::app::top, "what a running worker does, look by look"},
    {"check", userbin::app::check, "whether a worker can work here: files, store, bin, clock"},
    {"check-nginx", userbin::app::check_nginx, "find traps in nginx's configuration, or on a site"},
};

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "userbin: user accounts for any site behind nginx\n\nusage: userbin COMMAND [OPTION...]\n\n",
      out);
  for (const Command& command : kCommands) {
    std::fprintf(out, "  %-11s %s\n", command.name.data(), command.help);
  }
  std::fputs("\n'userbin COMMAND --help' describes its options; 'userbin --version' the version.\n",
             out);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return print_usage(stderr, 2);
  const std::string_view name = argv[1];
  for (const Command& command : kCommands) {
    if (name == command.name) return command.run({argv + 2, argv + argc});
  }
  if (name == "--version") return std::puts("userbin " USERBIN_VERSION) < 0;
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin: there is no command '%s'\n\n", argv[1]);
  return print_usage(stderr, 2);
}
