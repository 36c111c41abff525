#pragma once

namespace userbin::store {

/// The turn to do what one program alone is to do, of all that share a store. Any thread may call.
class Lease {
 public:
  virtual ~Lease() = default;

  /// Whether it is this program's turn. Another may believe the same for a moment, as clocks and
  /// networks are what they are: what is done in turn must do no harm then.
  virtual bool is_held() const = 0;
};

}  // namespace userbin::store
