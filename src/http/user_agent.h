#pragma once

#include <string>
#include <string_view>

namespace userbin::http {

/// A client for a person, as its User-Agent calls itself: "Firefox on Linux" for the browsers and
/// systems that most people have, else the field as it came, printable and at most 80 characters;
/// "Unknown browser" if it is empty. It may be a lie, and is not fit for HTML as it is.
std::string describe_user_agent(std::string_view user_agent);

}  // namespace userbin::http
