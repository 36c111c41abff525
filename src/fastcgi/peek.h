#pragma once

#include "fastcgi/framing.h"

namespace userbin::fastcgi {

/// inspect() on what waits in the buffer of a connected socket; takes nothing out and never blocks.
/// kBroken also if the peer has closed, or its parameters are not sound. Any thread may call.
Inspection peek(int fd);

}  // namespace userbin::fastcgi
