// What was promised, written down while it happens, without src/jsonbin.
//
// A *life* is one user: a name and an identity (incarnation, "created_at"). A *deed* is a change of
// one field of a life: by a userbin's own hand, or by a person's in the bin, once a userbin has
// taken note of it. Deeds are partly ordered by what their author's store knew when they were done
// (as version vectors do); what is known travels with versions of records, told by their text.
//
// The name belongs to the life with the highest incarnation, then the earliest "created_at". A life
// that was deleted stays deleted; one that lost its name is set aside. If all deeds on a life were
// done in one store, each field has its last value. If in several, each has one that somebody gave
// it: a record on the wire bears one stamp, and doesn't say what it was made from, so it can't
// always be told what was done at once. (Where it can, history.cpp looks.)
#pragma once

#include <bitset>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <json/value.h>

#include "store/sync_store.h"

namespace userbin::simulation {

class Witness {
 public:
  /// The server number of node 0; the others follow. Stamps tell by it where they were made.
  static constexpr std::size_t kFirstServer = 100;

  explicit Witness(std::size_t nodes) : views_(nodes) {}

  /// The store of `node` has changed: `users` is all that is in it now. `own_key` is the user whom
  /// userbin itself has changed; all other changes came through the synchronisation.
  void saw(std::size_t node, const std::vector<store::SyncedUser>& users,
           const std::optional<std::string>& own_key);

  /// Whether the names, lives and fields in `users` (records by key) are what they must be. Throws
  /// Violation.
  void check(const std::map<std::string, Json::Value>& users,
             const std::vector<Json::Value>& set_aside) const;

  /// What was deleted has been forgotten, by everybody.
  void forget_deletions();

 private:
  static constexpr std::size_t kMaxDeeds = 512;
  using Deeds = std::bitset<kMaxDeeds>;

  struct Identity {
    std::int64_t incarnation = 0;
    std::string created;
    friend auto operator<=>(const Identity&, const Identity&) = default;
  };

  struct Deed {
    std::size_t node = 0;
    std::string field;
    std::optional<Json::Value> value;
    Deeds known;  // with itself
    /// It was done on a version that its reader didn't know: it may or may not have had an effect.
    bool is_weak = false;
  };

  struct Life {
    std::vector<Deed> deeds;
    std::map<std::string, Deeds> known_of;  // by the text of a version
    bool is_deleted = false;
    bool may_be_deleted = false;
  };
  using Lives = std::map<Identity, Life>;

  /// What is known of a store: one user.
  struct View {
    std::size_t node = 0;
    std::int64_t revision = 0;
    std::optional<Json::Value> record;
    store::SyncNotes notes;
    Identity identity;
    Deeds known;
  };

  static Identity identity_of(const Json::Value& record);
  static bool has_the_name(const Identity& a, const Identity& b);
  static std::set<std::string> fields_of(const Json::Value& record);

  static std::vector<Json::Value> news(const View& view, const store::SyncedUser& user);
  void saw_own(View& view, const std::string& key, const Json::Value& now);
  void saw_element(View& view, const std::string& key, const Json::Value& element);
  void saw_record(View& view, const std::string& key, const Json::Value& now);
  const Json::Value* base_of(const View& view, const Json::Value& element) const;
  void edit(View& view, Life& life, const Json::Value& base, const Json::Value& element);
  void create(View& view, Life& life, const Json::Value& record);
  void suspect(View& view, Life& life, const Json::Value& record);
  static void add(View& view, Life& life, const std::string& field,
                  std::optional<Json::Value> value, bool is_weak);
  static Lives::const_iterator owner_of(const Lives& lives);
  void check_user(const std::string& key, const Lives& lives, const Json::Value& record,
                  const std::set<std::pair<std::string, Identity>>& aside) const;
  static bool is_chain(const Life& life);
  static void check_fields(const std::string& key, const Life& life, const Json::Value& record);

  std::map<std::string, Lives> lives_;              // by key
  std::vector<std::map<std::string, View>> views_;  // by node, by key
};

}  // namespace userbin::simulation
