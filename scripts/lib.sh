# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by ./quickstart and ./tests/run: saying what happens, installing what is missing, building.
# Sourced from the top of the tree with `set -euo pipefail` on.

export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
# What one copy of the tree has compiled another need not compile again (meson uses ccache when it is there).
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

require_root_on_debian() {
  [ "$(id -u)" = 0 ] || die "run this as root: it installs packages and makes namespaces"
  command -v apt-get >/dev/null || die "this needs apt-get (Debian 12); elsewhere install what scripts/packages names and build with meson"
}

# packages LIST…: the names in scripts/packages/LIST, without comments.
packages() {
  local list
  for list in "$@"; do sed 's/#.*//' "scripts/packages/$list"; done | tr -s ' \n' '\n' | sed '/^$/d' | sort -u
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# A package's services stay off: the tests start the daemons they need themselves, on directories of their own.
apt_install() (
  policy=/usr/sbin/policy-rc.d # invoke-rc.d(8)
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
)

# install_packages LIST…: installs what is missing and only that. Package lists are fetched when they are absent
# or too old to install from.
install_packages() {
  local missing=() name
  for name in $(packages "$@"); do is_installed "$name" || missing+=("$name"); done
  if [ "${#missing[@]}" = 0 ]; then
    say "Packages ($*): all there"
    return
  fi
  say "Packages ($*): installing ${missing[*]}"
  mkdir -p build
  if ! apt_install "${missing[@]}" >build/apt.log 2>&1; then
    say "Fetching the package lists and trying once more"
    apt-get update -q >>build/apt.log 2>&1 || true # one unreachable extra source must not end it here
    apt_install "${missing[@]}" >>build/apt.log 2>&1 || {
      tail -n 20 build/apt.log >&2
      die "apt-get could not install the packages (whole log: build/apt.log)"
    }
  fi
}

# The sources this machine itself installs Debian from, as one-line entries; Debian's own where none can be read.
debian_sources() {
  local found
  # shellcheck disable=SC2016  # $(SITE) and its like are apt's
  found=$(apt-get indextargets --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' 2>/dev/null | grep ' bookworm' | sort -u || true)
  printf '%s\n' "${found:-deb http://deb.debian.org/debian bookworm main}"
}

# debian_root FILE [mmdebstrap option…]: a tar of a minimal Debian 12 root, from the sources and with the apt settings
# of this machine.
debian_root() {
  local file=$1 option options=()
  shift
  while read -r option; do options+=(--aptopt="$option"); done < <(
    apt-config dump | grep -iE '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ' || true)
  debian_sources | mmdebstrap --variant=minbase --format=tar "${options[@]}" "$@" bookworm "$file" - \
    >"$file.log" 2>&1 || {
    tail -n 20 "$file.log" >&2
    die "mmdebstrap failed (whole log: $file.log)"
  }
  rm -f "$file.log"
}

# build DIR [meson option…] [-- target…]: configures once (again when options are given and differ) and builds.
build() {
  local dir=$1 options=() wanted
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  wanted="${options[*]}"
  if [ ! -f "$dir/build.ninja" ]; then
    meson setup "$dir" "${options[@]}" >"$dir.setup.log" 2>&1 || { cat "$dir.setup.log" >&2; die "meson setup $dir failed"; }
    mkdir -p "$dir/test-logs" && mv "$dir.setup.log" "$dir/test-logs/setup.log"
  elif [ -n "$wanted" ] && [ "$(cat "$dir/options" 2>/dev/null)" != "$wanted" ]; then
    meson configure "$dir" "${options[@]}" || die "meson configure $dir failed"
  fi
  [ -z "$wanted" ] || printf '%s\n' "$wanted" >"$dir/options"
  ninja -C "$dir" "$@" >"$dir/build.log" 2>&1 || { tail -n 60 "$dir/build.log" >&2; die "the build failed (whole log: $dir/build.log)"; }
}
