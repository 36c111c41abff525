// Lists of users as other programs keep them, as texts. Pure functions.
//
// htpasswd  "name:hash" lines, as Apache and nginx read them; what follows a further ':' is a
//           comment, and so is a line that begins with '#'. It speaks of names and hashes only.
// json      [{"username", "password", "role", ...}, ...] or {"users": [...]}. A record speaks of
//           everything: a field that is not there is not to be.
// csv       RFC 4180 with a header line. It speaks of the fields that have a column: username,
//           password or hash, role, disabled, name, email, created_at, and any others, which become
//           fields of their name. An empty cell says that there is no such field.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <json/value.h>

#include "store/user_store.h"

namespace userbin::app {

enum class FileFormat { kHtpasswd, kJson, kCsv };

/// A user as a file has him.
struct FileUser {
  /// From 1.
  std::size_t line = 0;
  /// "username" and "password" are texts. Unless is_whole, a null is a field that is not to be, and
  /// of what is missing the file does not speak.
  Json::Value record;
  bool is_whole = false;
  /// Whether the password stands where only a hash may be.
  bool must_be_hash = false;
  /// Whether the password is one in plain text, to be hashed. The readers leave it false.
  bool is_plain = false;
};

/// Something in a file that is not taken.
struct FileProblem {
  std::size_t line = 0;
  /// Without the text that is wrong: it may be a password.
  std::string what;
};

struct UserFile {
  std::vector<FileUser> users;
  std::vector<FileProblem> problems;
};

/// A text written for a file.
struct WrittenFile {
  std::string text;
  std::size_t users = 0;
  /// Sentences about what the format cannot hold.
  std::vector<std::string> left_out;
};

/// Reads a list; a byte order mark and any ends of lines will do.
UserFile read_users(std::string_view text, FileFormat format);

/// Writes the users in their order, without those who were deleted.
WrittenFile write_users(const std::vector<store::StoredUser>& users, FileFormat format);

// One of each per format, for read_users() and write_users().
UserFile read_htpasswd(std::string_view text);
UserFile read_json(std::string_view text);
UserFile read_csv(std::string_view text);
WrittenFile write_htpasswd(const std::vector<store::User>& users);
WrittenFile write_json(const std::vector<store::User>& users);
WrittenFile write_csv(const std::vector<store::User>& users);

/// "1 user", "3 users".
std::string counted_users(std::size_t count);

}  // namespace userbin::app
