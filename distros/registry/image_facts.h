// What a distro's own files say about it, read from a tree without running anything.
#ifndef WSLM_DISTROS_REGISTRY_IMAGE_FACTS_H_
#define WSLM_DISTROS_REGISTRY_IMAGE_FACTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "distros/tree/sink.h"

namespace wslm {

struct ImageFacts {
  std::string flavor;            // ID of os-release
  std::string os_version;        // VERSION_ID
  std::string wsl_default_user;  // [user] default of /etc/wsl.conf
  std::string passwd;            // the text of /etc/passwd, of at most 64 KiB
  bool has_shell = false;        // /bin/sh, or what /bin leads to
  bool has_os_release = false;
};

// Whose account has this number in a text of passwd(5): the first there. nullopt: nobody's.
std::optional<std::string> AccountNameOf(std::string_view passwd, uint32_t uid);

// A sink before another that passes everything on and notes facts on the way; small files only are looked at.
class FactsFilter : public Sink {
 public:
  explicit FactsFilter(Sink& next);
  ~FactsFilter() override;
  absl::Status Begin(const Entry& entry) override;
  absl::Status Write(const DataBlock& block) override;
  absl::Status End() override;
  absl::Status Commit() override;
  std::vector<std::string> losses() const override;
  // After the last End.
  ImageFacts facts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_REGISTRY_IMAGE_FACTS_H_
