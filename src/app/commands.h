// The subcommands, one file each. Each takes its arguments without the program's name and returns
// the exit status: 0 done, 1 failed, 2 wrong usage or setting.
#pragma once

#include <span>

namespace userbin::app {

int serve(std::span<char*> arguments);
int bin(std::span<char*> arguments);
int import_users(std::span<char*> arguments);
int export_users(std::span<char*> arguments);
int user(std::span<char*> arguments);
int session(std::span<char*> arguments);
int ban(std::span<char*> arguments);
int invite(std::span<char*> arguments);
int store_command(std::span<char*> arguments);
int top(std::span<char*> arguments);
int check(std::span<char*> arguments);
int check_nginx(std::span<char*> arguments);

}  // namespace userbin::app
