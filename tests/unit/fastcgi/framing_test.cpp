#include "fastcgi/framing.h"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.h"

using namespace std::string_literals;
using namespace userbin::fastcgi;

namespace {

enum Type : unsigned char { kBegin = 1, kAbort = 2, kEnd = 3, kParams = 4, kStdin = 5, kData = 8 };

std::string big_endian_16(std::size_t number) {
  return {static_cast<char>(number >> 8 & 0xFF), static_cast<char>(number & 0xFF)};
}

std::string record(unsigned char type, const std::string& content, std::size_t padding = 0,
                   std::size_t id = 1, char version = 1) {
  return std::string{version, static_cast<char>(type)} + big_endian_16(id) +
         big_endian_16(content.size()) + static_cast<char>(padding) + '\0' + content +
         std::string(padding, '\xAA');
}

std::string begin(std::size_t role = 1, char flags = 1) {
  return record(kBegin, big_endian_16(role) + flags + std::string(5, '\0'));
}

/// A stream in records of at most `most` bytes, and the empty one that ends it.
std::string stream(unsigned char type, const std::string& content, std::size_t most = 65'535,
                   std::size_t padding = 0) {
  std::string records;
  for (std::size_t at = 0; at < content.size(); at += most) {
    records += record(type, content.substr(at, most), padding);
  }
  return records + record(type, "");
}

std::string request(const std::string& body) {
  return begin() + stream(kParams, "\x06\x03HTTPSXyes") + stream(kStdin, body);
}

/// A parameter, its lengths in one byte each.
std::string parameter(const std::string& name, const std::string& value) {
  return std::string{static_cast<char>(name.size()), static_cast<char>(value.size())} + name +
         value;
}

Arrival arrival_of(const std::string& bytes) {
  return inspect(bytes).arrival;
}

}  // namespace

TEST_CASE("a connection that has sent nothing has nothing", "[framing]") {
  CHECK(arrival_of("") == Arrival::kNothing);
}

