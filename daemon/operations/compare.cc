#include "daemon/operations/compare.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/host_source.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "distros/tree/compare.h"

namespace wslm::daemon {
namespace {

// One of the two: a distro, or what lies at a path.
struct Side {
  std::optional<RegistryEntry> distro;
  std::string path;
};

absl::StatusOr<Side> SideOf(const v1::Tree& tree, const char* field, OperationDeps deps) {
  Side side;
  switch (tree.tree_case()) {
    case v1::Tree::kDistro: {
      if (tree.distro().empty()) return Invalid(field, "Name the distro.");
      ASSIGN_OR_RETURN(side.distro, deps.registry.Find(tree.distro()));
      return side;
    }
    case v1::Tree::kHostPath:
      if (tree.host_path().empty() || tree.host_path()[0] != '/') {
        return Invalid(field, "The archive's path must be absolute.");
      }
      side.path = tree.host_path();
      return side;
    default:
      return Invalid(field, "What to compare is missing: distro or host_path must be set.");
  }
}

absl::StatusOr<OpenedSource> Open(const Side& side, OperationContext& context) {
  if (side.distro) return OpenDistro(*side.distro, context.cancel_flag());
  ASSIGN_OR_RETURN(HostSource opened, OpenHostSource(side.path, {.cancel = context.cancel_flag()}));
  return OpenedSource{.lock = {}, .source = std::move(opened.source)};
}

v1::DifferenceKind KindOf(Difference::Kind kind) {
  switch (kind) {
    case Difference::Kind::kOnlyInFirst:
      return v1::DIFFERENCE_KIND_ONLY_IN_FIRST;
    case Difference::Kind::kOnlyInSecond:
      return v1::DIFFERENCE_KIND_ONLY_IN_SECOND;
    default:
      return v1::DIFFERENCE_KIND_CHANGED;
  }
}

v1::OperationResponse ResponseOf(const Comparison& comparison) {
  v1::OperationResponse response;
  auto& result = *response.mutable_compare();
  result.set_count(comparison.count);
  result.set_first_entries(comparison.first_entries);
  result.set_second_entries(comparison.second_entries);
  for (const Difference& difference : comparison.differences) {
    auto& shown = *result.add_differences();
    shown.set_path(Escaped(difference.path));
    shown.set_kind(KindOf(difference.kind));
    for (const AttributeDifference& attribute : difference.attributes) {
      auto& added = *shown.add_attributes();
      added.set_attribute(attribute.attribute);
      added.set_first(attribute.first);
      added.set_second(attribute.second);
    }
  }
  return response;
}

absl::StatusOr<v1::OperationResponse> Compare(const std::array<Side, 2>& sides, bool terminate, OperationDeps deps,
                                              OperationContext& context) {
  context.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
  for (const Side& side : sides) {
    if (side.distro) RETURN_IF_ERROR(deps.instances.EnsureStopped(*side.distro, terminate));
  }
  ASSIGN_OR_RETURN(const OpenedSource first, Open(sides[0], context));
  ASSIGN_OR_RETURN(const OpenedSource second, Open(sides[1], context));
  context.BeginPhase(v1::PROGRESS_PHASE_VERIFY);
  // Both count as one way to go.
  const int64_t first_total = first.source->total();
  const int64_t second_total = second.source->total();
  const int64_t total = first_total > 0 && second_total > 0 ? first_total + second_total : 0;
  CompareOptions options;
  options.first.cancel = options.second.cancel = context.cancel_flag();
  options.first.progress = [&](const TransferProgress& p) { context.Progress(p.done, total, p.path); };
  options.second.progress = [&](const TransferProgress& p) { context.Progress(first_total + p.done, total, p.path); };
  ASSIGN_OR_RETURN(const Comparison comparison, CompareTrees(*first.source, *second.source, options));
  for (const OpenedSource* opened : {&first, &second}) {
    for (const auto& warning : opened->source->warnings()) context.Warn(warning);
  }
  return ResponseOf(comparison);
}

}  // namespace

absl::StatusOr<OperationPlan> PlanCompare(const v1::CompareTreesRequest& request, const std::string& operation_id,
                                          OperationDeps deps) {
  std::array<Side, 2> sides;
  ASSIGN_OR_RETURN(sides[0], SideOf(request.first(), "first", deps));
  ASSIGN_OR_RETURN(sides[1], SideOf(request.second(), "second", deps));
  if (sides[0].distro && sides[1].distro && sides[0].distro->record.id == sides[1].distro->record.id) {
    return Invalid("second", absl::StrCat("Both are the distro '", sides[0].distro->record.name, "'."));
  }
  OperationPlan plan;
  for (Side& side : sides) {
    if (!side.distro) continue;
    ASSIGN_OR_RETURN(side.distro, HoldDistro(side.distro->record.id, {operation_id, v1::OPERATION_KIND_COMPARE},
                                             request.terminate(), deps, plan));
  }
  plan.work = [deps, sides, terminate = request.terminate()](OperationContext& context) {
    return Compare(sides, terminate, deps, context);
  };
  return plan;
}

}  // namespace wslm::daemon
