#include "support/restless_user.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "auth/password_hash.h"
#include "auth/token.h"
#include "base/json.h"
#include "store/user.h"
#include "support/http_client.h"

namespace userbin::test {

namespace {

constexpr std::size_t kMostComplaints = 20;
constexpr std::size_t kMostSessions = 3;
constexpr std::size_t kMostInvitations = 2;
/// Each of so many times the admin sees to a user who may do things himself: what an admin does
/// ends sessions and takes longer, so that otherwise hardly anything else would be struck.
constexpr unsigned kAdminEvery = 8;

std::string json_of(std::initializer_list<std::pair<const char*, Json::Value>> members) {
  Json::Value value(Json::objectValue);
  for (const auto& [name, member] : members) value[name] = member;
  return base::to_json(value);
}

std::string id_of(const std::string& token_hash) {
  return auth::id_of_token_hash(token_hash);
}

}  // namespace

void Complaints::add(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (all_.size() < kMostComplaints) all_.push_back(what);
}

std::vector<std::string> Complaints::all() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

RestlessUser::RestlessUser(int number, unsigned seed, Complaints& complaints)
    : name_("user" + std::to_string(number)),
      admin_(admin_name(number)),
      complaints_(complaints),
      random_(seed),
      since_bin_({world_}) {}

void RestlessUser::prepare(const std::string& socket) {
  const std::string body =
      json_of({{"username", admin_}, {"password", kPassword}, {"token", true}});
  if (!connect(socket)) throw std::runtime_error("nobody listens on " + socket);
  const auto answer = send({"", "POST", "/login", body});
  if (!answer || answer->first != 200) throw std::runtime_error(admin_ + " cannot log in");
  admin_token_ = answer->second["token"].asString();
}

bool RestlessUser::connect(const std::string& socket) {
  try {
    connection_.reset();
    connection_.emplace(socket);
  } catch (const std::runtime_error&) {
    return false;
  }
  return true;
}

bool RestlessUser::act() {
  if (edited_) {
    const bool is_answered = look_around();
    if (!is_answered) struck_ = "edit in the bin";
    return is_answered;
  }
  if (random_() % 4 == 0) return look_around();
  const std::vector<Deed> all = deeds();
  const Deed& deed = all[random_() % all.size()];
  unanswered_ = {deed.after};
  if (deed.half_way) unanswered_.push_back(*deed.half_way);
  const auto answer = send(deed);
  if (!answer) return false;
  unanswered_.clear();
  ++answered_;
  take_answer(deed, answer->first, answer->second);
  return true;
}

void RestlessUser::edit(Json::Value& bin) {
  if (!world_.person.is_there || world_.person.is_deleted || random_() % 2 == 0) return;
  for (Json::Value& element : bin) {
    if (element["username"] != name_) continue;
    edited_ = world_;
    edited_->person.role = world_.person.role == "user" ? "editor" : "user";
    element["role"] = edited_->person.role;
    since_bin_ = {*edited_};
  }
}

void RestlessUser::note_in_step() {
  if (edited_) world_ = *std::exchange(edited_, std::nullopt);
  since_bin_ = {world_};
}

/// Changes nothing but when a session was last used, and wrong passwords that are counted.
bool RestlessUser::look_around() {
  if (random_() % 3 == 0) {
    const auto answer =
        send({"", "POST", "/login", json_of({{"username", name_}, {"password", "wrong"}})});
    if (answer && answer->first != 401) complain("a wrong password logs in");
    return answer.has_value();
  }
  const std::string token = any_session();
  if (!token.empty() && !is_session_known(token, true)) return false;
  return dead_token_.empty() || is_session_known(dead_token_, false);
}

bool RestlessUser::is_session_known(const std::string& token, bool is_live) {
  const auto answer = send({"", "GET", "/me", "", token});
  if (!answer) return false;
  const bool is_mine = answer->first == 200 && answer->second["username"] == name_;
  if (is_live ? !is_mine : answer->first != 401) {
    complain(std::string("a session that is ") + (is_live ? "good" : "ended") + " gets " +
             std::to_string(answer->first));
  }
  return true;
}

void RestlessUser::take_answer(const Deed& deed, int status, const Json::Value& body) {
  const std::string what = deed.method + ' ' + deed.path + ' ' + deed.body;
  if (status != 200 && status != 202) {
    return complain(what + ": " + std::to_string(status) + ' ' + base::to_json(body));
  }
  for (const auto& [hash, token] : world_.sessions) {
    if (!token.empty() && !deed.after.sessions.contains(hash)) dead_token_ = token;
  }
  world_ = deed.after;
  const std::string token = body["token"].asString();
  if (world_.new_sessions > 0) world_.sessions[auth::hash_of_token(token)] = token;
  if (world_.new_invitations > 0) world_.invitations[auth::hash_of_token(token)] = token;
  world_.new_sessions = world_.new_invitations = 0;
  if (deed.awaits_bin && status == 200) since_bin_.clear();
  since_bin_.push_back(world_);
}

std::vector<RestlessUser::Deed> RestlessUser::deeds() const {
  std::vector<Deed> all;
  const Person& person = world_.person;
  if (!person.is_there || person.is_deleted) {
    add_deeds_of_nobody(all);
  } else if (!person.is_disabled && random_() % kAdminEvery != 0) {
    add_deeds_of_user(all);
  } else {
    add_deeds_of_admin(all);
  }
  add_deeds_with_invitations(all);
  return all;
}

void RestlessUser::add_deeds_of_nobody(std::vector<Deed>& deeds) const {
  World after = world_;
  after.former.reset();
  after.person = {.is_there = true, .password = draw_password()};
  const std::string body =
      json_of({{"username", name_}, {"password", after.person.password}, {"role", "user"}});
  deeds.push_back({.kind = "addition by an admin",
                   .method = "POST",
                   .path = "/users",
                   .body = body,
                   .token = admin_token_,
                   .after = after});
  deeds.back().awaits_bin = true;
  World waiting = after;
  waiting.person.is_disabled = waiting.person.is_waiting = true;
  deeds.push_back({.kind = "registration",
                   .method = "POST",
                   .path = "/register",
                   .body = body,
                   .after = waiting});
  deeds.back().awaits_bin = true;
  for (const auto& [hash, token] : world_.invitations) {
    if (token.empty()) continue;
    World invited = after;
    invited.person.role = "editor";
    invited.invitations.erase(hash);
    const std::string with_token =
        json_of({{"username", name_}, {"password", after.person.password}, {"invitation", token}});
    deeds.push_back({.kind = "registration by invitation",
                     .method = "POST",
                     .path = "/register",
                     .body = with_token,
                     .after = invited});
    deeds.back().awaits_bin = true;
  }
  if (!world_.former) return;
  World restored = world_;
  restored.person = *world_.former;
  restored.former.reset();
  deeds.push_back({.kind = "restoration",
                   .method = "POST",
                   .path = "/users/" + name_ + "/restore",
                   .body = "",
                   .token = admin_token_,
                   .after = restored});
  deeds.back().awaits_bin = true;
}

void RestlessUser::add_deeds_of_user(std::vector<Deed>& deeds) const {
  const std::string& password = world_.person.password;
  const std::string token = any_session();
  const std::string login = json_of({{"username", name_}, {"password", password}, {"token", true}});
  if (world_.sessions.size() < kMostSessions) {
    World after = world_;
    after.new_sessions = 1;
    deeds.push_back(
        {.kind = "login", .method = "POST", .path = "/login", .body = login, .after = after});
  }
  for (const auto& [hash, each] : world_.sessions) {
    World after = world_;
    after.sessions.erase(hash);
    if (token.empty()) break;
    deeds.push_back({.kind = "end of a session",
                     .method = "DELETE",
                     .path = "/me/sessions/" + id_of(hash),
                     .body = "",
                     .token = token,
                     .after = after});
  }
  if (token.empty()) return;
  World without = world_;
  without.sessions.erase(auth::hash_of_token(token));
  deeds.push_back({.kind = "logout",
                   .method = "POST",
                   .path = "/logout",
                   .body = "{}",
                   .token = token,
                   .after = without});
  // The session that he comes with ends first.
  World renewed = without;
  renewed.new_sessions = 1;
  deeds.push_back({.kind = "login with a session",
                   .method = "POST",
                   .path = "/login",
                   .body = login,
                   .token = token,
                   .after = renewed,
                   .half_way = without});
  World alone = world_;
  alone.sessions.clear();
  deeds.push_back({.kind = "logout everywhere",
                   .method = "POST",
                   .path = "/logout",
                   .body = R"({"everywhere":true})",
                   .token = token,
                   .after = alone});
  World changed = alone;
  changed.person.password = draw_password();
  changed.new_sessions = 1;
  deeds.push_back({.kind = "password change",
                   .method = "POST",
                   .path = "/me/password",
                   .body = json_of({{"current_password", password},
                                    {"new_password", changed.person.password},
                                    {"token", true}}),
                   .token = token,
                   .after = changed,
                   .awaits_bin = true});
  World gone = alone;
  gone.person = {.is_there = true, .is_deleted = true};
  deeds.push_back({.kind = "deletion of his own",
                   .method = "DELETE",
                   .path = "/me",
                   .body = json_of({{"current_password", password}}),
                   .token = token,
                   .after = gone,
                   .awaits_bin = true});
}

RestlessUser::Deed RestlessUser::patch(const std::string& kind, const std::string& body,
                                       const Person& person, bool ends_sessions) const {
  Deed deed{.kind = kind,
            .method = "PATCH",
            .path = "/users/" + name_,
            .body = body,
            .token = admin_token_,
            .after = world_};
  deed.after.person = person;
  if (ends_sessions) deed.after.sessions.clear();
  deed.awaits_bin = true;
  return deed;
}

void RestlessUser::add_deeds_of_admin(std::vector<Deed>& deeds) const {
  Person other = world_.person;
  other.is_waiting = false;
  other.is_disabled = !other.is_disabled;
  deeds.push_back(patch(other.is_disabled ? "disabling" : "enabling",
                        json_of({{"disabled", other.is_disabled}}), other, other.is_disabled));
  other = world_.person;
  other.role = other.role == "user" ? "editor" : "user";
  deeds.push_back(patch("role", json_of({{"role", other.role}}), other, false));
  other = world_.person;
  other.password = draw_password();
  deeds.push_back(
      patch("password by an admin", json_of({{"password", other.password}}), other, true));
  Deed deletion = patch("deletion by an admin", "", {.is_there = true, .is_deleted = true}, true);
  deletion.method = "DELETE";
  deletion.after.former = world_.person;
  deeds.push_back(deletion);
}

void RestlessUser::add_deeds_with_invitations(std::vector<Deed>& deeds) const {
  World after = world_;
  after.new_invitations = 1;
  if (world_.invitations.size() < kMostInvitations) {
    deeds.push_back({.kind = "invitation",
                     .method = "POST",
                     .path = "/invitations",
                     .body = R"({"role":"editor"})",
                     .token = admin_token_,
                     .after = after});
  }
  if (world_.invitations.size() < kMostInvitations) return;
  const std::string& hash = world_.invitations.begin()->first;
  after = world_;
  after.invitations.erase(hash);
  deeds.push_back({.kind = "end of an invitation",
                   .method = "DELETE",
                   .path = "/invitations/" + id_of(hash),
                   .body = "",
                   .token = admin_token_,
                   .after = after});
}

std::optional<std::pair<int, Json::Value>> RestlessUser::send(const Deed& deed) {
  std::vector<std::pair<std::string, std::string>> params = {{"REQUEST_METHOD", deed.method},
                                                             {"DOCUMENT_URI", deed.path},
                                                             {"REQUEST_URI", deed.path},
                                                             {"REMOTE_ADDR", "192.0.2.1"}};
  if (!deed.token.empty()) params.emplace_back("HTTP_AUTHORIZATION", "Bearer " + deed.token);
  if (!deed.body.empty()) {
    params.emplace_back("CONTENT_TYPE", "application/json");
    params.emplace_back("CONTENT_LENGTH", std::to_string(deed.body.size()));
  }
  if (!connection_->send(fastcgi_request(params, deed.body, true))) return std::nullopt;
  struck_ = deed.kind;
  const auto answer = connection_->read_answer();
  constexpr std::string_view kStatus = "Status: ";
  if (!answer || !answer->starts_with(kStatus)) return std::nullopt;
  struck_.clear();
  const auto body = answer->find("\r\n\r\n");
  return std::pair(std::stoi(answer->substr(kStatus.size(), 3)),
                   base::from_json(answer->substr(body + 4)).value_or(Json::Value()));
}

void RestlessUser::compare(const Snapshot& snapshot) {
  const auto user = snapshot.users.find(name_);
  const auto invitations = snapshot.invitations.find(admin_);
  const Snapshot::User found = user == snapshot.users.end() ? Snapshot::User() : user->second;
  const std::set<std::string> made =
      invitations == snapshot.invitations.end() ? std::set<std::string>() : invitations->second;
  std::vector<World> candidates = {world_};
  candidates.insert(candidates.end(), unanswered_.begin(), unanswered_.end());
  if (edited_) candidates.push_back(*edited_);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto world = adopted(candidates[i], found, made);
    if (!world) continue;
    world_ = *std::move(world);
    unanswered_.clear();
    if (i > 0 && edited_) edited_.reset();
    if (i > 0) since_bin_.push_back(world_);
    if (!struck_.empty()) {
      Fates& fates = tally_[struck_];
      ++(i == 0 ? fates.not_done : i == 1 ? fates.done : fates.half_done);
      struck_.clear();
    }
    return;
  }
  complain("the store has " + (found.record ? base::to_json(*found.record) : "nothing") + ", " +
           std::to_string(found.sessions.size()) + " sessions, " + std::to_string(made.size()) +
           " invitations; answered was: role " + world_.person.role +
           (world_.person.is_deleted ? " deleted" : "") +
           (world_.person.is_disabled ? " disabled" : "") + ", " +
           std::to_string(world_.sessions.size()) + " sessions, " +
           std::to_string(world_.invitations.size()) + " invitations");
}

