#include "runtime-v1/lxcore/fast_copies.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "runtime-v1/lxcore/guest_files.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace wslm::lxcore {
namespace {

constexpr char kLibrary[] = "libc.so.6";
constexpr size_t kMostCopies = 64;

UniqueFd MemoryFile(const std::string& bytes) {
  UniqueFd file(::memfd_create(kLibrary, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (!file) file.Reset(::memfd_create(kLibrary, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  size_t done = 0;
  while (file && done < bytes.size()) {
    const ssize_t part = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (part <= 0) return {};
    done += static_cast<size_t>(part);
  }
  return file;
}

void SetRecord(WslmFastShared* shared, uint64_t inode) {
  const uint32_t bit = WslmFastBloomBit(inode);
  __atomic_or_fetch(&shared->bloom[bit / 64], uint64_t{1} << (bit % 64), __ATOMIC_RELEASE);
}

// As memory maps show it; 0: not known.
dev_t MemoryFilesDevice() {
  const UniqueFd file(::memfd_create(kLibrary, MFD_CLOEXEC));
  struct stat host;
  return file && ::fstat(file.get(), &host) == 0 ? host.st_dev : 0;
}

}  // namespace

FastCopies::Copy::Copy(UniqueFd file, WslmFastShared* shared) : file_(std::move(file)), shared_(shared) {
  struct stat host;
  if (::fstat(file_.get(), &host) == 0) inode_ = host.st_ino;
}

FastCopies::Copy::~Copy() { ::munmap(shared_, sizeof(*shared_)); }

UniqueFd FastCopies::Copy::Open() const {
  return UniqueFd(::open(GuestFiles::OwnFdName(file_.get()).c_str(), O_RDONLY | O_CLOEXEC));
}

const FastCopies::Copy* FastCopies::Add(const std::string& bytes, size_t shared_offset) {
  if (copies_.size() >= kMostCopies) return nullptr;
  UniqueFd file = MemoryFile(bytes);
  if (!file) return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(WslmFastShared), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(),
                        static_cast<off_t>(shared_offset));
  if (mapped == MAP_FAILED) return nullptr;
  auto* shared = static_cast<WslmFastShared*>(mapped);
  shared->maker = options_.maker;
  shared->plain_attributes = options_.plain_attributes && !side_store_.HasXattrs();
  for (uint64_t inode : side_store_.Inodes()) SetRecord(shared, inode);
  // Nobody but this mapping writes from now on.
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0 ||
      ::fchmod(file.get(), 0755) != 0) {
    ::munmap(shared, sizeof(*shared));
    return nullptr;
  }
  return &copies_.emplace_back(std::move(file), shared);
}

void FastCopies::ForgetFolders() {
  for (Copy& copy : copies_) __atomic_add_fetch(&copy.shared_->generation, 1, __ATOMIC_RELEASE);
}

void FastCopies::NoteRecord(uint64_t inode) {
  for (Copy& copy : copies_) SetRecord(copy.shared_, inode);
}

bool IsCopy(const Mapping& mapping) {
  static dev_t device = 0;
  if (mapping.name != FastCopies::kMapsName) return false;
  if (device == 0) device = MemoryFilesDevice();
  return mapping.device == device;
}

std::string ReadWhole(int fd, size_t size) {
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size;) {
    const ssize_t part = ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(done));
    if (part <= 0) return "";
    done += static_cast<size_t>(part);
  }
  return bytes;
}

}  // namespace wslm::lxcore
