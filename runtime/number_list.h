// SPDX-License-Identifier: Apache-2.0
// Lists of CPUs and of memory nodes as config.json and the kernel write them ("0-3,7"), as the bit masks that
// system calls take.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace crunlite::runtime {

// Bit n of word n / 64 stands for number n; no words: none.
using BitMask = std::vector<unsigned long>;

// Nothing when it is no such list, or when a number is `limit` or more. An empty text is an empty mask.
std::optional<BitMask> parse_number_list(std::string_view text, unsigned limit);

inline constexpr unsigned kMostCpus = 8192;   // CONFIG_NR_CPUS of the largest kernels
inline constexpr unsigned kMostNodes = 1024;  // CONFIG_NODES_SHIFT is at most 10

}  // namespace crunlite::runtime
