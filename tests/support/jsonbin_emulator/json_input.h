// JSON that comes from outside: documents, and the control path's objects.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include <json/value.h>

namespace userbin::emulator {

/// What the control path or a flag asks for cannot be. what() is for whoever asked.
class BadInput : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An array or object in strict JSON, from the first byte to the last; nullopt if `text` is not
/// one.
std::optional<Json::Value> parse_json(std::string_view text);

/// Takes an object's members one after the other; a member that nobody took is a mistake.
/// Every call throws BadInput naming the member.
class Members {
 public:
  /// `object` outlives this.
  explicit Members(const Json::Value& object);

  /// These leave `value` as it is if there is no such member.
  void take(const char* name, bool& value);
  void take(const char* name, std::uint64_t& value);
  void take(const char* name, std::string& value);
  /// null means none.
  void take(const char* name, std::optional<std::uint64_t>& value);
  /// A word out of a table of {word, meaning}.
  template <typename Table, typename Value>
  void take_word(const char* name, const Table& table, Value& value);

  void refuse_others() const;

 private:
  const Json::Value* member(const char* name);
  [[noreturn]] static void refuse(const char* name, const std::string& expected);

  const Json::Value& object_;
  std::set<std::string> taken_;
};

template <typename Table, typename Value>
void Members::take_word(const char* name, const Table& table, Value& value) {
  std::string word;
  take(name, word);
  if (!taken_.contains(name)) return;
  std::string words;
  for (const auto& [known, meaning] : table) {
    if (word == known) {
      value = meaning;
      return;
    }
    words += (words.empty() ? "" : ", ") + std::string(known);
  }
  refuse(name, "one of " + words);
}

/// The word for a meaning, out of the same tables.
template <typename Table, typename Value>
std::string word_for(const Table& table, const Value& value) {
  for (const auto& [word, meaning] : table) {
    if (meaning == value) return std::string(word);
  }
  return "";
}

}  // namespace userbin::emulator
