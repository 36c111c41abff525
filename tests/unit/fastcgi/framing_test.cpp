#include "fastcgi/framing.h"

#include <random>
#include <string>

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

TEST_CASE("padding that libfcgi would take for a record breaks the connection", "[framing]") {
  const std::string padded_begin = record(kBegin, "\0\1\0\0\0\0\0\0"s, 8);
  const std::string no_params = record(kParams, "");
  const auto bytes = GENERATE_COPY(values<std::string>({
      padded_begin,
      padded_begin + no_params + record(kStdin, ""),
      begin() + record(kParams, "", 8),
      begin() + record(kParams, "", 255) + record(kStdin, ""),
      begin(2) + record(kParams, "", 1),
      begin() + no_params + record(kStdin, "", 8),
      begin() + no_params + record(kStdin, "body", 4) + record(kStdin, "", 1),
      begin() + no_params + record(kStdin, "", 8).substr(0, 8),
  }));
  CHECK(arrival_of(bytes) == Arrival::kBroken);
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
}

TEST_CASE("a request is complete whether or not the connection is to be kept", "[framing]") {
  const auto flags = GENERATE(values<char>({0, 1, '\xFF'}));
  CHECK(arrival_of(begin(1, flags) + record(kParams, "") + record(kStdin, "")) ==
        Arrival::kComplete);
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

TEST_CASE("parameters whose names and values end within them are sound", "[framing]") {
  const auto [content, most] = GENERATE(table<std::string, std::size_t>({
      {"", 8},
      {parameter("HTTPS", "on"), 65'535},
      {parameter("HTTPS", "on") + parameter("A", ""), 1},
      {parameter("", ""), 8},
      {parameter("A", "b=c"), 8},
      {"\x80\0\0\1\1Ab"s, 3},
      {"\1\x80\0\1\0A"s + std::string(256, 'b'), 65'535},
      {std::string(60'000, '\0'), 65'535},  // many that are empty
  }));
  CAPTURE(content.size(), most);
  const std::string params = stream(kParams, content, most, 5);
  CHECK(has_sound_parameters(begin() + params + stream(kStdin, "\x7F\x7F"s)));
  CHECK(has_sound_parameters(begin(2) + params + "\x7F\x7F"s));
}

TEST_CASE("parameters that libfcgi would read wrongly are not sound", "[framing]") {
  const auto content = GENERATE(values<std::string>({
      "\1"s,                                 // no second length
      "\x80\0\0"s,                           // a length that is cut
      "\1\x80\0"s,                           //
      "\1\1A"s,                              // a value that is cut
      parameter("A", "b") + "\4\4ab"s,       //
      "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx"s,  // lengths whose sum is no int
      "\xFF\xFF\xFF\xFF\0A"s,                //
      "\xF8\xFC\xAD\xBA\xAE\xAA\xBA\xACx"s,  //
      parameter("A\0B"s, "c"),               // no '=' in the text that it becomes
      parameter("A=", "b"),                  // another name
      parameter("A", "b\0c"s),               // another value
  }));
  CAPTURE(content);
  CHECK_FALSE(has_sound_parameters(begin() + stream(kParams, content) + stream(kStdin, "")));
  CHECK_FALSE(has_sound_parameters(begin(2) + stream(kParams, content, 1)));
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
