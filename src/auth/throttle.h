// How often a login or a registration may be tried.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/throttle_table.h"
#include "base/clock.h"
#include "base/tally.h"
#include "store/throttle_store.h"

namespace userbin::auth {

/// A figure of 0 switches its rule off.
struct ThrottleRules {
  /// Wrong passwords for a name from a client that cost nothing. After them the client waits before
  /// the name's next try: 1 s, then twice as long each time, up to delay_max.
  int login_failures = 5;
  std::chrono::seconds delay_max = std::chrono::minutes{15};
  /// Wrong passwords for a name in an hour from clients that never logged in to it. Beyond that
  /// each of them has one try, and then waits for delay_max, whatever login_failures is.
  int failures_per_account = 300;
  /// Wrong passwords from a client in an hour, for names that it never logged in to.
  int logins_per_client = 100;
  /// Registrations from a client in an hour, those of names that are taken included.
  int registrations_per_client = 20;
  /// How many entries of each kind (ThrottleTable) are remembered.
  std::size_t max_entries = 20'000;
};

/// A new secret for hidden_name().
std::string draw_name_key();

/// Hides what was typed as a name; names that differ in case alone are one. `name_key` is from
/// draw_name_key().
HiddenName hidden_name(std::string_view name_key, std::string_view username);
/// The same in hexadecimal, as store::ThrottleKey has it.
std::string hidden_name_text(std::string_view name_key, std::string_view username);

/// Counts tries in memory and says when the next one may be made. Any thread may call; nothing
/// here waits, reads a disk or asks who exists, so a name that nobody has is answered like any.
///
/// Nobody can lock others out: a wait belongs to a name from one client, or to one client; what is
/// counted for a name alone never refuses a client's first try. And a client that has logged in to
/// a name is bound by nothing but its own wrong passwords for that name, whatever others do in the
/// same network or to the same name. Who has no address, because nginx gives none, shares it with
/// all others; so the waits for him end at 8 s, and nothing is counted for his client.
///
/// Nobody can make the table forget cheaply: when it is full, what would be forgotten first goes.
/// Wrong passwords are forgotten after an hour, those that led to a wait after a day; a client's
/// tries when as many may be made anew. So to lose a wait by filling the table, one needs as many
/// others that end later, each made by wrong passwords of which a client has logins_per_client an
/// hour. Should somebody command that many clients, newcomers' wrong passwords for a name may be
/// forgotten, and each client's own figure still counts. Of the clients that have logged in to a
/// name the last 32 are known, so that no user makes the others' unknown by logging in from
/// everywhere.
///
/// Nobody finds out who exists, with one exception that the second promise costs: who shares an
/// address with others can see, by having used up its logins, to which names it has logged in.
class Throttle {
 public:
  /// `clock` outlives this.
  Throttle(ThrottleRules rules, std::string name_key, const base::Clock& clock);

  /// One try. It is counted as if it had failed before anything of it is looked at, so that tries
  /// made at once get no more than tries made in turn. Unless one of the calls says what became of
  /// it, it is as if it had not been made: nothing was learned by it. The throttle outlives it.
  class Attempt {
   public:
    ~Attempt();
    Attempt(Attempt&& other) noexcept;
    Attempt& operator=(Attempt&&) = delete;

    /// How long to wait, rounded up; 0: the try may be made. Nothing was counted for one that may
    /// not.
    std::chrono::seconds retry_after() const { return retry_after_; }
    /// It stays counted: a wrong password, or a registration.
    void keep();
    /// The password was right: the client's wrong ones for this name are forgotten.
    void succeed();

   private:
    friend class Throttle;
    /// Before mutex_ is locked: it is needed where an exception undoes the attempt.
    explicit Attempt(Throttle& throttle) : throttle_(throttle) { charged_.reserve(kMaxCharges); }

    static constexpr std::size_t kMaxCharges = 2;

    Throttle& throttle_;
    std::chrono::seconds retry_after_{0};
    bool is_open_ = false;
    /// A login's; counted if held_by_this_ is set.
    TableKey pair_{};
    base::WallTime held_before_{};
    base::WallTime held_by_this_{};
    /// What was charged besides, and how much.
    std::vector<std::pair<TableKey, std::chrono::microseconds>> charged_;
  };

  /// Before a password is checked: at login, or when who is signed in must give his own once more.
  /// `address` is the client's as nginx gives it.
  Attempt try_login(std::string_view username, std::string_view address);
  /// Before a registration that could be made is.
  Attempt try_registration(std::string_view address);

  /// For ThrottleKeeper. What was kept, or counted by others; some of it may be to be forgotten.
  void adopt(const store::ThrottleNews& news);
  void lift(const std::vector<store::ThrottleLift>& lifts);
  ThrottleTable::Changes take_changes();
  void put_back(const ThrottleTable::Changes& changes);
  /// Whether anybody may be held off now.
  bool holds_anybody() const;
  std::size_t size() const;

  /// Attempts that had to wait.
  std::uint64_t refused_logins() const { return refused_logins_.value(); }
  std::uint64_t refused_registrations() const { return refused_registrations_.value(); }

 private:
  // All of these: mutex_ is held.
  std::chrono::microseconds hold_of(const TableKey& key, base::WallTime now);
  /// What lasts no longer than the rules say, also if the clock was set back or they were others.
  TableEntry bounded(store::ThrottleKind kind, TableEntry entry, base::WallTime now) const;
  std::chrono::microseconds longest_hold(store::ThrottleKind kind) const;
  /// Counts a try of a client or for a name, `limit` an hour; their debt grows to an hour's at
  /// most.
  void charge(Attempt& attempt, const TableKey& key, int limit, base::WallTime now);
  void count_failure(Attempt& attempt, bool waits_longest, base::WallTime now);
  void put(const TableKey& key, const TableEntry& entry);
  int limit_of(store::ThrottleKind kind) const;

  void undo(const Attempt& attempt);
  void undo_charges(const Attempt& attempt, base::WallTime now);
  void note_success(const Attempt& attempt);

  const ThrottleRules rules_;
  const std::string name_key_;
  const base::Clock& clock_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  ThrottleTable table_;
  base::WallTime last_hold_{};

  // Self-synchronised:
  base::Counter refused_logins_;
  base::Counter refused_registrations_;
};

}  // namespace userbin::auth
