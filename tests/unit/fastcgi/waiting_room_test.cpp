#include "fastcgi/waiting_room.h"

#include <array>
#include <future>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "support/catch.h"

using namespace std::string_literals;

namespace userbin::fastcgi {

namespace {

const std::string kBegin = "\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0"s;
const std::string kNoParams = "\1\4\0\1\0\0\0\0"s;
const std::string kNoBody = "\1\5\0\1\0\0\0\0"s;

/// A connection whose near end is in a room, with more patience than any test has unless it says
/// so.
struct Visit {
  explicit Visit(const std::string& sent,
                 std::chrono::milliseconds patience = std::chrono::hours{1})
      : room(patience, [this](void*, WaitingRoom::Verdict verdict) { left.set_value(verdict); }) {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    near = base::UniqueFd(fds[0]);
    far = base::UniqueFd(fds[1]);
    send(sent);
  }

  void enter(WaitingRoom::For what) { room.enter(this, near.get(), what); }
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

TEST_CASE("a request whose rest arrives leaves the waiting room ready") {
  Visit visit(kBegin);
  visit.enter(WaitingRoom::For::kRestOfRequest);
  visit.send(kNoParams);
  visit.send(kNoBody);
  CHECK(visit.verdict() == WaitingRoom::Verdict::kReady);
}

TEST_CASE("a peer that ends in the middle of a request is not waited for any longer") {
  const auto sent =
      GENERATE_COPY(values<std::string>({kBegin.substr(0, 1), kBegin, kBegin + kNoParams,
                                         kBegin + kNoParams + kNoBody.substr(0, 7)}));
  const bool before = GENERATE(true, false);
  CAPTURE(sent.size(), before);
  Visit visit(sent);
  if (before) visit.end_of_sending();
  visit.enter(WaitingRoom::For::kRestOfRequest);
  if (!before) visit.end_of_sending();
  CHECK(visit.verdict() == WaitingRoom::Verdict::kGone);
}

TEST_CASE("a peer that ends with its request is answered all the same") {
  Visit visit(kBegin + kNoParams + kNoBody);
  visit.end_of_sending();
  visit.enter(WaitingRoom::For::kRestOfRequest);
  CHECK(visit.verdict() == WaitingRoom::Verdict::kReady);
}

TEST_CASE("a request whose parameters are not sound is not waited for, and not read") {
  Visit visit(kBegin);
  visit.enter(WaitingRoom::For::kRestOfRequest);
  visit.send("\1\4\0\1\0\3\0\0\1\1A"s + kNoParams + kNoBody);
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
  Visit visit("", std::chrono::milliseconds{1});
  visit.fill();
  visit.enter(WaitingRoom::For::kPeerToRead);
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
