// SPDX-License-Identifier: Apache-2.0
#include "runtime/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

namespace crunlite::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Capabilities, TheTableAgreesWithTheKernelsHeader) {
  EXPECT_EQ(capability_names().size(), size_t{CAP_LAST_CAP} + 1);
  EXPECT_EQ(capability_number("CAP_CHOWN"), CAP_CHOWN);
  EXPECT_EQ(capability_number("CAP_NET_RAW"), CAP_NET_RAW);
  EXPECT_EQ(capability_number("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
  EXPECT_EQ(capability_number("CAP_SETFCAP"), CAP_SETFCAP);
  EXPECT_EQ(capability_number("CAP_SYSLOG"), CAP_SYSLOG);
  EXPECT_EQ(capability_number("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
  for (int number = 0; number <= CAP_LAST_CAP; ++number)
    EXPECT_EQ(capability_number(capability_name(number)), number);
}

TEST(Capabilities, TakesWhatPeopleType) {
  EXPECT_EQ(capability_number("net_admin"), CAP_NET_ADMIN);
  EXPECT_EQ(capability_number("cap_net_admin"), CAP_NET_ADMIN);
  for (const char* bad : {"", "CAP_", "CAP_NOSUCH", "NET ADMIN", "CAP_CAP_CHOWN"})
    EXPECT_EQ(capability_number(bad), std::nullopt) << bad;
  EXPECT_EQ(capability_name(-1), "");
  EXPECT_EQ(capability_name(41), "");
}

TEST(Capabilities, MasksHoldWhatIsKnownAndNameTheRest) {
  const CapabilityMasks masks = capability_masks({.bounding = {"CAP_CHOWN", "CAP_KILL", "CAP_FUTURE"},
                                                  .effective = {"CAP_CHOWN", "CAP_FUTURE"},
                                                  .permitted = {"CAP_KILL"}});
  EXPECT_EQ(masks.bounding, 1u << CAP_CHOWN | 1u << CAP_KILL);
  EXPECT_EQ(masks.effective, 1u << CAP_CHOWN);
  EXPECT_EQ(masks.permitted, 1u << CAP_KILL);
  EXPECT_EQ(masks.inheritable, 0u);
  EXPECT_EQ(masks.ambient, 0u);
  EXPECT_THAT(masks.unknown, ElementsAre("CAP_FUTURE"));
  EXPECT_THAT(capability_masks({}).unknown, IsEmpty());
}

TEST(Capabilities, TheKernelHasALast) {
  EXPECT_GE(last_capability(), CAP_AUDIT_READ);
}

}  // namespace
}  // namespace crunlite::runtime
