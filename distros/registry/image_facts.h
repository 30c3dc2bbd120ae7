// What a distro's own files say about it, read from a tree without running anything.
#ifndef WSLM_DISTROS_REGISTRY_IMAGE_FACTS_H_
#define WSLM_DISTROS_REGISTRY_IMAGE_FACTS_H_

#include <memory>
#include <string>

#include "distros/tree/sink.h"

namespace wslm {

struct ImageFacts {
  std::string flavor;            // ID of os-release
  std::string os_version;        // VERSION_ID
  std::string wsl_default_user;  // [user] default of /etc/wsl.conf
  bool has_shell = false;        // /bin/sh, or what /bin leads to
  bool has_os_release = false;
};

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
