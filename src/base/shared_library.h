#pragma once

#include <string>
#include <type_traits>

namespace userbin::base {

/// A library that is loaded while the program runs, as most runs need neither it nor all that it
/// brings along. It stays loaded until the program ends. Any thread.
class SharedLibrary {
 public:
  /// What a library has under a name: a pointer to whatever kind of function it is taken for.
  class Symbol {
   public:
    explicit Symbol(void* address) : address_(address) {}
    template <typename Function>
    requires std::is_function_v<Function>
    operator Function*() const { return reinterpret_cast<Function*>(address_); }

   private:
    void* address_;
  };

  /// `file` as dlopen(3) takes it; `package` is the one of Debian's that has it. Throws
  /// std::runtime_error, which says what is missing, and what to install.
  SharedLibrary(const char* file, const char* package);

  /// Looks in what the library itself is linked with, too. Throws std::runtime_error if there is no
  /// such name.
  Symbol find(const char* name) const;

 private:
  [[noreturn]] void fail() const;

  const std::string package_;
  void* const handle_;
};

}  // namespace userbin::base
