#!/bin/sh
# Builds every executable of bin/, or those that are named. Without arguments for this machine, into dist/; with targets
# (linux-x64, linux-arm64) into dist/TARGET/, each on the Bun package that the lockfile names for it,
# with licences and SHA256SUMS beside them. With --together TARGET builds one that holds them all, for
# packages (scripts/all-in-one.ts), as dist/TARGET-together/aquatic.
# linux-x64 is also the build without AVX2: its Bun is compiled for Nehalem (2008) and takes newer
# instructions only where it finds them. linux-x64-baseline, Bun's former name for such builds, is the
# same. The build for arm64 has never run on an arm64 machine: treat it as untested.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

# Sets `target`, `target_cpu` as Bun calls it, and `npm_cpu`.
read_target() {
  target=$1
  case $target in
    linux-x64 | linux-x64-baseline) target=linux-x64 target_cpu=x64 npm_cpu=x64 ;;
    linux-arm64) target_cpu=aarch64 npm_cpu=arm64 ;;
    *) die "unknown target «$target»: linux-x64 (also without AVX2) and linux-arm64 are possible" ;;
  esac
}

# Sets `target_bun`, below dist/.packages.
fetch_bun() {
  package=@oven/bun-linux-$target_cpu
  say "fetching $package"
  packages=$root/dist/.packages
  rm -rf -- "$packages"
  mkdir -p -- "$packages"
  cp -- "$root/package.json" "$root/package-lock.json" "$root/.npmrc" "$packages"
  (
    cd -- "$packages" &&
      npm ci --os=linux --cpu="$npm_cpu" --libc=glibc --omit=dev --include=optional --ignore-scripts \
        --no-audit --no-fund --no-progress --loglevel=error
  ) >&2 </dev/null || die 'npm ci failed, see above'
  target_bun=$packages/node_modules/$package/bin/bun
  [ -x "$target_bun" ] || die "npm did not install $package (npm 10 or later is needed)"
}

build_target() {
  read_target "$1"
  fetch_bun
  rm -rf -- "${root:?}/dist/$target"
  for name in $(all_executables); do
    say "building dist/$target/$name"
    compile "$name" "dist/$target/$name" --target="bun-$target" \
      --compile-executable-path="$target_bun"
  done
  rm -rf -- "$packages"
  cp -- "$root/LICENSE" "$root/docs/third-party.md" "$root/dist/$target"
  # shellcheck disable=SC2046 # names without spaces
  (cd -- "$root/dist/$target" && sha256sum -- $(all_executables) LICENSE third-party.md >SHA256SUMS)
  [ "$target" = linux-x64 ] || say "the executables for $target are untested on real hardware"
}

build_together() {
  read_target "$1"
  # The same file where this machine is the target.
  if [ "$cpu" = "$target_cpu" ]; then target_bun=$bun; else fetch_bun; fi
  say "building dist/$target-together/aquatic"
  # shellcheck disable=SC2046 # names without spaces
  compile_files aquatic "dist/$target-together/aquatic" scripts/all-in-one.ts \
    $(all_executables | sed 's|.*|bin/&.ts|') --root=. --target="bun-$target" --compile-executable-path="$target_bun"
  rm -rf -- "$root/dist/.packages"
}

check_platform
if [ $# = 0 ]; then
  for executable in $(all_executables); do
    ensure_executables "$executable"
  done
  exit 0
fi
if [ -e "$root/bin/$1.ts" ]; then
  ensure_executables "$@"
  exit 0
fi
ensure_packages
find_bun
if [ "$1" = --together ]; then
  shift
  for wanted in "$@"; do
    locked build_together "$wanted"
  done
  exit 0
fi
for wanted in "$@"; do
  locked build_target "$wanted"
done
