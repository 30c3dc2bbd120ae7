// How modules are called: '-' and '_' are alike, as for the kernel; '_' is written.
#ifndef WSLM_RUNTIME_V2_MODULES_MODULE_NAME_H_
#define WSLM_RUNTIME_V2_MODULES_MODULE_NAME_H_

#include <string>
#include <string_view>

namespace wslm {

// With '_' for '-' but inside brackets, where it is a pattern's range: the kernel asks for "nft-chain-1-nat" and for
// "nft_chain_nat".
std::string NormalModuleName(std::string_view text);

// "jbd2" for "kernel/fs/jbd2/jbd2.ko".
std::string ModuleNameOfPath(std::string_view path);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_MODULES_MODULE_NAME_H_
