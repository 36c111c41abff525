#include "support/jsonbin_emulator/json_input.h"

#include <memory>

#include <json/reader.h>

namespace userbin::emulator {

std::optional<Json::Value> parse_json(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // jsoncpp's end of text
  Json::CharReaderBuilder builder;
  Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["rejectDupKeys"] = false;  // JavaScript's JSON.parse takes them
  const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
  Json::Value value;
  try {
    if (!reader->parse(text.data(), text.data() + text.size(), &value, nullptr)) {
      return std::nullopt;
    }
  } catch (const Json::Exception&) {  // too deep
    return std::nullopt;
  }
  return value;
}

Members::Members(const Json::Value& object) : object_(object) {
  if (!object.isObject()) throw BadInput("not a JSON object");
}

void Members::take(const char* name, bool& value) {
  const Json::Value* found = member(name);
  if (found == nullptr) return;
  if (!found->isBool()) refuse(name, "true or false");
  value = found->asBool();
}

void Members::take(const char* name, std::uint64_t& value) {
  const Json::Value* found = member(name);
  if (found == nullptr) return;
  if (!found->isUInt64()) refuse(name, "a whole number");
  value = found->asUInt64();
}

void Members::take(const char* name, std::string& value) {
  const Json::Value* found = member(name);
  if (found == nullptr) return;
  if (!found->isString()) refuse(name, "a text");
  value = found->asString();
}

void Members::take(const char* name, std::optional<std::uint64_t>& value) {
  const Json::Value* found = member(name);
  if (found == nullptr) return;
  if (found->isNull()) {
    value.reset();
  } else if (found->isUInt64()) {
    value = found->asUInt64();
  } else {
    refuse(name, "a whole number or null");
  }
}

void Members::refuse_others() const {
  for (const std::string& name : object_.getMemberNames()) {
    if (!taken_.contains(name)) throw BadInput("there is no '" + name + "' here");
  }
}

const Json::Value* Members::member(const char* name) {
  if (!object_.isMember(name)) return nullptr;
  taken_.insert(name);
  return &object_[name];
}

void Members::refuse(const char* name, const std::string& expected) {
  throw BadInput("'" + std::string(name) + "' must be " + expected);
}

}  // namespace userbin::emulator
