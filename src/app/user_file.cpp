#include "app/user_file.h"

namespace userbin::app {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

UserFile read_users(std::string_view text, FileFormat format) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  switch (format) {
    case FileFormat::kHtpasswd: return read_htpasswd(text);
    case FileFormat::kJson: return read_json(text);
    case FileFormat::kCsv: break;
  }
  return read_csv(text);
}

WrittenFile write_users(const std::vector<store::StoredUser>& users, FileFormat format) {
  std::vector<store::User> kept;
  for (const store::StoredUser& stored : users) {
    if (!stored.user.deleted()) kept.push_back(stored.user);
  }
  switch (format) {
    case FileFormat::kHtpasswd: return write_htpasswd(kept);
    case FileFormat::kJson: return write_json(kept);
    case FileFormat::kCsv: break;
  }
  return write_csv(kept);
}

std::string counted_users(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " user" : " users");
}

}  // namespace userbin::app
