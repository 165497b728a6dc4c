// SPDX-License-Identifier: Apache-2.0
#include "cmd/containerd_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace crunlite::cmd {
namespace {

constexpr std::string_view kBegin =
    "# Begin of what `crun-lite install --for containerd` wrote; say that again rather than change it here.";
constexpr std::string_view kEnd = "# End of what `crun-lite install --for containerd` wrote.";
constexpr std::string_view kDefaultKey = "default_runtime_name";
constexpr std::string_view kDefaultLine = "default_runtime_name = \"crun-lite\"";

using Lines = std::vector<std::string>;

Lines lines_of(std::string_view text) {
  Lines lines;
  for (const std::string_view line : split(text, '\n')) lines.emplace_back(line);
  while (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  return lines;
}

// What stands behind `key =` on a line; nothing when that is not what the line sets.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  std::string_view rest = trim(line);
  const bool is_quoted = rest.starts_with('"') || rest.starts_with('\'');
  if (is_quoted) rest.remove_prefix(1);
  if (!rest.starts_with(key)) return std::nullopt;
  rest.remove_prefix(key.size());
  if (is_quoted && !rest.empty()) rest.remove_prefix(1);
  rest = trim(rest);
  if (!rest.starts_with('=')) return std::nullopt;
  return trim(rest.substr(1));
}

bool is_header(std::string_view line) {
  return trim(line).starts_with('[');
}

// [plugins."a.b".c] and [ plugins.'a.b'.c ] # x are one table: without blanks, quotes and what follows.
std::string header_of(std::string_view line) {
  std::string out;
  for (const char c : trim(line).substr(0, trim(line).find(']') + 1))
    if (c != '"' && c != '\'' && c != ' ' && c != '\t') out += c;
  return out;
}

Lines::const_iterator find_table(const Lines& lines, const std::string& header) {
  return std::ranges::find_if(
      lines, [&](const std::string& line) { return is_header(line) && header_of(line) == header; });
}

// A file that does not say is in the first format.
unsigned format_of(const Lines& lines) {
  for (const std::string& line : lines) {
    if (is_header(line)) break;
    if (const auto value = value_of(line, "version"))
      return parse_number<unsigned>(value->substr(0, value->find_first_not_of("0123456789"))).value_or(1);
  }
  return 1;
}

// Takes our block out; gives whether it made crun-lite the default.
bool take_block(Lines& lines, const std::string& path) {
  const auto begin = std::ranges::find(lines, kBegin);
  if (begin == lines.end()) return false;
  const auto end = std::find(begin, lines.end(), kEnd);
  if (end == lines.end()) {
    throw Error(ErrorKind::kConfig, path, ": the line ", quote(kEnd), " is gone")
        .with_remedy(cat("remove what is left of the lines after ", quote(kBegin), " and that line"));
  }
  const bool was_default = std::find(begin, end, kDefaultLine) != end;
  lines.erase(begin, end + 1);
  while (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  return was_default;
}

// A table may stand only once: where it is there, the default is a line of it. False: it is not there.
bool set_default(Lines& lines, const std::string& table) {
  const auto found = find_table(lines, table);
  if (found == lines.end()) return false;
  const auto header = lines.begin() + (found - lines.cbegin());
  for (auto line = header + 1; line != lines.end() && !is_header(*line); ++line) {
    if (!value_of(*line, kDefaultKey)) continue;
    *line = line->substr(0, line->find_first_not_of(" \t")) + std::string(kDefaultLine);
    return true;
  }
  lines.insert(header + 1, header->substr(0, header->find('[')) + "  " + std::string(kDefaultLine));
  return true;
}

// Without any, containerd has runc; with one, only that. Who had runc must keep it, or the plug-in does not
// start.
bool has_runtimes(const Lines& lines, const std::string& table) {
  return std::ranges::any_of(lines, [&](const std::string& line) {
    return is_header(line) && header_of(line).starts_with(table + ".runtimes");
  });
}

struct Extras {
  bool default_line = false;
  bool runc = false;
};

std::string block(const std::string& plugin, const Extras& extras, const ContainerdOptions& options) {
  const std::string table = cat("[plugins.\"", plugin, "\".containerd");
  std::string text = cat(kBegin, "\n");
  if (extras.default_line) text += cat(table, "]\n", kDefaultLine, "\n\n");
  if (extras.runc) text += cat(table, ".runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n\n");
  text += cat(table, ".runtimes.crun-lite]\nruntime_type = \"io.containerd.runc.v2\"\n\n");
  // A basic string of TOML 1.0 has the escapes of JSON.
  text += cat(table, ".runtimes.crun-lite.options]\nBinaryName = ", json::dump(json::Value(options.runtime)),
              "\n");
  if (options.systemd_cgroup) text += "SystemdCgroup = true\n";
  return cat(text, kEnd, "\n");
}

}  // namespace

std::string containerd_config(const std::optional<std::string>& existing, const std::string& path,
                              const ContainerdOptions& options) {
  Lines lines = lines_of(existing.value_or(""));
  if (lines.empty()) lines = {"version = 2"};
  if (format_of(lines) < 2) {
    throw Error(ErrorKind::kUnsupported, path, " is in containerd's first format")
        .with_remedy("bring it to version = 2 first: `containerd config migrate`");
  }
  // https://github.com/containerd/containerd/blob/main/docs/cri/config.md
  const std::string plugin =
      format_of(lines) == 2 ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.runtime";
  const bool was_default = take_block(lines, path);
  const std::string table = cat("[plugins.", plugin, ".containerd");
  if (find_table(lines, table + ".runtimes.crun-lite]") != lines.end()) {
    throw Error(ErrorKind::kExists, path, " has a runtime crun-lite that was written by hand")
        .with_remedy("change that one, or remove it first");
  }
  const bool in_table = options.make_default && set_default(lines, table + "]");
  const Extras extras{.default_line = !in_table && (options.make_default || was_default),
                      .runc = !has_runtimes(lines, table)};
  return join(lines, "\n") + "\n\n" + block(plugin, extras, options);
}

}  // namespace crunlite::cmd
