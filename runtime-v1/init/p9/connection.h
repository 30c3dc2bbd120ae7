// One client of the file tree, from its first message to its end.
#ifndef WSLM_RUNTIME_V1_INIT_P9_CONNECTION_H_
#define WSLM_RUNTIME_V1_INIT_P9_CONNECTION_H_

#include "runtime-v1/init/p9/server.h"

namespace wslm::p9 {

// Blocks until the client hangs up or sends what is no message. `socket` is a connected stream.
void ServeConnection(int socket, Server& server);

}  // namespace wslm::p9

#endif  // WSLM_RUNTIME_V1_INIT_P9_CONNECTION_H_
