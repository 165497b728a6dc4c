// SPDX-License-Identifier: Apache-2.0
#include "runtime/number_list.h"

#include <climits>

#include "base/text.h"

namespace crunlite::runtime {
namespace {

constexpr unsigned kBits = sizeof(unsigned long) * CHAR_BIT;

void set_bit(BitMask& mask, unsigned number) {
  if (mask.size() <= number / kBits) mask.resize(number / kBits + 1);
  mask[number / kBits] |= 1UL << (number % kBits);
}

}  // namespace

std::optional<BitMask> parse_number_list(std::string_view text, unsigned limit) {
  BitMask mask;
  if (text.empty()) return mask;
  for (const std::string_view part : split(text, ',')) {
    const size_t dash = part.find('-');
    const std::optional<unsigned> first = parse_number<unsigned>(part.substr(0, dash));
    const std::optional<unsigned> last =
        dash == std::string_view::npos ? first : parse_number<unsigned>(part.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= limit) return std::nullopt;
    for (unsigned number = *first; number <= *last; ++number) set_bit(mask, number);
  }
  return mask;
}

}  // namespace crunlite::runtime
