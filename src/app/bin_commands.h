// The subcommands of 'userbin bin', one file each. As those of commands.h.
#pragma once

#include <span>

namespace userbin::app {

int bin_status(std::span<char*> arguments);
int bin_pull(std::span<char*> arguments);
int bin_push(std::span<char*> arguments);
int bin_create(std::span<char*> arguments);
int bin_export(std::span<char*> arguments);
int bin_import(std::span<char*> arguments);

}  // namespace userbin::app
