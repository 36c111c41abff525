// Takes over lists with passwords in plain text, as simpler programs keep them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/secret.h"
#include "jsonbin/merge.h"
#include "store/sync_store.h"

namespace userbin::jsonbin {

/// What is asked of src/auth, which stands beside this folder.
struct Passwords {
  /// Whether a text is the hash of a password, in a scheme that can be verified.
  std::function<bool(const std::string& text)> is_hash;
  std::function<bool(const std::string& hash, const base::SecretString& password)> verify;
  std::function<std::string(const base::SecretString& password)> hash;
};

/// Finds passwords in plain text in documents, and puts their hashes in their place. Used by one
/// thread at a time.
class Adoption {
 public:
  explicit Adoption(Passwords passwords) : passwords_(std::move(passwords)) {}

  /// Which elements of `document` are users with a password in plain text.
  std::vector<std::size_t> plain_texts(const BinDocument& document) const;

  /// Learns which hashes the users have, and had.
  void learn(const std::vector<store::SyncedUser>& users);

  /// Hashes one password; takes as long as hashing does. A user who has, or had, a hash of this
  /// very password gets that one: so a copy of the list from before the passwords were hashed is
  /// known for what it is.
  void hash(BinDocument& document, std::size_t element) const;

 private:
  const Passwords passwords_;
  std::map<std::string, std::vector<std::string>> hashes_;  // by user key, the newest first
};

}  // namespace userbin::jsonbin
