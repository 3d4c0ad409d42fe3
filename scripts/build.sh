#!/bin/sh
# Builds every executable of bin/. Without arguments for this machine, into dist/; with targets
# (linux-x64, linux-arm64) into dist/TARGET/, each on the Bun package that the lockfile names for it,
# with licences and SHA256SUMS beside them.
# linux-x64 is also the build without AVX2: its Bun is compiled for Nehalem (2008) and takes newer
# instructions only where it finds them. linux-x64-baseline, Bun's former name for such builds, is the
# same. The build for arm64 has never run on an arm64 machine: treat it as untested.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

build_target() {
  target=$1
  case $target in
    linux-x64 | linux-x64-baseline) target=linux-x64 package=@oven/bun-linux-x64 npm_cpu=x64 ;;
    linux-arm64) package=@oven/bun-linux-aarch64 npm_cpu=arm64 ;;
    *) die "unknown target «$target»: linux-x64 (also without AVX2) and linux-arm64 are possible" ;;
  esac
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
  [ -x "$packages/node_modules/$package/bin/bun" ] || die "npm did not install $package (npm 10 or later is needed)"
  rm -rf -- "${root:?}/dist/$target"
  for name in $(all_executables); do
    say "building dist/$target/$name"
    compile "$name" "dist/$target/$name" --target="bun-$target" \
      --compile-executable-path="$packages/node_modules/$package/bin/bun"
  done
  rm -rf -- "$packages"
  cp -- "$root/LICENSE" "$root/docs/third-party.md" "$root/dist/$target"
  # shellcheck disable=SC2046 # names without spaces
  (cd -- "$root/dist/$target" && sha256sum -- $(all_executables) LICENSE third-party.md >SHA256SUMS)
  [ "$target" = linux-x64 ] || say "the executables for $target are untested on real hardware"
}

check_platform
if [ $# = 0 ]; then
  for executable in $(all_executables); do
    ensure_executables "$executable"
  done
  exit 0
fi
ensure_packages
find_bun
for wanted in "$@"; do
  locked build_target "$wanted"
done
