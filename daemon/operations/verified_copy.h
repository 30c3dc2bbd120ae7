// A distro's files copied into a form of their own and read back: what converting and cloning have in common.
#ifndef WSLM_DAEMON_OPERATIONS_VERIFIED_COPY_H_
#define WSLM_DAEMON_OPERATIONS_VERIFIED_COPY_H_

#include "absl/status/status.h"
#include "daemon/log.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/operation_context.h"
#include "distros/registry/registry.h"

namespace wslm::daemon {

// Fills the form `to` with the files of `from`, which does not run, and checks that its digest is that of `from`. A raw
// image whose copy shall have its size is copied as it is, by reflink where the host's file system can; all else goes
// entry by entry. Everything is on the disk when it returns. Errors: VERIFICATION_FAILED, also when the form can't hold
// all (the warnings say what); CANCELLED, DISK_FULL, those of the formats. What was made stays then.
absl::Status CopyVerified(const RegistryEntry& from, const FormPlan& to, Log& log, OperationContext& context);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_VERIFIED_COPY_H_
