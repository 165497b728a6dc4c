// SPDX-License-Identifier: Apache-2.0
// The conversation of parent and init, without either.
#include "runtime/sequence.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace crunlite::runtime {
namespace {

InitPlan full_plan() {
  InitPlan plan;
  plan.namespaces.joined_user = true;
  plan.namespaces.unshare_joined = 1;
  plan.runtime_hooks = true;
  plan.console.wanted = true;
  plan.seccomp.notifying.resize(1);
  return plan;
}

TEST(Sequence, ASimplePlanOnlyGetsReady) {
  Sequence sequence{InitPlan()};
  EXPECT_FALSE(sequence.ready());
  sequence.on(Msg::kReady);
  EXPECT_TRUE(sequence.ready());
}

TEST(Sequence, EverythingInItsOrder) {
  Sequence sequence{full_plan()};
  for (const Msg msg : {Msg::kSuccessor, Msg::kRunHooks, Msg::kConsole, Msg::kListener, Msg::kReady}) {
    EXPECT_FALSE(sequence.ready());
    sequence.on(msg);
  }
  EXPECT_TRUE(sequence.ready());
}

TEST(Sequence, EverySourceIsMappedOnce) {
  InitPlan plan = full_plan();
  plan.rootfs.emplace();
  for (const bool mapped : {true, false, true}) {
    rootfs::MountOp& op = plan.rootfs->mounts.emplace_back();
    op.inner_source = "/x";
    if (mapped) op.id_map = rootfs::IdMap::kTop;
  }
  Sequence sequence{plan};
  EXPECT_THROW(Sequence(sequence).on(Msg::kMapSource), Error);
  sequence.on(Msg::kSuccessor);
  EXPECT_THROW(Sequence(sequence).on(Msg::kRunHooks), Error);
  sequence.on(Msg::kMapSource);
  EXPECT_THROW(Sequence(sequence).on(Msg::kRunHooks), Error);
  sequence.on(Msg::kMapSource);
  EXPECT_THROW(Sequence(sequence).on(Msg::kMapSource), Error);
  sequence.on(Msg::kRunHooks);
}

TEST(Sequence, NothingMayBeLeftOutOrRepeatedOrUnasked) {
  EXPECT_THROW(Sequence{full_plan()}.on(Msg::kReady), Error);
  EXPECT_THROW(Sequence{full_plan()}.on(Msg::kConsole), Error);
  EXPECT_THROW(Sequence{InitPlan()}.on(Msg::kConsole), Error);
  EXPECT_THROW(Sequence{InitPlan()}.on(Msg::kListener), Error);
  EXPECT_THROW(Sequence{InitPlan()}.on(Msg::kProceed), Error);
  EXPECT_THROW(Sequence{InitPlan()}.on(static_cast<Msg>(77)), Error);
  Sequence sequence{full_plan()};
  sequence.on(Msg::kSuccessor);
  EXPECT_THROW(sequence.on(Msg::kSuccessor), Error);
}

TEST(Sequence, ASuccessorMayBeFasterThanItsAnnouncement) {
  InitPlan plan;
  plan.namespaces.pid_by_successor = true;
  for (const auto& order :
       {std::pair(Msg::kSuccessor, Msg::kReady), std::pair(Msg::kReady, Msg::kSuccessor)}) {
    Sequence sequence{plan};
    sequence.on(order.first);
    EXPECT_FALSE(sequence.ready());
    EXPECT_THROW(Sequence(sequence).on(order.first), Error);
    sequence.on(order.second);
    EXPECT_TRUE(sequence.ready());
  }
}

TEST(Sequence, AFailureMayComeAtAnyTimeBeforeReady) {
  Sequence sequence{full_plan()};
  sequence.on(Msg::kFailed);
  sequence.on(Msg::kSuccessor);
  sequence.on(Msg::kFailed);
  EXPECT_EQ(sequence.waiting_for(), "making the mounts");
}

}  // namespace
}  // namespace crunlite::runtime
