// What an overlay is made of, as its options of /proc/PID/mountinfo say it.
#ifndef WSLM_RUNTIME_V2_AGENT_OVERLAY_LAYERS_H_
#define WSLM_RUNTIME_V2_AGENT_OVERLAY_LAYERS_H_

#include <string>
#include <vector>

namespace wslm {

// Its folders in the order of the options, as who mounted it named them: also relative, to a folder that nothing tells.
// `super_options` are MountLine's. Takes any bytes.
std::vector<std::string> OverlayLayers(const std::string& super_options);

// Where the relative ones may be, the likeliest first: the folders above `point`, where it is mounted, and above those
// of `layers` that are absolute; each once, without the root.
std::vector<std::string> BasesOfLayers(const std::string& point, const std::vector<std::string>& layers);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_OVERLAY_LAYERS_H_
