#include "base/json.h"

#include <json/writer.h>

namespace userbin::base {

std::string to_json(const Json::Value& value) {
  Json::StreamWriterBuilder builder;
  builder["indentation"] = "";
  builder["emitUTF8"] = true;
  return Json::writeString(builder, value);
}

}  // namespace userbin::base
