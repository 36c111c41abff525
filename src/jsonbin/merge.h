// Joins versions of the user list: what is known here with what a bin holds. Pure functions.
//
// The rules. A *version* is a user's record as it stood under one stamp ("updated_at").
//
//  1  Of a bin's elements, a user is an object with a text "username", not empty and without a NUL,
//     and a text "password", the first one of its name. Any other is foreign: kept, reported.
//  2  An element that equals a version seen here says nothing new, however old the page was.
//  3  An element that bears the stamp of a version seen here, and differs, was edited by hand on
//     that version: its edits are made on top of today's record, now. So a hand edit wins the
//     fields it touched and no others, and the result gets a new stamp.
//  4  An element without a stamp is a new user if the name is unknown, or else was edited by hand
//     on the version of that user last written to the bin. (A "created_at" that is missing is not
//     invented, so two servers that adopt one list don't make two users of each.)
//  5  An element with a stamp unknown here was made by another server. Over a common ancestor the
//     two are merged field by field: a field that one side changed is that side's; one that both
//     changed is the one's with the later stamp (equal stamps: the greater JSON text).
//  6  Without a common ancestor the record with the later stamp wins, whole. A version earlier than
//     the ancestor doesn't descend from it: by its stamp it loses every field.
//  7  Two users made under one name are told apart by "created_at". The earlier keeps the name
//     (none at all is the earliest: it is the owner's, from before userbin); the other is set
//     aside and reported. "created_at" is therefore never changed, by hand neither.
//  8  Deleted ("role": "deleted") wins over every other version of the same user, and nothing
//     revives it. Of the record only the name, the times and "password": "!" remain.
//  9  A deletion is kept for 30 days from its stamp, then dropped, here and from the bin.
// 10  A name used again while its deletion is kept is a new user with an "incarnation" one higher;
//     the higher incarnation has the name, before rule 7. So a copy of the old one changes nothing,
//     with a stamp or without.
// 11  Absence is not deletion: a user missing from the bin is written again.
// 12  A new stamp is later than every version that the result is made of. A result that equals one
//     side keeps that side's stamp if it is the later one, so servers that agree stop writing.
//
// Why it converges: a UserState gives each field the stamp under which it was changed, and join()
// takes the greater of each, under a total order; the same for the identity, first, and for the
// deletion, last. A product of such orders is a join-semilattice: join() is commutative,
// associative and idempotent (Shapiro et al., "Conflict-free Replicated Data Types", 2011). On the
// wire a record bears one stamp only; the ancestor gives the fields theirs.
//
// jsoncpp keeps the members of an object sorted by name, not as typed: that is accepted. Elements
// of the list keep their order.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <json/value.h>

#include "base/clock.h"
#include "store/user.h"

namespace userbin::jsonbin {

/// How long a deletion is remembered (rule 9).
using store::kDeletionKept;

/// A time as a record tells it. Ordered by time, then by text; what is no RFC 3339 time has no
/// `time` and comes first.
struct Stamp {
  std::optional<base::WallTime> time;
  std::string text;

  friend bool operator==(const Stamp& a, const Stamp& b) = default;
  friend bool operator<(const Stamp& a, const Stamp& b) {
    return a.time != b.time ? a.time < b.time : a.text < b.text;
  }
};

/// The version stamp of `record`: its "updated_at".
Stamp stamp_of(const Json::Value& record);

/// Which of all users of one name this is (rules 7 and 10).
struct Identity {
  std::int64_t incarnation = 0;
  Stamp created;

  friend bool operator==(const Identity& a, const Identity& b) = default;
};

Identity identity_of(const Json::Value& record);
/// Whether `a` has the name and `b` is set aside. A strict total order.
bool has_precedence(const Identity& a, const Identity& b);

/// What remains of `record` when its user is deleted under `stamp` (rule 8).
using store::deletion_of;
/// Whether `record` is a deletion that need not be kept any longer at `now` (rule 9).
bool has_expired(const Json::Value& record, base::WallTime now);

/// What is known of one user: for every field its value and the stamp under which it was changed.
/// A value; not synchronised.
class UserState {
 public:
  /// Every field as of the record's stamp: the state when no ancestor is known.
  static UserState whole(const Json::Value& record);
  /// The fields that differ from `base` as of `stamp`, the others as of the stamp of `base`.
  /// The identity is that of `base`.
  static UserState changed_since(const Json::Value& base, const Json::Value& record,
                                 const Stamp& stamp);

  const Identity& identity() const { return identity_; }
  bool deleted() const { return deletion_.has_value(); }
  /// The record, without "updated_at".
  Json::Value record() const;

  /// The least state that holds both: commutative, associative, idempotent.
  friend UserState join(const UserState& a, const UserState& b);
  friend bool operator==(const UserState& a, const UserState& b);

 private:
  struct Field {
    Stamp stamp;
    std::optional<Json::Value> value;  // nullopt: removed
  };

