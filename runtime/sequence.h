// SPDX-License-Identifier: Apache-2.0
// The conversation between parent and child as a value: which message may come next, and whether it has to
// come before the child may call itself Ready. No descriptors, no processes; runtime/spawn.h does what it
// says.
#pragma once

#include <string_view>

#include "runtime/init/message.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

class Sequence {
 public:
  explicit Sequence(const InitPlan& plan);

  // Takes the next message of the child. Throws Error(kSystem) for one that may not come now: a child that
  // says something else is not the one that we wrote. kFailed may come at any time.
  void on(Msg msg);

  bool ready() const { return next_ == Place::kDone; }
  // What the child has still to say first, for the message about a child that has died.
  std::string_view waiting_for() const;

 private:
  // In the order in which they come; those that the plan does not need are skipped.
  enum class Place { kSuccessor, kMapSource, kRunHooks, kConsole, kEntered, kListener, kReady, kDone };

  bool expected(Place place) const;
  void advance_from(Place place);

  bool successor_;
  size_t sources_;  // still to be mapped
  bool hooks_;
  bool console_;
  bool entered_;  // a successor again, in a joined pid namespace
  bool listener_;
  bool ready_early_ = false;
  Place next_ = Place::kSuccessor;
};

}  // namespace crunlite::runtime
