#include "base/json.h"

#include <memory>
#include <new>
#include <sstream>

#include <json/reader.h>
#include <json/writer.h>

namespace userbin::base {

namespace {

std::optional<Json::Value> parse(const Json::CharReaderBuilder& builder, std::string_view text,
                                 std::string* errors) {
  const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
  Json::Value value;
  try {
    if (reader->parse(text.data(), text.data() + text.size(), &value, errors)) return value;
  } catch (const Json::RuntimeError& error) {
    // jsoncpp says so of what is too deep, and of a lack of memory for a string.
    const std::string_view what = error.what();
    if (what.find("stackLimit") == std::string_view::npos) throw std::bad_alloc();
    if (errors != nullptr) *errors = what;
  }
  return std::nullopt;
}

}  // namespace

std::string to_json(const Json::Value& value) {
  static const auto builder = [] {
    Json::StreamWriterBuilder made;
    made["indentation"] = "";
    made["emitUTF8"] = true;
    return made;
  }();
  std::ostringstream text;
  text.exceptions(std::ios::badbit);  // else a lack of memory cuts the text, and nothing more
  const std::unique_ptr<Json::StreamWriter> writer(builder.newStreamWriter());
  writer->write(value, &text);
  return std::move(text).str();
}

std::optional<Json::Value> from_json(std::string_view text) {
  static const Json::CharReaderBuilder builder;
  return parse(builder, text, nullptr);
}

std::optional<Json::Value> from_foreign_json(std::string_view text, int max_depth,
                                             std::string* errors) {
  Json::CharReaderBuilder builder;
  Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["stackLimit"] = max_depth;
  builder["skipBom"] = false;
  return parse(builder, text, errors);
}

}  // namespace userbin::base