  static const Field& later(const Field& a, const Field& b);
  Field field(const std::string& name) const;
  void set(const std::string& name, Field field);

  Identity identity_;
  Stamp floor_;  // fields that are not in fields_ are absent as of this stamp
  std::map<std::string, Field> fields_;
  std::optional<Stamp> deletion_;
};

UserState join(const UserState& a, const UserState& b);

/// Everything this server knows of the users of one name.
struct KnownUser {
  /// Today's record. nullopt: no such user here.
  std::optional<Json::Value> local;
  /// Earlier versions and `Joined::seen`, in the order they became known: of several with one stamp
  /// the first is the version, the others are edits that were applied. The caller may forget the
  /// oldest, but none later than `common`.
  std::vector<Json::Value> versions;
  /// The stamp of the newest version that the other servers know too, or "": the latest of
  /// `Joined::common`, and of the records whose PUT was answered only those that were `merged`. (A
  /// plain change may have been overwritten unread; what has been merged once is not merged again,
  /// or two servers could go on undoing each other's change for ever.)
  std::string common;
  /// The stamp of the version last written to the bin, or "".
  std::string written;
};

enum class Verdict {
  kSame,               // the element is today's record
  kKnownVersion,       // rule 2: it is an old one, and today's stays
  kNewUser,            // the name was unknown
  kEditedByHand,       // rules 3 and 4
  kFromAnotherServer,  // rules 5 and 6
  kNameClash,          // rule 7 or 10: see `set_aside`
  kStaysDeleted,       // rule 8: the element would have revived a deleted user
  kExpired,            // rule 9: a deletion too old to matter
};

/// What an element of the bin makes of the user of its name.
struct Joined {
  Verdict verdict = Verdict::kSame;
  /// Today's record from now on. nullopt (kExpired): no such user, as before.
  std::optional<Json::Value> record;
  /// `record` is a new version to be stored here.
  bool changed = false;
  /// `record` was made here from two servers' versions: see KnownUser::common.
  bool merged = false;
  /// The element, if it must be remembered in KnownUser::versions.
  std::optional<Json::Value> seen;
  /// What KnownUser::common is from now on.
  std::string common;
  /// The user who lost the name.
  std::optional<Json::Value> set_aside;
};

/// Joins one element, a user, with what is known of its name. A plaintext password in `element`
/// must have been replaced by a hash before, by the local one if that verifies it. `now` dates new
/// stamps.
Joined join_element(const Json::Value& element, const KnownUser& known, base::WallTime now);

/// Why a bin is neither believed nor overwritten: a sentence for the operator.
struct Refusal {
  std::string reason;
};

/// The document in a bin, with its shape. A value; not synchronised.
class BinDocument {
 public:
  struct Element {
    Json::Value value;
    std::string key;  // store::user_key of a user; "" if foreign
  };

  /// Takes an array, or an object with an array "users". `[]` and lists of nothing but `{}` are
  /// empty. Refuses what is neither, and a list with elements of which none is a user, unless `{}`
  /// is among them and says so.
  static std::variant<BinDocument, Refusal> parse(const Json::Value& document);

  /// In the bin's order.
  const std::vector<Element>& elements() const { return elements_; }

  /// The document in its shape: each user's element replaced in place by the record of that key, or
  /// left out if `users` has none, and so are further elements of that name, lest the next one be
  /// taken for the user; other foreign elements as they are; other users at the end, by key. A
  /// list without users has a `{}`: the service refuses `[]`, and parse() a list of strangers.
  Json::Value with_users(const std::map<std::string, Json::Value>& users) const;
  /// Whether with_users() would give the document that it is.
  bool holds(const std::map<std::string, Json::Value>& users) const;
  /// Puts another element, of the same user, in the place of one.
  void replace_element(std::size_t index, Json::Value value);

 private:
  std::optional<Json::Value> around_;  // the object without "users"; nullopt: an array
  std::vector<Element> elements_;
};

/// A sentence's worth for the operator: an element or a user he should look at.
struct Finding {
  enum class Kind { kForeignElement, kDuplicateName, kNameClash, kStaysDeleted };
  Kind kind;
  /// Where in the list, from 0.
  std::size_t index;
  /// The key, or "" for a foreign element.
  std::string key;
};

/// A whole list joined.
struct Merged {
  /// By key: one entry for every user in the bin.
  std::map<std::string, Joined> joined;
  /// Keys of deletions that have expired: to be dropped here.
  std::vector<std::string> expired;
  std::vector<Finding> findings;
  /// The list that is to be: today's records by key.
  std::map<std::string, Json::Value> users;
};

/// Joins `bin` with `known`, by key. Reads nothing else and changes nothing.
Merged merge(const BinDocument& bin, const std::map<std::string, KnownUser>& known,
             base::WallTime now);

}  // namespace userbin::jsonbin