void RestlessUser::compare(const Json::Value& bin) {
  std::optional<Json::Value> record;
  for (const Json::Value& element : bin) {
    if (element["username"] != name_) continue;
    if (record) complain("is twice in the bin");
    record = element;
  }
  const bool is_good = std::any_of(since_bin_.begin(), since_bin_.end(), [&](const World& world) {
    return is_person(record, world.person);
  });
  if (!is_good) {
    complain("the bin has " + (record ? base::to_json(*record) : "nothing") +
             ", which is older than what was answered");
  }
}

bool RestlessUser::is_person(const std::optional<Json::Value>& record, const Person& person) {
  if (!record || !person.is_there) return !record && !person.is_there;
  const store::User user(*record);
  if (user.deleted() || person.is_deleted) return user.deleted() && person.is_deleted;
  return user.role() == person.role && user.disabled() == person.is_disabled &&
         user.waiting() == person.is_waiting &&
         auth::verify_password(user.password_hash(), base::SecretString(person.password));
}

/// The world with the hashes that were not known; nullopt if it is another one.
std::optional<RestlessUser::World> RestlessUser::adopted(World world, const Snapshot::User& user,
                                                         const std::set<std::string>& invitations) {
  const auto take = [](std::map<std::string, std::string>& known, std::size_t& more,
                       const std::set<std::string>& found) {
    if (found.size() != known.size() + more) return false;
    for (const std::string& hash : found) {
      if (known.contains(hash)) continue;
      if (more == 0) return false;
      known[hash] = "";
      more = 0;
    }
    return true;
  };
  if (!is_person(user.record, world.person) || user.has_former != world.former.has_value() ||
      !take(world.sessions, world.new_sessions, user.sessions) ||
      !take(world.invitations, world.new_invitations, invitations)) {
    return std::nullopt;
  }
  return world;
}

/// A token; empty if none is known.
std::string RestlessUser::any_session() const {
  std::vector<std::string> tokens;
  for (const auto& [hash, token] : world_.sessions) {
    if (!token.empty()) tokens.push_back(token);
  }
  return tokens.empty() ? "" : tokens[random_() % tokens.size()];
}

std::string RestlessUser::draw_password() const {
  return "seven green lanterns " + std::to_string(random_());
}

void RestlessUser::complain(const std::string& what) const {
  complaints_.add(name_ + ": " + what);
}

}  // namespace userbin::test
