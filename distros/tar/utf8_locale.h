// libarchive converts names by the locale; in C.UTF-8 they pass as they are.
#ifndef WSLM_DISTROS_TAR_UTF8_LOCALE_H_
#define WSLM_DISTROS_TAR_UTF8_LOCALE_H_

#include <locale.h>

namespace wslm {

// The thread's character type locale is C.UTF-8 as long as this lives.
class ScopedUtf8Locale {
 public:
  ScopedUtf8Locale() {
    // Made once and kept: the last one to be freed has the C library read its file again.
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (locale != nullptr) previous_ = ::uselocale(locale);
  }
  ScopedUtf8Locale(const ScopedUtf8Locale&) = delete;
  ScopedUtf8Locale& operator=(const ScopedUtf8Locale&) = delete;
  ~ScopedUtf8Locale() {
    if (previous_ != nullptr) ::uselocale(previous_);
  }

 private:
  locale_t previous_ = nullptr;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_UTF8_LOCALE_H_
