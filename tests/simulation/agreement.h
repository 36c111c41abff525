// What must hold when nobody has anything left to do. All of it throws Violation if it doesn't.
#pragma once

#include <list>
#include <map>
#include <string>

#include <json/value.h>

#include "simulation/node.h"
#include "simulation/service.h"

namespace userbin::simulation {

/// By key.
using Records = std::map<std::string, Json::Value>;

Records records(Node& node);
/// Nobody is in two bins.
Records records_in_bins(const Service& service);

/// All stores and the bins hold the same, nothing is pending, nobody has a problem. Gives the
/// records.
Records check_that_all_agree(std::list<Node>& nodes, const Service& service);
/// No password is plain text.
void check_passwords(const Records& records);
/// A session is of a user who may log in, and of his password of today.
void check_sessions(Node& node);

}  // namespace userbin::simulation
