// SPDX-License-Identifier: Apache-2.0
#include "runtime/sequence.h"

#include <algorithm>

#include "base/error.h"

namespace crunlite::runtime {
namespace {

size_t count_mapped_sources(const InitPlan& plan) {
  if (!plan.rootfs) return 0;
  return static_cast<size_t>(std::ranges::count_if(plan.rootfs->mounts, rootfs::is_mapped_by_parent));
}

}  // namespace

Sequence::Sequence(const InitPlan& plan)
    : successor_(plan.namespaces.joined_user && plan.namespaces.unshare_joined != 0),
      sources_(count_mapped_sources(plan)),
      hooks_(plan.runtime_hooks),
      console_(plan.console.wanted),
      entered_(plan.namespaces.pid_by_successor),
      listener_(!plan.seccomp.notifying.empty()) {
  advance_from(Place::kSuccessor);
}

bool Sequence::expected(Place place) const {
  switch (place) {
    case Place::kSuccessor:
      return successor_;
    case Place::kMapSource:
      return sources_ != 0;
    case Place::kRunHooks:
      return hooks_;
    case Place::kConsole:
      return console_;
    case Place::kEntered:
      return entered_;
    case Place::kListener:
      return listener_;
    case Place::kReady:
    case Place::kDone:
      return true;
  }
  return true;
}

void Sequence::advance_from(Place place) {
  next_ = place;
  while (!expected(next_)) next_ = static_cast<Place>(static_cast<int>(next_) + 1);
}

std::string_view Sequence::waiting_for() const {
  switch (next_) {
    case Place::kSuccessor:
      return "entering the user namespace";
    case Place::kMapSource:
    case Place::kRunHooks:
      return "making the mounts";
    case Place::kConsole:
      return "setting up the terminal";
    case Place::kEntered:
      return "entering the pid namespace";
    case Place::kListener:
      return "loading its seccomp filter";
    case Place::kReady:
      return "getting ready";
    case Place::kDone:
      return "nothing";
  }
  return "nothing";
}

void Sequence::on(Msg msg) {
  if (msg == Msg::kFailed && !ready()) return;
  constexpr struct {
    Place place;
    Msg msg;
  } kWords[] = {{Place::kSuccessor, Msg::kSuccessor}, {Place::kMapSource, Msg::kMapSource},
                {Place::kRunHooks, Msg::kRunHooks},   {Place::kConsole, Msg::kConsole},
                {Place::kEntered, Msg::kSuccessor},   {Place::kListener, Msg::kListener},
                {Place::kReady, Msg::kReady}};
  // The successor is another process than the one that announces it, and may be faster.
  if (next_ == Place::kEntered && msg == Msg::kReady && !ready_early_) {
    ready_early_ = true;
    return;
  }
  for (const auto& word : kWords) {
    if (word.place != next_ || word.msg != msg) continue;
    if (msg == Msg::kMapSource && --sources_ != 0) return;
    advance_from(static_cast<Place>(static_cast<int>(next_) + 1));
    if (ready_early_) next_ = Place::kDone;
    return;
  }
  throw Error(ErrorKind::kSystem, "the container's init sent message ", static_cast<uint32_t>(msg),
              " before ", waiting_for());
}

}  // namespace crunlite::runtime
