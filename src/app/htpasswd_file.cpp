#include <algorithm>
#include <array>

#include "app/user_file.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::string_view kBlank = " \t";
/// What Apache knows itself or, like nginx, leaves to crypt(3).
constexpr std::array<std::string_view, 8> kKnownToServers{"$apr1$", "$2y$", "$2a$", "$2b$",
                                                          "$5$",    "$6$",  "$y$",  "$7$"};

/// The hash of a line, without a comment behind it. Werkzeug's have colons of their own.
std::string_view hash_in(std::string_view rest) {
  const bool has_colons = rest.starts_with("scrypt:") || rest.starts_with("pbkdf2:");
  return has_colons ? rest : rest.substr(0, rest.find(':'));
}

void read_line(std::string_view line, std::size_t number, UserFile& file) {
  const bool is_blank = line.find_first_not_of(kBlank) == std::string_view::npos;
  if (is_blank || line.front() == '#') return;
  const auto colon = line.find(':');
  if (!base::is_utf8(line)) {
    file.problems.push_back({number, "it is not UTF-8"});
  } else if (colon == std::string_view::npos) {
    file.problems.push_back({number, "it is not 'name:hash'"});
  } else {
    FileUser user{.line = number, .must_be_hash = true};
    user.record["username"] = std::string(line.substr(0, colon));
    user.record["password"] = std::string(hash_in(line.substr(colon + 1)));
    file.users.push_back(std::move(user));
  }
}

bool is_known_to_servers(const std::string& hash) {
  return std::any_of(kKnownToServers.begin(), kKnownToServers.end(),
                     [&](std::string_view prefix) { return hash.starts_with(prefix); });
}

bool fits_a_line(const std::string& username) {
  return username.find_first_of(":\r\n") == std::string::npos && username.front() != '#';
}

void note(WrittenFile& file, std::size_t count, const std::string& why) {
  if (count > 0) file.left_out.push_back(counted_users(count) + " left out: " + why);
}

}  // namespace

UserFile read_htpasswd(std::string_view text) {
  UserFile file;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    read_line(line, number, file);
  }
  return file;
}

WrittenFile write_htpasswd(const std::vector<store::User>& users) {
  WrittenFile file;
  std::size_t disabled = 0;
  std::size_t unnameable = 0;
  std::size_t unknown = 0;
  for (const store::User& user : users) {
    if (user.disabled()) {
      ++disabled;
    } else if (!fits_a_line(user.username())) {
      ++unnameable;
    } else if (!is_known_to_servers(user.password_hash())) {
      ++unknown;
    } else {
      file.text += user.username() + ':' + user.password_hash() + '\n';
      ++file.users;
    }
  }
  note(file, unknown,
       "Apache and nginx don't know the scheme of their hash (argon2id, which userbin makes at "
       "each login, is none of theirs)");
  note(file, disabled, "they are disabled, which htpasswd cannot say");
  note(file, unnameable, "their names begin with '#' or have a ':' in them");
  return file;
}

}  // namespace userbin::app
