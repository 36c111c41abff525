#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <json/value.h>

#include "support/site.h"
#include "support/snapshot.h"

namespace userbin::test {

/// What is found wrong. Any thread may call.
class Complaints {
 public:
  void add(const std::string& what);
  /// The first few.
  std::vector<std::string> all() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;  // guarded by mutex_
};

/// What became of the deeds of one kind that were sent and not answered, since the worker was
/// killed.
struct Fates {
  unsigned not_done = 0;
  unsigned half_done = 0;
  unsigned done = 0;

  unsigned all() const { return not_done + half_done + done; }
};
/// By the kind of deed.
using Tally = std::map<std::string, Fates>;

/// A user and the admin who sees to him, as one client, on the worker's own socket. He does, one at
/// a time and drawn by lot, all that changes the store: registers, uninvited and invited, logs in
/// and out, changes his password, deletes himself, is approved, changed, deleted and restored; and
/// he knows after each answer what the store must hold of him. Used by one thread at a time.
class RestlessUser {
 public:
  /// The admin of this number must be there: admin_name(), kPassword.
  RestlessUser(int number, unsigned seed, Complaints& complaints);

  /// How many kinds of deeds there are.
  static constexpr std::size_t kKinds = 19;
  static constexpr const char* kPassword = "tuesday grows heavy";
  static std::string admin_name(int number) { return "admin" + std::to_string(number); }

  /// The admin logs in. Throws if he cannot.
  void prepare(const std::string& socket);

  /// Connects. False if nobody listens.
  bool connect(const std::string& socket);
  /// Does one thing. False if the connection broke before it was answered.
  bool act();

  /// Once the worker is gone: what was answered is there, and what was not is there or not, as a
  /// whole. Goes on from what is found.
  void compare(const Snapshot& snapshot);
  /// The bin holds what was answered as being there, or what came after it.
  void compare(const Json::Value& bin);
  /// The store has every edit of the bin, and from now on the bin holds what the store holds.
  void note_in_step();
  /// While no worker runs, and the bin is in step, somebody may give him another role there. From
  /// then on the bin never holds less, and he only looks around until the store has it.
  void edit(Json::Value& bin);

  int answered() const { return answered_; }
  const Tally& tally() const { return tally_; }

 private:
  /// What a record is to say.
  struct Person {
    bool is_there = false;
    bool is_deleted = false;
    bool is_disabled = false;
    bool is_waiting = false;
    std::string role = "user";
    std::string password;
  };
  /// What the store is to hold.
  struct World {
    Person person;
    /// What a restoration brings back.
    std::optional<Person> former;
    /// By their hashes; empty is a token that nobody was told.
    std::map<std::string, std::string> sessions;
    std::map<std::string, std::string> invitations;
    /// Whose tokens are not known yet: 0 or 1.
    std::size_t new_sessions = 0;
    std::size_t new_invitations = 0;
  };
  /// Something to do, and what comes of it: one of these.
  struct Deed {
    std::string kind, method, path, body;
    std::string token = "";
    World after = {};
    std::optional<World> half_way = std::nullopt;
    /// Whether 200 says that it is in the bin.
    bool awaits_bin = false;
  };

  std::vector<Deed> deeds() const;
  void add_deeds_of_nobody(std::vector<Deed>& deeds) const;
  void add_deeds_of_user(std::vector<Deed>& deeds) const;
  void add_deeds_of_admin(std::vector<Deed>& deeds) const;
  void add_deeds_with_invitations(std::vector<Deed>& deeds) const;
  Deed patch(const std::string& kind, const std::string& body, const Person& person,
             bool ends_sessions) const;
  bool look_around();
  bool is_session_known(const std::string& token, bool is_live);
  void take_answer(const Deed& deed, int status, const Json::Value& body);
  /// The status, and the body; nullopt if the connection broke, and then struck_ is the deed's kind
  /// if the worker was still there when it was sent.
  std::optional<std::pair<int, Json::Value>> send(const Deed& deed);
  std::string any_session() const;
  std::string draw_password() const;
  void complain(const std::string& what) const;

  static bool is_person(const std::optional<Json::Value>& record, const Person& person);
  static std::optional<World> adopted(World world, const Snapshot::User& user,
                                      const std::set<std::string>& invitations);

  const std::string name_;
  const std::string admin_;
  Complaints& complaints_;
  mutable std::minstd_rand random_;
  std::optional<RawConnection> connection_;
  std::string admin_token_;
  World world_;
  /// What the unanswered deed may have come to.
  std::vector<World> unanswered_;
  /// What the store is to hold once the worker has read an edit of the bin.
  std::optional<World> edited_;
  /// From what the bin holds for sure.
  std::vector<World> since_bin_;
  std::string dead_token_;
  /// The deed that was sent and not answered; empty: none.
  std::string struck_;
  Tally tally_;
  int answered_ = 0;
};

}  // namespace userbin::test
