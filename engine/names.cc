// SPDX-License-Identifier: Apache-2.0
#include "engine/names.h"

#include "base/error.h"
#include "base/file.h"

namespace crunlite::engine {
namespace {

constexpr std::string_view kAdjectives[] = {
    "able",   "agile",  "amber",   "bold",    "brave",  "bright", "brisk",   "calm",  "candid", "clear",
    "clever", "cosmic", "curious", "deft",    "eager",  "early",  "fair",    "fleet", "fond",   "frank",
    "fresh",  "gentle", "glad",    "golden",  "grand",  "green",  "happy",   "hardy", "honest", "humble",
    "jolly",  "keen",   "kind",    "lively",  "loyal",  "lucid",  "mellow",  "merry", "mild",   "modest",
    "neat",   "nimble", "noble",   "patient", "placid", "plain",  "polite",  "proud", "quick",  "quiet",
    "rapid",  "serene", "sharp",   "shy",     "silent", "simple", "sincere", "smart", "spry",   "steady",
    "still",  "sturdy", "sunny",   "swift",   "tidy",   "vivid",  "warm",    "witty",
};
constexpr std::string_view kSurnames[] = {
    "abel",     "ampere",      "archimedes", "babbage",      "bernoulli",   "bohr",       "boole",
    "cantor",   "cauchy",      "cavendish",  "celsius",      "copernicus",  "coulomb",    "curie",
    "darwin",   "dedekind",    "descartes",  "dijkstra",     "dirac",       "euclid",     "euler",
    "faraday",  "fermat",      "fermi",      "fibonacci",    "fourier",     "franklin",   "galilei",
    "galois",   "gauss",       "germain",    "goedel",       "hamilton",    "heisenberg", "hertz",
    "hilbert",  "hopper",      "huygens",    "hypatia",      "jacobi",      "joule",      "kelvin",
    "kepler",   "kirchhoff",   "knuth",      "kovalevskaya", "lagrange",    "laplace",    "leibniz",
    "linnaeus", "lovelace",    "maxwell",    "meitner",      "mendel",      "moebius",    "newton",
    "noether",  "ohm",         "pascal",     "pasteur",      "planck",      "poincare",   "ramanujan",
    "riemann",  "roentgen",    "rutherford", "shannon",      "sommerville", "tesla",      "turing",
    "volta",    "weierstrass",
};

template <size_t N>
std::string_view pick(const std::string_view (&words)[N]) {
  // Two random bytes over fewer than a hundred words: the bias is below 0.2 %, and it is only a name.
  const std::string hex = random_hex(2);
  unsigned number = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
  return words[number % N];
}

}  // namespace

std::string random_name() {
  return cat(pick(kAdjectives), '_', pick(kSurnames));
}

}  // namespace crunlite::engine
