#include "fastcgi/waiting_room.h"

#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace userbin::fastcgi {

namespace {

/// A connection whose near end is in a room, for longer than any test waits unless it says so.
struct Visit {
  explicit Visit(const std::string& sent)
      : room([this](void*, WaitingRoom::Verdict verdict) { left.set_value(verdict); }) {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    near = base::UniqueFd(fds[0]);
    far = base::UniqueFd(fds[1]);
    send(sent);
  }

  void enter(WaitingRoom::For what, std::chrono::milliseconds patience = std::chrono::hours{1}) {
    room.enter(this, near.get(), what, std::chrono::steady_clock::now() + patience);
  }
  void send(const std::string& bytes) {
    REQUIRE(::send(far.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  /// Sends from the near end until no more can be sent. How many bytes those are.
  std::size_t fill() {
    const std::string much(1 << 16, 'x');
    std::size_t sent = 0;
    for (;;) {
      const ssize_t count = ::send(near.get(), much.data(), much.size(), MSG_DONTWAIT);
      if (count < 0) return sent;
      sent += static_cast<std::size_t>(count);
    }
  }
  void end_of_sending() { ::shutdown(far.get(), SHUT_WR); }
  /// How it leaves; nothing if it does not.
  std::optional<WaitingRoom::Verdict> verdict() {
    auto future = left.get_future();
    if (future.wait_for(std::chrono::minutes{1}) != std::future_status::ready) return std::nullopt;
    return future.get();
  }

  base::UniqueFd near, far;
  std::promise<WaitingRoom::Verdict> left;
  WaitingRoom room;
};

}  // namespace

TEST_CASE("a peer that sends more leaves the waiting room ready") {
  const bool before = GENERATE(true, false);
  Visit visit("");
  if (before) visit.send("x");
  visit.enter(WaitingRoom::For::kPeerToSend);
  if (!before) visit.send("x");
  CHECK(visit.verdict() == WaitingRoom::Verdict::kReady);
}

TEST_CASE("a peer that ends what it sends is not waited for any longer") {
  const bool before = GENERATE(true, false);
  Visit visit("");
  if (before) visit.end_of_sending();
  visit.enter(WaitingRoom::For::kPeerToSend);
  if (!before) visit.end_of_sending();
  CHECK(visit.verdict() == WaitingRoom::Verdict::kReady);  // to be read to its end
}

TEST_CASE("a peer that never sends more is not waited for for ever") {
  Visit visit("");
  visit.enter(WaitingRoom::For::kPeerToSend, std::chrono::milliseconds{1});
  CHECK(visit.verdict() == WaitingRoom::Verdict::kGone);
}

TEST_CASE("a peer that takes what was sent to it leaves the waiting room ready") {
  Visit visit("");
  const std::size_t sent = visit.fill();
  visit.enter(WaitingRoom::For::kPeerToRead);
  std::vector<char> taken(sent);
  CHECK(::recv(visit.far.get(), taken.data(), sent, MSG_WAITALL) == static_cast<ssize_t>(sent));
  CHECK(visit.verdict() == WaitingRoom::Verdict::kReady);
}

TEST_CASE("a peer that never takes what was sent to it is not waited for for ever") {
  Visit visit("");
  visit.fill();
  visit.enter(WaitingRoom::For::kPeerToRead, std::chrono::milliseconds{1});
  CHECK(visit.verdict() == WaitingRoom::Verdict::kGone);
}

TEST_CASE("what nobody reads is thrown away until its peer has ended") {
  Visit visit(std::string(1000, 'x'));
  visit.enter(WaitingRoom::For::kPeerToClose);
  visit.send("more");
  visit.end_of_sending();
  CHECK(visit.verdict() == WaitingRoom::Verdict::kGone);
}

}  // namespace userbin::fastcgi
