// SPDX-License-Identifier: Apache-2.0
// Which of its two meanings a verb has: the OCI runtime's (`exec [FLAGS] ID COMMAND`, as podman says it) or
// docker's (`exec -it NAME COMMAND`, as people say it). Pure: what has to be looked up comes in as functions,
// so that every line of the rule has a test. What the docker meaning then does is not here.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "cmd/command_line.h"

namespace crunlite::cmd {

enum class Door {
  kOci,
  kImage,
};

// Whom a word means. An image's container has a record in the state root too: it counts as the image's.
enum class Whose {
  kNobody,
  kOci,    // the id of a container that an OCI caller made
  kImage,  // the name or id of a container started from an image, or the beginning of its id
};

// Facts about the world; asked only when the command line alone does not decide.
struct Surroundings {
  std::function<bool()> bundle_here;  // ./config.json exists and says ociVersion
  std::function<bool(const std::string& name)> image_exists;
  std::function<Whose(const std::string& word)> whose;
};

// What the name we were called by says: runc and crun are OCI runtimes, docker is not.
enum class CalledAs { kEither, kOci, kImage };
CalledAs called_as(std::string_view argv0);

// Whether the rule below has anything to say about this verb. All others mean the same at both doors.
bool has_two_meanings(std::string_view verb);

// What the rule takes for flags of the OCI verb, docker's or not. A test holds the verb's grammar against it.
struct OciFlag {
  std::string_view name;
  bool takes_value;
};
std::vector<OciFlag> oci_flags_of(std::string_view verb);

// The rule for a verb that has two meanings, first match wins:
//   1. `crun-lite oci VERB`: OCI
//   2. called as runc or crun: OCI; as docker: image
//   3. a global flag of OCI callers (--root, --log, …): OCI
//   4. the first flag of the verb that only one of the two has; a flag that neither has goes to the one that
//      says so best
//   5. what the verb itself is decided by, without such a flag:
//        run create         one name, a bundle in the current directory and no image of that name: OCI
//        exec               the name is that of an image's container: image
//        start pause update the same, and also with several names: image
//        kill               `kill X SIGNAL` with X not an image's container: OCI; several names: image
//        ps events          with a container: OCI
//        checkpoint         `checkpoint create|ls|rm …`: image
//      and otherwise image for run, create, ps and events, OCI for the others.
Door door_of(const CommandLine& line, CalledAs called, const Surroundings& surroundings);

}  // namespace crunlite::cmd
