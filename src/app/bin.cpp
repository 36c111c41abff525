#include <cstdio>
#include <string_view>

#include "app/bin_commands.h"
#include "app/commands.h"

namespace userbin::app {

namespace {

struct Verb {
  std::string_view name;
  int (*run)(std::span<char*> arguments);
  const char* help;
};

constexpr Verb kVerbs[] = {
    {"status", bin_status, "how far the bin follows the store; sends no request"},
    {"pull", bin_pull, "take over now what was edited in the bin"},
    {"push", bin_push, "write now what the bin lacks"},
    {"create", bin_create, "make a private bin with the list, and say how to use it"},
    {"export", bin_export, "write the list of the store as a JSON array"},
    {"import", bin_import, "join a JSON array of users into the store"},
};

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "Works on the list of users in the store and in its JSON bin.\n\n"
      "usage: userbin bin COMMAND [OPTION...]\n\n",
      out);
  for (const Verb& verb : kVerbs) std::fprintf(out, "  %-8s %s\n", verb.name.data(), verb.help);
  std::fputs(
      "\nSettings are read as the worker reads them, from /etc/userbin.conf if no --config says\n"
      "otherwise. 'userbin bin COMMAND --help' describes the options.\n",
      out);
  return status;
}

}  // namespace

int bin(std::span<char*> arguments) {
  if (arguments.empty()) return print_usage(stderr, 2);
  const std::string_view name = arguments.front();
  for (const Verb& verb : kVerbs) {
    if (name == verb.name) return verb.run(arguments.subspan(1));
  }
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin bin: there is no command '%s'\n\n", arguments.front());
  return print_usage(stderr, 2);
}

}  // namespace userbin::app
