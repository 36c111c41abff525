#include "auth/throttle_table.h"

#include "base/text.h"
#include "support/catch.h"

namespace userbin::auth {

namespace {

using std::chrono::seconds;
using store::ThrottleKind;

constexpr base::WallTime kNow{seconds{1'795'455'000}};

TableKey key_of(int client, ThrottleKind kind = ThrottleKind::kLogins) {
  return {.kind = kind, .name = {}, .client = ClientKey("192.0.2." + std::to_string(client))};
}

TableEntry entry_until(int seconds_from_now) {
  return {.failures = 1, .changed_at = kNow, .forget_at = kNow + seconds{seconds_from_now}};
}

std::vector<std::string> clients_of(const ThrottleTable::Changes& changes) {
  std::vector<std::string> clients;
  for (const store::ThrottleEntry& entry : changes.changed) clients.push_back(entry.key.client);
  for (const store::ThrottleKey& key : changes.gone) clients.push_back("-" + key.client);
  return clients;
}

using Clients = std::vector<std::string>;

}  // namespace

TEST_CASE("an entry is there until it is to be forgotten") {
  ThrottleTable entries(10);
  entries.put(key_of(1), entry_until(60));
  CHECK(entries.find(key_of(1), kNow) == entry_until(60));
  CHECK(entries.find(key_of(1), kNow + seconds{59}));
  CHECK_FALSE(entries.find(key_of(1), kNow + seconds{60}));
  CHECK_FALSE(entries.find(key_of(2), kNow));
  CHECK_FALSE(entries.find(key_of(1, ThrottleKind::kRegistrations), kNow));
  entries.forget(kNow + seconds{59});
  CHECK(entries.size() == 1);
  entries.forget(kNow + seconds{60});
  CHECK(entries.size() == 0);
}

TEST_CASE("of each kind there are so many entries; what would be forgotten first goes") {
  ThrottleTable entries(3);
  entries.put(key_of(1, ThrottleKind::kRegistrations), entry_until(1));
  for (const int client : {5, 1, 4, 2, 3}) entries.put(key_of(client), entry_until(client));
  CHECK(entries.size() == 4);
  CHECK(entries.find(key_of(1, ThrottleKind::kRegistrations), kNow));
  CHECK_FALSE(entries.find(key_of(1), kNow));
  CHECK_FALSE(entries.find(key_of(2), kNow));
  for (const int client : {3, 4, 5}) CHECK(entries.find(key_of(client), kNow));

  entries.put(key_of(3), entry_until(10));  // which is there already
  CHECK(entries.size() == 4);
  entries.put(key_of(6), entry_until(20));
  CHECK(entries.find(key_of(3), kNow));
  CHECK_FALSE(entries.find(key_of(4), kNow));
}

TEST_CASE("a bound for the clients of one name takes the oldest of that name") {
  ThrottleTable entries(10);
  const auto known = [](unsigned char name, int client) {
    TableKey key = key_of(client, ThrottleKind::kKnown);
    key.name[0] = name;
    return key;
  };
  for (const int client : {3, 2, 4}) entries.put(known('a', client), entry_until(client));
  entries.put(known('b', 1), entry_until(1));
  entries.make_room_for_client(ThrottleKind::kKnown, known('a', 0).name, 4);
  CHECK(entries.size() == 4);
  entries.make_room_for_client(ThrottleKind::kKnown, known('a', 0).name, 3);
  CHECK(entries.size() == 3);
  CHECK_FALSE(entries.find(known('a', 2), kNow));
  entries.make_room_for_client(ThrottleKind::kKnown, known('c', 0).name, 3);
  CHECK(entries.size() == 3);
}

TEST_CASE("what has changed is told once, and what is gone if it may have been saved") {
  ThrottleTable entries(3);
  entries.put(key_of(1), entry_until(60));
  entries.put(key_of(2), entry_until(60));
  entries.erase(key_of(2));
  CHECK(clients_of(entries.take_changes()) == Clients{"192.0.2.1"});
  CHECK(clients_of(entries.take_changes()).empty());
  entries.put(key_of(1), entry_until(61));
  entries.put(key_of(3), entry_until(60));
  CHECK(clients_of(entries.take_changes()) == Clients{"192.0.2.1", "192.0.2.3"});
  entries.erase(key_of(1));
  entries.forget(kNow + seconds{60});
  CHECK(clients_of(entries.take_changes()) == Clients{"-192.0.2.1", "-192.0.2.3"});
}

TEST_CASE("what could not be saved is told again, as it is then") {
  ThrottleTable entries(3);
  for (const int client : {1, 2, 3}) entries.put(key_of(client), entry_until(60));
  entries.take_changes();
  entries.erase(key_of(1));
  entries.erase(key_of(2));
  entries.put(key_of(3), entry_until(90));
  const ThrottleTable::Changes lost = entries.take_changes();
  entries.put(key_of(1), entry_until(70));
  entries.put_back(lost);
  CHECK(entries.size() == 2);
  SECTION("all of it") {
    CHECK(clients_of(entries.take_changes()) == Clients{"192.0.2.1", "192.0.2.3", "-192.0.2.2"});
  }
  SECTION("also what was made anew and is gone once more: its old row is in the store") {
    entries.erase(key_of(1));
    CHECK(clients_of(entries.take_changes()) == Clients{"192.0.2.3", "-192.0.2.1", "-192.0.2.2"});
  }
}

TEST_CASE("what is unsaved stays bounded while the store is away") {
  ThrottleTable entries(2);
  for (int round = 0; round < 100; ++round) {
    entries.put(key_of(round), entry_until(60));
    entries.put_back(entries.take_changes());
    entries.erase(key_of(round));
  }
  CHECK(entries.size() == 0);
  CHECK(entries.take_changes().gone.size() <= 20);
}

TEST_CASE("what was kept comes back, counts as saved, and keeps to the bound") {
  ThrottleTable first(5);
  TableKey pair = key_of(9, ThrottleKind::kPair);
  pair.name.fill(0xAB);
  TableEntry held = entry_until(50);
  held.failures = 7;
  held.held_until = kNow + seconds{40};
  first.put(pair, held);
  for (const int client : {1, 2, 3}) first.put(key_of(client), entry_until(client));
  const ThrottleTable::Changes kept = first.take_changes();
  ThrottleTable second(2);
  for (const store::ThrottleEntry& entry : kept.changed) second.restore(entry);
  CHECK(second.size() == 3);
  CHECK(second.find(pair, kNow) == held);
  CHECK_FALSE(second.find(key_of(1), kNow));
  CHECK(clients_of(second.take_changes()) == Clients{"-192.0.2.1"});
  second.erase(pair);
  CHECK(second.take_changes().gone.size() == 1);
}

TEST_CASE("a row that is none of ours is not taken in") {
  const std::string name = GENERATE("zz", "0", "00ff", "the name itself");
  ThrottleTable entries(5);
  entries.restore({.key = {.kind = ThrottleKind::kPair, .name = name, .client = "192.0.2.1"},
                   .forget_at = kNow + seconds{60}});
  CHECK(entries.size() == 0);
}

}  // namespace userbin::auth