TEST_CASE("a whole request is complete, and its body's size is known", "[framing]") {
  const auto size = GENERATE(values<std::size_t>({0, 1, 1000, 65'535, kMaxBodyBytes}));
  const Inspection found = inspect(request(std::string(size, 'x')));
  CHECK(found.arrival == Arrival::kComplete);
  CHECK(found.body_bytes == size);
}

TEST_CASE("a request may come in many small records", "[framing]") {
  const auto [most, padding] = GENERATE(
      table<std::size_t, std::size_t>({{1, 0}, {1, 7}, {1, 255}, {3, 5}, {8, 0}, {4096, 255}}));
  CAPTURE(most, padding);
  const Inspection found = inspect(begin() + stream(kParams, std::string(100, 'p'), most, padding) +
                                   stream(kStdin, std::string(100, 'b'), most, padding));
  CHECK(found.arrival == Arrival::kComplete);
  CHECK(found.body_bytes == 100);
}

TEST_CASE("padding is passed over, wherever it stands", "[framing]") {
  const auto padding = GENERATE(values<std::size_t>({0, 1, 8, 255}));
  CAPTURE(padding);
  const std::string begin_padded = record(kBegin, "\0\1\0\0\0\0\0\0"s, padding);
  const std::string bytes = begin_padded + record(kParams, parameter("A", "b"), padding) +
                            record(kParams, "", padding) + record(kStdin, "body", padding) +
                            record(kStdin, "", padding);
  const Inspection found = inspect(bytes);
  CHECK(found.arrival == Arrival::kComplete);
  std::string joined;
  CHECK(parameters_in(bytes, joined) == parameter("A", "b"));
  CHECK(body_in(bytes, joined) == "body");
  CHECK(arrival_of(bytes.substr(0, bytes.size() - 1)) == Arrival::kIncomplete);
}

TEST_CASE("a beginning of a request is incomplete, wherever it ends", "[framing]") {
  const auto size = GENERATE(values<std::size_t>({0, 20}));
  const std::string bytes =
      begin() + stream(kParams, "parameters", 3, 2) + stream(kStdin, std::string(size, 'b'), 7, 1);
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(arrival_of(bytes.substr(0, length)) == Arrival::kIncomplete);
  }
  CHECK(arrival_of(bytes) == Arrival::kComplete);
}

TEST_CASE("more body than is allowed is told from the record's header alone", "[framing]") {
  const std::string head = begin() + stream(kParams, "p");
  const std::string most = record(kStdin, std::string(65'535, 'b'));
  const auto bytes = GENERATE_COPY(values<std::string>({
      head + most + record(kStdin, "bb"),
      head + most + record(kStdin, "bb").substr(0, 8),
      head + most + most,
      head + most + record(kStdin, "b") + record(kStdin, "b"),
  }));
  CHECK(arrival_of(bytes) == Arrival::kBodyTooLarge);
}

TEST_CASE("bytes behind the end of a request break the connection", "[framing]") {
  const auto more = GENERATE(values<std::string>({"x", "\0"s, begin(), request("b")}));
  CHECK(arrival_of(request("body") + more) == Arrival::kBroken);
}

TEST_CASE("what is no request that is served here is broken", "[framing]") {
  const std::string no_params = record(kParams, "");
  const std::string no_body = record(kStdin, "");
  const auto bytes = GENERATE_COPY(values<std::string>({
      record(kBegin, big_endian_16(1) + "\1\0\0\0\0\0"s, 0, 1, 0),  // version 0
      record(kBegin, big_endian_16(1) + "\1\0\0\0\0\0"s, 0, 1, 2),  // version 2
      begin(0),
      begin(3),
      begin(0x0101),  // another role
      begin(0x0201),
      begin(0x0102),
      record(kBegin, ""),
      record(kBegin, "\0\1"s),                    // too short
      record(kBegin, "\0\1\0\0\0\0\0\0\0"s),      // too long
      record(kBegin, "\0\1\0\0\0\0\0\0"s, 0, 0),  // id 0
      record(9, "\x0E\0FCGI_MAX_CONNS"s, 0, 0),   // management
      begin() + record(9, "", 0, 0),              // in a request
      record(kParams, "p"),
      record(kStdin, "b"),
      record(kAbort, ""),  // no beginning
      record(kEnd, "\0\0\0\0\0\0\0\0"s),
      record(0, ""),
      record(255, ""),                                                   // not from a server
      begin() + begin(),                                                 // twice
      begin() + no_body,                                                 // order
      begin() + record(kParams, "p") + no_body,                          // no end of parameters
      begin() + no_params + no_params,                                   // two of them
      begin() + no_params + record(kStdin, "b") + record(kParams, "p"),  // parameters in the body
      begin() + record(kAbort, ""),                                      // given up
      begin() + no_params + record(kAbort, ""),                          // later
      begin() + no_params + record(kData, ""),                           // for filters
      begin() + record(kParams, "p", 0, 2),                              // another id
      begin() + record(kParams, "p", 0, 0x0101),                         // in the high byte
      begin() + no_params + record(kStdin, "", 0, 2),                    // at the end
      begin() + no_params + record(kStdin, "", 0, 1, 3),                 // version 3
      "GET / HTTP/1.1\r\nHost: own.example\r\n\r\n",                     // HTTP
      "\x16\x03\x01\x02\x00\x01\x00\x01"s,                               // TLS
  }));
  CHECK(arrival_of(bytes) == Arrival::kBroken);
}

TEST_CASE("an authorizer's request is there with the end of its parameters", "[framing]") {
  const auto most = GENERATE(values<std::size_t>({1, 7, 65'535}));
  const std::string bytes = begin(2) + stream(kParams, "parameters", most, 3);
  const Inspection found = inspect(bytes);
  CHECK(found.arrival == Arrival::kAuthorizer);
  CHECK(found.body_bytes == 0);
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(arrival_of(bytes.substr(0, length)) == Arrival::kIncomplete);
  }
}

TEST_CASE("nothing that follows an authorizer's parameters changes what they are", "[framing]") {
  const auto more = GENERATE(values<std::string>(
      {"x", "\0"s, record(kStdin, ""), stream(kStdin, "body"), record(kStdin, "").substr(0, 4),
       stream(kStdin, std::string(kMaxBodyBytes + 1, 'b')), begin(1), request("b"),
       std::string(kMaxRequestBytes, '\0')}));
  const Inspection found = inspect(begin(2) + stream(kParams, "p") + more);
  CHECK(found.arrival == Arrival::kAuthorizer);
  CHECK(found.body_bytes == 0);
}

TEST_CASE("an authorizer's parameters have the limits of any", "[framing]") {
  const auto [size, arrival] = GENERATE(table<std::size_t, Arrival>({
      {kMaxParamsBytes, Arrival::kAuthorizer},
      {kMaxParamsBytes + 1, Arrival::kBroken},
  }));
  CHECK(arrival_of(begin(2) + stream(kParams, std::string(size, 'p'))) == arrival);
}

TEST_CASE("an authorizer's request without parameters' end is broken by anything else",
          "[framing]") {
  const auto more =
      GENERATE(values<std::string>({begin(1), begin(2), record(kStdin, ""), record(kAbort, ""),
                                    record(kParams, "", 0, 2), record(kParams, "", 0, 1, 0)}));
  CHECK(arrival_of(begin(2) + record(kParams, "p") + more) == Arrival::kBroken);
}

TEST_CASE("a request's id may be any but 0", "[framing]") {
  const auto id = GENERATE(values<std::size_t>({1, 2, 255, 256, 65'535}));
  const std::string bytes = record(kBegin, "\0\1\0\0\0\0\0\0"s, 0, id) +
                            record(kParams, "", 0, id) + record(kStdin, "", 0, id);
  CHECK(arrival_of(bytes) == Arrival::kComplete);
  CHECK(inspect(bytes).request_id == id);
}

TEST_CASE("a request is complete whether or not the connection is to be kept", "[framing]") {
  const auto flags = GENERATE(values<char>({0, 1, '\xFF'}));
  const Inspection found = inspect(begin(1, flags) + record(kParams, "") + record(kStdin, ""));
  CHECK(found.arrival == Arrival::kComplete);
  CHECK(found.keeps_connection == (flags != 0));
}

TEST_CASE("parameters up to their limit are taken, and one byte more is not", "[framing]") {
  const auto [size, arrival] = GENERATE(table<std::size_t, Arrival>({
      {kMaxParamsBytes, Arrival::kComplete},
      {kMaxParamsBytes + 1, Arrival::kBroken},
      {kMaxParamsBytes * 2, Arrival::kBroken},
  }));
  CAPTURE(size);
  CHECK(arrival_of(begin() + stream(kParams, std::string(size, 'p')) + record(kStdin, "")) ==
        arrival);
}

TEST_CASE("a beginning that fills the whole buffer can never end and is broken", "[framing]") {
  const std::string head = begin() + record(kParams, "");
  std::string bytes = head;
  while (bytes.size() < kMaxRequestBytes) bytes += record(kStdin, "b", 255);
  CHECK(arrival_of(bytes.substr(0, kMaxRequestBytes - 1)) == Arrival::kIncomplete);
  CHECK(arrival_of(bytes.substr(0, kMaxRequestBytes)) == Arrival::kBroken);
}

TEST_CASE("one byte that is changed never makes a request's body longer", "[framing]") {
  const std::string whole = request("body");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      CAPTURE(at, bit);
      CHECK(inspect(bytes).body_bytes <= 4);
    }
  }
}

TEST_CASE("random bytes are never taken for a request", "[framing]") {
  std::mt19937 random(20261123);  // NOLINT: the same bytes every time
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    // Half of them look like a request at first.
    if (round % 2 == 0) bytes = begin() + record(kParams, "") + bytes;
    CAPTURE(round);
    CHECK(arrival_of(bytes) != Arrival::kComplete);
  }
}

TEST_CASE("what records of one type hold is put together", "[framing]") {
  const auto [most, padding] = GENERATE(
      table<std::size_t, std::size_t>({{1, 0}, {3, 5}, {8, 255}, {65'535, 0}, {65'535, 7}}));
  CAPTURE(most, padding);
  const std::string params(300, 'p');
  const std::string body = GENERATE(as<std::string>{}, "", "body", std::string(70'000, 'b'));
  const std::string bytes = begin() + stream(kParams, params, most, padding) +
                            stream(kStdin, body, std::max<std::size_t>(most, 8), padding);
  std::string joined;
  CHECK(parameters_in(bytes, joined) == params);
  CHECK(body_in(bytes, joined) == body);
  CHECK(parameters_in(begin(2) + stream(kParams, params, most, padding) + "\x7F\x7F"s, joined) ==
        params);
}

TEST_CASE("one record is not copied to be looked at", "[framing]") {
  const std::string bytes = request("body");
  std::string joined;
  CHECK(parameters_in(bytes, joined).data() == bytes.data() + begin().size() + 8);
  CHECK(body_in(bytes, joined).data() == bytes.data() + bytes.size() - 8 - 4);
}

TEST_CASE("parameters are taken one by one", "[framing]") {
  const std::string much(256, 'v');
  const std::string text = parameter("HTTPS", "on") + parameter("A", "") + parameter("", "") +
                           parameter("A=", "b=c") + "\1\x80\0\1\0B"s + much + "\x80\0\0\1\1Cd"s;
  const std::vector<std::pair<std::string, std::string>> expected{
      {"HTTPS", "on"}, {"A", ""}, {"", ""}, {"A=", "b=c"}, {"B", much}, {"C", "d"}};
  std::string_view rest = text;
  for (const auto& [name, value] : expected) {
    const auto taken = take_parameter(rest);
    REQUIRE(taken);
    CHECK(taken->name == name);
    CHECK(taken->value == value);
  }
  CHECK(rest.empty());
}

TEST_CASE("a parameter that ends beyond its text, or holds a zero byte, is not taken",
          "[framing]") {
  const auto text = GENERATE(values<std::string>({
      "\1"s,                                 // no second length
      "\x80\0\0"s,                           // a length that is cut
      "\1\x80\0"s,                           //
      "\1\1A"s,                              // a value that is cut
      "\4\4ab"s,                             //
      "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx"s,  // lengths whose sum is no int
      "\xFF\xFF\xFF\xFF\0A"s,                //
      "\xF8\xFC\xAD\xBA\xAE\xAA\xBA\xACx"s,  //
      parameter("A\0B"s, "c"),
      parameter("A", "b\0c"s),
  }));
  CAPTURE(text);
  std::string_view rest = text;
  CHECK_FALSE(take_parameter(rest));
}

TEST_CASE("an answer is STDOUT to its end, and END_REQUEST", "[framing]") {
  enum : unsigned char { kStdout = 6 };
  const std::string text =
      GENERATE(as<std::string>(), ""s, "x"s, std::string(65'535, 'a'),
               std::string(65'535, 'a') + std::string(65'535, 'b') + "the rest");
  const unsigned id = GENERATE(1U, 0x1234U);
  std::string expected;
  for (std::size_t at = 0; at < text.size(); at += 65'535) {
    expected += record(kStdout, text.substr(at, 65'535), 0, id);
  }
  expected += record(kStdout, "", 0, id) + record(kEnd, std::string(8, '\0'), 0, id);
  CHECK(answer_records(id, text) == expected);
}
