// The objects that speak to the bin, as the settings say.
#pragma once

#include "app/settings.h"
#include "base/clock.h"
#include "jsonbin/curl_transport.h"
#include "jsonbin/sync.h"
#include "store/sync_store.h"

namespace userbin::app {

jsonbin::CurlTransport::Settings transport_settings(const BinSettings& settings);

/// Throws base::BadSetting if there is no key.
jsonbin::Client::Settings client_settings(const BinSettings& settings);

/// The hashing of src/auth, at this cost.
jsonbin::Passwords passwords(const auth::HashCost& cost);

/// The transport and the synchronisation over it.
struct BinParts {
  /// `store` and `clock` outlive this. Throws base::BadSetting.
  BinParts(const Settings& settings, store::SyncStore& store, const base::Clock& clock);

  jsonbin::CurlTransport transport;
  jsonbin::Sync sync;
};

}  // namespace userbin::app
