#include "app/files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <unistd.h>

#include "app/bin_tools.h"
#include "base/unique_fd.h"

namespace userbin::app {

namespace {

Failed failure(const std::string& path) {
  return Failed(path + ": " + std::strerror(errno));
}

void write_all(int file, const std::string& text, const std::string& path) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) throw failure(path);
    if (count > 0) done += static_cast<std::size_t>(count);
  }
}

/// Gives the file its name; link(2) fails where rename(2) would replace.
void put_in_place(const std::string& temporary, const std::string& path, IfExists if_exists) {
  const bool is_done = if_exists == IfExists::kReplace
                           ? ::rename(temporary.c_str(), path.c_str()) == 0
                           : ::link(temporary.c_str(), path.c_str()) == 0;
  if (is_done) return;
  if (errno == EEXIST) throw Failed(path + " is there already; say --force to replace it");
  throw failure(path);
}

void write_file(const std::string& path, const std::string& text, IfExists if_exists) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());  // of a run that was killed
  const base::UniqueFd file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) throw failure(temporary);
  try {
    write_all(file.get(), text, path);
    if (::fsync(file.get()) != 0) throw failure(path);
    put_in_place(temporary, path, if_exists);
  } catch (const Failed&) {
    ::unlink(temporary.c_str());
    throw;
  }
  ::unlink(temporary.c_str());  // its other name, if it was linked
}

}  // namespace

std::string read_text(const std::string& path) {
  if (path == kStandard) return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) throw Failed(path + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::string& path, const std::string& text, IfExists if_exists) {
  if (path != kStandard) return write_file(path, text, if_exists);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw failure("standard output");
  }
}

}  // namespace userbin::app
