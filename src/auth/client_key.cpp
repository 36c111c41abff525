#include "auth/client_key.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

namespace userbin::auth {

namespace {

constexpr unsigned char kIpv4 = 4;
constexpr unsigned char kIpv6 = 6;
constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kNetworkBytes = 8;
constexpr std::string_view kNetworkSuffix = "/64";
constexpr std::array<unsigned char, 12> kTranslated{0, 0x64, 0xff, 0x9b};

/// Without the network's suffix that text() adds, and without the zone of a link-local address (RFC
/// 4007, section 11). A zone or a suffix behind an IPv4 address stays, and makes it none.
std::string bare(std::string_view address) {
  if (address.find(':') == std::string_view::npos) return std::string(address);
  if (address.ends_with(kNetworkSuffix)) address.remove_suffix(kNetworkSuffix.size());
  return std::string(address.substr(0, address.find('%')));
}

bool is_translated(const in6_addr& address) {
  return std::equal(kTranslated.begin(), kTranslated.end(), address.s6_addr);
}

}  // namespace

ClientKey::ClientKey(std::string_view address) {
  const std::string text = bare(address);
  if (text.find('\0') != std::string::npos) return;
  const auto keep = [this](unsigned char family, const unsigned char* from, std::size_t count) {
    bytes_[0] = family;
    std::copy_n(from, count, bytes_.begin() + 1);
  };
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) {
    keep(kIpv4, reinterpret_cast<const unsigned char*>(&four), kIpv4Bytes);
  } else if (::inet_pton(AF_INET6, text.c_str(), &six) == 1) {
    const unsigned char* bytes = six.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&six) || is_translated(six)) {
      keep(kIpv4, bytes + sizeof six - kIpv4Bytes, kIpv4Bytes);
    } else {
      keep(kIpv6, bytes, kNetworkBytes);
    }
  }
}

std::string ClientKey::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in6_addr address{};
  std::copy(bytes_.begin() + 1, bytes_.end(), address.s6_addr);
  switch (bytes_[0]) {
    case kIpv4: return ::inet_ntop(AF_INET, &address, text.data(), text.size());
    case kIpv6:
      return std::string(::inet_ntop(AF_INET6, &address, text.data(), text.size())) + "/64";
    default: return "";
  }
}

}  // namespace userbin::auth
