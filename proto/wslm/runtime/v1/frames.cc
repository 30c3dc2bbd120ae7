#include "wslm/runtime/v1/frames.h"
