#include "base/shared_library.h"

#include <dlfcn.h>
#include <stdexcept>

namespace userbin::base {

SharedLibrary::SharedLibrary(const char* file, const char* package)
    : package_(package), handle_(::dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) fail();
}

SharedLibrary::Symbol SharedLibrary::find(const char* name) const {
  void* const address = ::dlsym(handle_, name);
  if (address == nullptr) fail();
  return Symbol(address);
}

void SharedLibrary::fail() const {
  throw std::runtime_error(std::string(::dlerror()) + "; install Debian's package " + package_);
}

}  // namespace userbin::base
