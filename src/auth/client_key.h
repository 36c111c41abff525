// Whom a client's address stands for when attempts are counted.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

namespace userbin::auth {

/// An IPv4 address, or the /64 network of an IPv6 one, which is what a single customer has to
/// choose from (RFC 6177). IPv4 addresses within IPv6 are IPv4 ones: mapped (RFC 4291, section
/// 2.5.5.2), and as a translator writes them (64:ff9b::/96, RFC 6052), behind which all the world
/// would be one network. Whatever is no address ("", "unix:", "10.0.0.0/8") is one and the same
/// client, who is nobody in particular.
class ClientKey {
 public:
  ClientKey() = default;
  /// `address` as nginx gives it, or text() of a key.
  explicit ClientKey(std::string_view address);

  bool is_address() const { return bytes_[0] != 0; }
  /// "192.0.2.7", "2001:db8:1:2::/64", or "" if it is no address.
  std::string text() const;

  auto operator<=>(const ClientKey&) const = default;

 private:
  /// The family (4, 6; 0: no address), and as much of the address as counts.
  std::array<unsigned char, 9> bytes_{};
};

}  // namespace userbin::auth
