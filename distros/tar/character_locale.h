// libarchive converts names by the locale's characters. Of two locales one leaves them as they are, another for each
// way: it writes a name as it is where the locale's characters are UTF-8, but brings one that it reads to a normal form
// there. Where it can't convert a name, as in the locale C one that is not ASCII, it warns and gives the bytes that it
// read.
#ifndef WSLM_DISTROS_TAR_CHARACTER_LOCALE_H_
#define WSLM_DISTROS_TAR_CHARACTER_LOCALE_H_

#include <locale.h>

namespace wslm {

// The thread has the characters of a locale as long as this lives.
class ScopedCharacterLocale {
 public:
  ScopedCharacterLocale(const ScopedCharacterLocale&) = delete;
  ScopedCharacterLocale& operator=(const ScopedCharacterLocale&) = delete;
  ~ScopedCharacterLocale() {
    if (previous_ != nullptr) ::uselocale(previous_);
  }

 protected:
  explicit ScopedCharacterLocale(locale_t locale) {
    if (locale != nullptr) previous_ = ::uselocale(locale);
  }

 private:
  locale_t previous_ = nullptr;
};

class ScopedUtf8Locale : public ScopedCharacterLocale {
 public:
  ScopedUtf8Locale() : ScopedCharacterLocale(Locale()) {}

 private:
  static locale_t Locale() {
    // Made once and kept: the last one to be freed has the C library read its file again.
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }
};

class ScopedAsciiLocale : public ScopedCharacterLocale {
 public:
  ScopedAsciiLocale() : ScopedCharacterLocale(Locale()) {}

 private:
  static locale_t Locale() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    return locale;
  }
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_CHARACTER_LOCALE_H_
