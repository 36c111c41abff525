#pragma once

#include "handlers/services.h"
#include "http/router.h"

namespace userbin::handlers {

/// The table of all routes. `services` outlives it.
http::Router make_router(const Services& services);

/// The route that nginx asks itself: it answers 200, 401 and 403 alone.
inline constexpr const char* kVerifyPath = "/verify";

}  // namespace userbin::handlers
