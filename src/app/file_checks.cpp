// Files, folders and sockets, as 'userbin check' looks at them.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "app/checks.h"
#include "app/metrics_client.h"
#include "base/unique_fd.h"

namespace userbin::app {

namespace {

constexpr mode_t kAnybodyWrites = 0002;
constexpr mode_t kAnybodyReads = 0004;
constexpr mode_t kOthers = 0077;

/// nullopt: it isn't there, or can't be looked at; errno says which.
std::optional<struct stat> facts_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}

std::string mode_text(const struct stat& facts) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(facts.st_mode & 07777));
  return text;
}

std::string owner_text(uid_t owner) {
  const passwd* entry = ::getpwuid(owner);
  return entry != nullptr ? entry->pw_name : std::to_string(owner);
}

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path();
  return folder.string();
}

void check_store_file(const std::string& path, const struct stat& folder, CheckReport& report) {
  const auto facts = facts_of(path);
  if (!facts) return;
  if ((facts->st_mode & kOthers) != 0) {
    report.fault("store", path + " has mode " + mode_text(*facts) + "; others get at the hashes",
                 "chmod 600 " + path);
  }
  if (facts->st_uid != folder.st_uid) {
    report.fault("store",
                 path + " belongs to " + owner_text(facts->st_uid) + ", its folder to " +
                     owner_text(folder.st_uid) + "; one of them is not the worker",
                 "chown " + owner_text(folder.st_uid) + " " + path);
  }
}

/// The file of a Unix socket; empty for other addresses.
std::string socket_file(const std::string& address) {
  if (address.empty()) return fastcgi::kDefaultSocket;
  if (address.starts_with("unix:")) return address.substr(5);
  return address.front() == '/' ? address : "";
}

/// 0, or why nobody can connect.
int try_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool is_there =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  return is_there || errno == EAGAIN ? 0 : errno;  // EAGAIN: so many wait there already
}

}  // namespace

void check_config_file(const std::string& path, CheckReport& report) {
  const auto facts = facts_of(path);
  if (!facts) {
    report.ok("settings", "there is no " + path + "; flags and defaults count");
    return;
  }
  if ((facts->st_mode & kAnybodyWrites) != 0) {
    report.fault("settings", path + " can be written by everybody on this machine",
                 "chmod o-w " + path);
  } else {
    report.ok("settings", path + " can be read, and has no setting that is wrong");
  }
}

bool check_store_files(const std::string& path, CheckReport& report) {
  const std::string folder_path = folder_of(path);
  const auto folder = facts_of(folder_path);
  if (!folder) {
    report.fault("store", "its folder " + folder_path + ": " + std::strerror(errno),
                 "make it, for the worker alone: install -d -m 700 -o USER " + folder_path);
    return false;
  }
  if ((folder->st_mode & kAnybodyWrites) != 0) {
    report.fault("store",
                 "everybody on this machine can write to its folder " + folder_path +
                     ", and put another store there",
                 "chmod 700 " + folder_path);
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    check_store_file(path + suffix, *folder, report);
  }
  std::error_code error;
  const auto space = std::filesystem::space(folder_path, error);
  if (!error) judge_room(space.available, report);
  if (facts_of(path)) return true;
  if (errno == ENOENT) {
    report.note("store", "there is no " + path + " yet",
                "the worker makes it at its first start, and so does 'userbin user add'");
  } else {
    report.fault("store", path + ": " + std::strerror(errno), "run this as root or as the worker");
  }
  return false;
}

void check_socket(const fastcgi::ListenOptions& listen, CheckReport& report) {
  if (!listen.socket_group.empty() && ::getgrnam(listen.socket_group.c_str()) == nullptr) {
    report.fault("socket", "--socket-group: there is no group " + listen.socket_group,
                 "name the group that nginx runs as; www-data on Debian");
  }
  const std::string path = socket_file(listen.address);
  if (path.empty()) {
    report.ok("socket", "not looked at: " + listen.address);
    return;
  }
  const auto facts = facts_of(path);
  if (!facts) {
    report.note("socket", "no worker listens on " + path, "systemctl start userbin");
    return;
  }
  const int error = try_socket(path);
  if (error == ECONNREFUSED) {
    report.fault("socket", "nobody listens on " + path + " any more", "systemctl restart userbin");
  } else if (error != 0) {
    report.fault("socket", path + ": " + std::strerror(error),
                 "run this as root or as the user of nginx");
  } else {
    report.ok("socket", "a worker listens on " + path);
  }
  if ((facts->st_mode & kAnybodyWrites) != 0) {
    report.fault("socket",
                 "everybody on this machine can connect to " + path + ", and pass for nginx",
                 "--socket-mode 0660 with --socket-group, and restart the worker");
  }
}

void check_metrics(const std::string& address, CheckReport& report) {
  if (address == "off") return;
  const std::string path = socket_file(address);
  if (!path.empty()) {
    const auto facts = facts_of(path);
    if (!facts && !facts_of(folder_of(path))) {
      report.fault("metrics", "the folder of " + path + ": " + std::strerror(errno),
                   "make it, or choose another --metrics");
      return;
    }
    if (facts && !S_ISSOCK(facts->st_mode)) {
      report.fault("metrics", path + " is there, and is no socket",
                   "remove it, or choose another --metrics");
      return;
    }
  }
  const MetricsAnswer answer = fetch_metrics(address);
  if (answer.problem.empty()) {
    report.ok("metrics", "a worker shows them at " + address);
  } else if (answer.is_connected) {
    report.fault("metrics", address + ": " + answer.problem,
                 "choose another --metrics, or end what has this one");
  } else {
    report.note("metrics", "no worker shows them at " + address + ": " + answer.problem,
                "systemctl start userbin");
  }
}

void check_log_file(const std::string& flag, const std::string& path, CheckReport& report) {
  if (path.empty()) return;
  const auto facts = facts_of(path);
  if (!facts && !facts_of(folder_of(path))) {
    report.fault("log", "its folder " + folder_of(path) + ": " + std::strerror(errno),
                 "make it, or choose another " + flag);
  } else if (facts && (facts->st_mode & kAnybodyWrites) != 0) {
    report.fault("log", path + " can be written by everybody on this machine", "chmod o-w " + path);
  } else if (facts && (facts->st_mode & kAnybodyReads) != 0) {
    report.note("log", path + " can be read by everybody; names and addresses stand there",
                "chmod o-r " + path);
  } else {
    report.ok("log", path);
  }
}

}  // namespace userbin::app
