#include "auth/client_key.h"

#include "support/catch.h"

namespace userbin::auth {

using Catch::Generators::table;

TEST_CASE("a client is an IPv4 address, or the /64 of an IPv6 one") {
  const auto [address, client] = GENERATE(table<std::string, std::string>({
      {"192.0.2.7", "192.0.2.7"},
      {"0.0.0.0", "0.0.0.0"},
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
      {"2001:db8:1:2::", "2001:db8:1:2::/64"},
      {"2001:DB8:1:2::ffff", "2001:db8:1:2::/64"},
      {"2001:0db8:0001:0002::1", "2001:db8:1:2::/64"},
      {"2001:db8:1:2::1/64", "2001:db8:1:2::/64"},
      {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
      {"::1", "::/64"},
      {"fe80::1%eth0", "fe80::/64"},
      {"fe80::1%25eth0", "fe80::/64"},
      // IPv4 within IPv6.
      {"::ffff:192.0.2.7", "192.0.2.7"},
      {"::FFFF:c000:207", "192.0.2.7"},
      {"0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"},
      {"64:ff9b::192.0.2.7", "192.0.2.7"},
      {"64:ff9b::c000:207", "192.0.2.7"},
      {"64:ff9b:1::192.0.2.7", "64:ff9b:1::/64"},
  }));
  CAPTURE(address);
  const ClientKey key(address);
  CHECK(key.is_address());
  CHECK(key.text() == client);
  CHECK(ClientKey(key.text()) == key);
}

TEST_CASE("whatever is no address is the same client") {
  const std::string address =
      GENERATE(as<std::string>(), "", "unix:", "localhost", "192.0.2", "192.0.2.256", "192.0.02.7",
               "192.0.2.7:80", "192.0.2.7/8", "192.0.2.7%eth0", "10.0.0.0/64", "2001:db8::/48",
               "[2001:db8::1]", "2001:db8::1::2", "%eth0", "/64", ":/64", "192.0.2.7, 192.0.2.8",
               " 192.0.2.7", "192.0.2.7 ", std::string("192.0.2.7\0x", 11),
               std::string("2001:db8::1\0x", 13), std::string(100'000, ':'));
  CAPTURE(address.substr(0, 40));
  const ClientKey key(address);
  CHECK_FALSE(key.is_address());
  CHECK(key.text().empty());
  CHECK(key == ClientKey());
}

}  // namespace userbin::auth
