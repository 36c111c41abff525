#include "base/json.h"

#include <memory>

#include <json/reader.h>
#include <json/writer.h>

namespace userbin::base {

std::string to_json(const Json::Value& value) {
  static const auto builder = [] {
    Json::StreamWriterBuilder made;
    made["indentation"] = "";
    made["emitUTF8"] = true;
    return made;
  }();
  return Json::writeString(builder, value);
}

std::optional<Json::Value> from_json(std::string_view text) {
  static const Json::CharReaderBuilder builder;
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

}  // namespace userbin::base
