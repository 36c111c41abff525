// Who asks, and where he may be sent: the rules that keep other sites out.
#pragma once

#include <string>
#include <string_view>

#include "http/request.h"

namespace userbin::http {

/// Whether a state-changing request may have been made by another site in a signed-in person's
/// browser. Sec-Fetch-Site decides where there is one (W3C Fetch Metadata), else Origin (RFC 6454)
/// against `public_origin`, or against the host asked for if that is empty; a request with neither
/// is believed if it carries no session cookie, or is JSON, which a form cannot send.
bool is_cross_site(const Request& request, std::string_view public_origin);

/// Whether `target`, decoded once, is a path on this site: browsers read "//", "/\" and what turns
/// into them once dots and white space are removed as another host (CWE-601). Behind '?' or '#'
/// slashes are no path's any more.
bool is_safe_redirect(std::string_view target);

}  // namespace userbin::http
