#include "wslm/runtime/v1/channel.h"
#include "wslm/runtime/v1/instance.h"
