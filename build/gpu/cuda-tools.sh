#!/usr/bin/env bash
# Fetches NVIDIA's assembler and disassemblers (ptxas, nvdisasm, cuobjdump) and prints the folder that holds them. Nothing is installed:
# one package of Debian, nvidia-cuda-toolkit (non-free, from trixie: CUDA 12.4), is downloaded and unpacked into a cache.
# The mirror is the one that this machine's own apt sources name. DINO_CUDA_TOOLS names a folder that already has the tools.
set -euo pipefail

suite=trixie
package=nvidia-cuda-toolkit
tools=(ptxas nvdisasm cuobjdump)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dino-gpu/cuda-tools

# complete FOLDER: every tool is there and starts.
complete() {
  local tool
  for tool in "${tools[@]}"; do
    [ -x "$1/$tool" ] && "$1/$tool" --version >/dev/null 2>&1 || return 1
  done
}

fail() {
  echo "cuda-tools: $1" >&2
  exit 1
}

for folder in ${DINO_CUDA_TOOLS:+"$DINO_CUDA_TOOLS"} "$cache/bin"; do
  if complete "$folder"; then
    echo "$folder"
    exit 0
  fi
done

for command in apt-get dpkg-deb; do
  command -v "$command" >/dev/null || fail "$command is missing: this script needs Debian's package tools"
done

# The first Debian archive of the machine's sources, in either of apt's two formats.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null \
  | grep -v '^ *#' | grep -oE '[a-z][a-z+]*://[^ ]+/debian/?([[:space:]]|$)' | head -n 1 | tr -d '[:space:]') || true
[ -n "$mirror" ] || fail "no Debian archive in /etc/apt"

# A configuration of its own: the machine's proxies and keys hold, its sources, lists and package state do not.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/unpacked" "$work/none"
: >"$work/status"
echo "deb [arch=amd64] $mirror $suite non-free" >"$work/sources.list"
private=(
  -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/none" -o "Dir::Etc::preferencesparts=$work/none"
  -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives"
  -o APT::Architecture=amd64 -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Acquire::Languages=none
)
apt-get -q "${private[@]}" update >&2 || fail "the package lists of $suite could not be read from $mirror"
(cd "$work" && apt-get -q "${private[@]}" download "$package" >&2) || fail "$package could not be downloaded from $mirror"
dpkg-deb -x "$work"/"$package"_*.deb "$work/unpacked"

mkdir -p "$work/bin"
for tool in "${tools[@]}"; do
  found=$(find "$work/unpacked" -type f -name "$tool" -perm -u+x | head -n 1)
  [ -n "$found" ] || fail "$package has no $tool"
  cp "$found" "$work/bin/$tool"
done
complete "$work/bin" || fail "the tools of $package do not start here: $(for tool in "${tools[@]}"; do ldd "$work/bin/$tool" 2>&1 | grep 'not found'; done | sort -u | tr '\n' ' ')"

mkdir -p "$cache"
rm -rf "$cache/bin"
mv "$work/bin" "$cache/bin"
echo "$cache/bin"
