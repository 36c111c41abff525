#include "support/jsonbin_emulator/control.h"

#include <string_view>

#include "support/jsonbin_emulator/json_input.h"
#include "support/jsonbin_emulator/replies.h"

namespace userbin::emulator {

namespace {

constexpr std::string_view kBinPath = "/bins/";

Json::Value body_of(const http::Request& request) {
  auto value = parse_json(request.body);
  if (!value) throw BadInput("the body is not a JSON object or array");
  return *std::move(value);
}

http::Response done() {
  return message_reply(200, "Done");
}

}  // namespace

const std::vector<Control::Route> Control::kRoutes = {
    {"GET", "/stats", &Control::stats},
    {"POST", "/reset-stats", &Control::reset_stats},
    {"GET", "/bins", &Control::list_bins},
    {"POST", "/bins", &Control::make_bin},
    {"GET", "/faults", &Control::list_faults},
    {"POST", "/faults", &Control::add_faults},
    {"DELETE", "/faults", &Control::clear_faults},
    {"GET", "/settings", &Control::settings},
    {"POST", "/settings", &Control::change_settings},
};

Control::Control(Service& service) : service_(service) {}

http::Response Control::answer(const http::Request& request) const {
  try {
    for (const Route& route : kRoutes) {
      if (request.method == route.method && request.path == route.path) {
        return (this->*route.answer)(request);
      }
    }
  } catch (const BadInput& error) {
    return message_reply(400, error.what());
  }
  if (request.path.starts_with(kBinPath)) return bin(request, request.path.substr(kBinPath.size()));
  return message_reply(404, "There is nothing here");
}

http::Response Control::stats(const http::Request&) const {
  Json::Value value = service_.stats().to_json();
  value["late_writes"] = Json::UInt64{service_.late_writes()};
  return json_reply(value);
}

http::Response Control::reset_stats(const http::Request&) const {
  service_.stats().reset();
  return done();
}

http::Response Control::list_bins(const http::Request&) const {
  Json::Value list(Json::arrayValue);
  for (const std::string& id : service_.bins().ids()) list.append(id);
  return json_reply(list);
}

http::Response Control::make_bin(const http::Request& request) const {
  Json::Value value;
  value["id"] = service_.bins().create({}, request.body).id;
  return json_reply(value);
}

http::Response Control::list_faults(const http::Request&) const {
  return json_reply(service_.faults().list());
}

http::Response Control::add_faults(const http::Request& request) const {
  service_.faults().add(body_of(request));
  return json_reply(service_.faults().list());
}

http::Response Control::clear_faults(const http::Request&) const {
  service_.faults().clear();
  return done();
}

http::Response Control::settings(const http::Request&) const {
  return json_reply(to_json(service_.switches().get()));
}

http::Response Control::change_settings(const http::Request& request) const {
  return json_reply(to_json(service_.switches().change(body_of(request))));
}

http::Response Control::bin(const http::Request& request, const std::string& id) const {
  const bool is_there = is_id(id) && service_.bins().find(id);
  if (!is_there) return message_reply(404, "There is no such bin");
  if (request.method == "GET") return json_reply(service_.bins().latest(id).value_or(""));
  if (request.method != "PUT") return message_reply(405, "GET or PUT");
  service_.bins().replace(id, request.body, false);
  return done();
}

}  // namespace userbin::emulator
