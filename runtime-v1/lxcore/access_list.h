// POSIX access control lists (acl(5)): their form as an extended attribute, and what they allow. Pure functions.
#ifndef WSLM_RUNTIME_V1_LXCORE_ACCESS_LIST_H_
#define WSLM_RUNTIME_V1_LXCORE_ACCESS_LIST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-v1/lxcore/credentials.h"

namespace wslm::lxcore {

struct AccessEntry {
  uint16_t tag = 0;  // ACL_* of linux/posix_acl.h
  uint16_t permissions = 0;
  uint32_t id = UINT32_MAX;
};
// In the order that the kernel asks for; empty: there is none.
using AccessList = std::vector<AccessEntry>;

// Of the attribute's bytes. 0 or the errno that the kernel gives for what is no list; no bytes are an empty list.
int DecodeAccessList(std::string_view bytes, AccessList& list);
std::string EncodeAccessList(const AccessList& list);

// Whether it says no more than a mode does.
bool SaysOnlyMode(const AccessList& list);
// `mode` with the permission bits that show the list.
uint32_t ModeWithList(uint32_t mode, const AccessList& list);
// What chmod does to the list.
void ChangeMode(AccessList& list, uint32_t mode);
// Makes a folder's default list that of a file made with `mode`, and bounds its mode.
void InheritList(AccessList& list, uint32_t& mode);

// Whether the list lets `c`, who isn't the owner, do R_OK|W_OK|X_OK. `gid`: the file's group.
bool ListAllows(const AccessList& list, const Credentials& c, uint32_t gid, int wanted);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_ACCESS_LIST_H_
