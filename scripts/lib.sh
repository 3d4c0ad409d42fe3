# shellcheck shell=sh
# Set-up shared by the scripts of this folder, which source it: checks the machine, installs the
# packages, builds the executables. POSIX sh, so that a machine without bash gets a clear line too.
# Everything here writes to stderr only, and never changes the caller's working directory.

set -eu

# `$0` is the script that sources this file, possibly through a symbolic link.
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

NODE_MAJOR_MIN=20
NPM_MAJOR_MIN=9

# Replaces this process by an executable of bin/, built first if it is older than its sources.
# A fresh one needs neither Node nor a writable checkout. Usage: run_executable NAME [flag…]
run_executable() {
  name=$1
  shift
  check_platform
  ensure_executables "$name"
  check_memory_limits
  ignore_reload_signals "$name"
  exec "$root/dist/$name" "$@"
}

# Below this, the runtime ends before the first line of ours, with a trace of its own.
MEMORY_LIMIT_KB_MIN=2621440

# Limits on addresses, not on memory that is used: the runtime reserves far more than it needs.
check_memory_limits() {
  for option in v d; do
    # shellcheck disable=SC3045 # dash knows both, though POSIX knows neither
    limit=$(ulimit -$option 2>/dev/null) || continue
    [ "$limit" != unlimited ] || continue
    [ "$limit" -ge $MEMORY_LIMIT_KB_MIN ] ||
      die "ulimit -$option is $limit kB, too little for the runtime: raise it to 16000000, or to unlimited"
  done
}

# Until a tracker has handlers for its signals, which takes it some hundredths of a second, they must not
# end it. Usage: ignore_reload_signals NAME
ignore_reload_signals() {
  case $1 in
    aquatic | aquatic_udp | aquatic_http | aquatic_ws) trap '' HUP USR1 USR2 ;;
  esac
}

# With -h or --help among the arguments, prints the calling script's own comment and ends.
# Usage: help_or_go_on "$@"
help_or_go_on() {
  for argument in "$@"; do
    case $argument in
      -h | --help)
        sed -n -e '1d' -e '/^# shellcheck/q' -e 's/^# //p' "$0"
        exit 0
        ;;
    esac
  done
}

say() {
  printf 'aquatic: %s\n' "$*" >&2
}

die() {
  say "$*"
  exit 1
}

# Whether programs that are missing may be installed on this system: what `install` is without the flag --install.
install_by_default() {
  if [ -n "${CI:-}" ]; then echo yes; else echo ask; fi
}

# Whether the named packages may be installed on this system. The answer holds for all that follow.
may_install() {
  [ "$install" != ask ] || [ ! -t 0 ] || {
    printf 'aquatic: install with apt-get on this system: %s? [y/N] ' "$*" >&2
    read -r answer
    case $answer in [yY]*) install=yes ;; *) install=no ;; esac
  }
  [ "$install" = yes ]
}

# Installs Debian packages, separated by blanks, or ends. Usage: install_debian "NAME …"
install_debian() {
  [ -n "$1" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    die "these Debian packages are missing, and only root with apt-get can install them: $1"
  fi
  # shellcheck disable=SC2086 # a list of package names
  may_install $1 || die "these Debian packages are missing, and --install installs them: $1"
  say "installing $1(apt-get)"
  # shellcheck disable=SC2086 # a list of package names
  {
    apt-get update -qq &&
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $1
  } >&2 </dev/null || die "apt-get could not install: $1"
}

# Sets `cpu` to the name that Bun's packages use.
check_platform() {
  system=$(uname -s)
  [ "$system" = Linux ] || die "only Linux with glibc is supported, this is $system"
  machine=$(uname -m)
  case $machine in
    x86_64) cpu=x64 ;;
    aarch64) cpu=aarch64 ;;
    *) die "only x86-64 and arm64 processors are supported, this is $machine" ;;
  esac
  getconf GNU_LIBC_VERSION >/dev/null 2>&1 ||
    die 'only Linux with glibc is supported, this system has another C library (Alpine has musl)'
  # A 64-bit kernel may carry a 32-bit system (Raspberry Pi OS does).
  [ "$(getconf LONG_BIT)" = 64 ] || die 'a 64-bit system is needed, this one is 32-bit'
  [ "$cpu" != x64 ] || check_instructions /proc/cpuinfo
}

# Bun is compiled for Nehalem (2008) and uses AVX2 only where it finds it at run time.
check_instructions() {
  [ -r "$1" ] || return 0
  for instructions in sse4_2 popcnt; do
    grep -qw -- "$instructions" "$1" ||
      die "this processor lacks $instructions: x86-64 processors since 2008 (Nehalem) are supported"
  done
}

# The executables are the files of bin/; their names hold no spaces.
all_executables() {
  for entry in "$root"/bin/*.ts; do
    [ ! -e "$entry" ] || basename -- "$entry" .ts
  done
}

# Builds those of the named executables that are older than their sources.
ensure_executables() {
  for executable in "$@"; do
    is_fresh "$executable" || locked build_if_stale "$executable"
  done
}

ensure_packages() {
  packages_are_fresh || locked install_if_stale
}

# Folders are compared too: their time changes when a file is removed.
# test/support/built.ts calls it too.
is_fresh() {
  [ -x "$root/dist/$1" ] || return 1
  for source in bin src load doctor package.json package-lock.json scripts/lib.sh; do
    [ -e "$root/$source" ] || continue
    [ -z "$(find "$root/$source" -newer "$root/dist/$1" -print -quit)" ] || return 1
  done
}

# Runs a command while no other script installs or builds in this checkout. The commands it starts
# inherit the lock, so an npm that outlives its script keeps it.
locked() {
  command -v flock >/dev/null 2>&1 || die 'the command flock is needed (package util-linux)'
  mkdir -p -- "$root/dist"
  (
    flock -n 9 || {
      say 'waiting for another script that installs or builds'
      flock 9
    }
    "$@"
  ) 9>"$root/dist/.lock"
}

build_if_stale() {
  ! is_fresh "$1" || return 0
  packages_are_fresh || install_if_stale
  say "building dist/$1"
  find_bun
  compile "$1" "dist/$1"
}

# Usage: compile NAME OUTPUT [bun build flag…]; OUTPUT is relative to the root. Call it locked.
# A running executable is never written to: the new file is renamed over it. Its time is that of the
# start of the build, so that a source changed meanwhile counts as newer.
# Not minified (it saves 0.1 % of the file), so that stack traces name functions as the source does. With bytecode, 3 MB
# more, each thread need not parse the program: a start takes half of the processor time.
compile() {
  name=$1
  output=$2
  shift 2
  compile_files "$name" "$output" "bin/$name.ts" "$@"
}

# The same for one executable of several sources, relative to the root: the first is the program.
# Usage: compile_files NAME OUTPUT SOURCE… [bun build flag…]
compile_files() {
  name=$1
  output=$2
  shift 2
  rm -rf -- "$root/dist/.build"
  mkdir -p -- "$root/dist/.build" "$(dirname -- "$root/$output")"
  touch -- "$root/dist/.build/started"
  (
    cd -- "$root"
    "$bun" build --compile --bytecode --format=esm --sourcemap --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
      "$@" --outfile="dist/.build/$name" >dist/.build/log 2>&1 </dev/null ||
      { cat dist/.build/log >&2; die "building $name failed"; }
  )
  touch -r "$root/dist/.build/started" -- "$root/dist/.build/$name"
  mv -f -- "$root/dist/.build/$name" "$root/$output"
  rm -rf -- "$root/dist/.build"
}

# The stamp lies inside node_modules: whoever removes or reinstalls the packages removes it.
packages_are_fresh() {
  [ -f "$root/node_modules/.aquatic-setup" ] || return 1
  [ "$(packages_wanted)" = "$(cat -- "$root/node_modules/.aquatic-setup")" ]
}

# What the installed packages depend on; the machine too, for a checkout that several share.
packages_wanted() {
  uname -m
  cat -- "$root/package.json" "$root/package-lock.json" "$root/.npmrc" | cksum
}

install_if_stale() {
  ! packages_are_fresh || return 0
  check_node
  say 'installing packages (npm ci)'
  wanted=$(packages_wanted)
  # Development packages belong to the build; Bun itself is an optional package of npm's.
  (
    cd -- "$root" &&
      npm ci --include=dev --include=optional --no-audit --no-fund --no-progress --loglevel=error
  ) >&2 </dev/null || die 'npm ci failed, see above'
  printf '%s\n' "$wanted" >"$root/node_modules/.aquatic-setup"
}

check_node() {
  command -v node >/dev/null 2>&1 ||
    die "Node.js $NODE_MAJOR_MIN or later is needed for the set-up, and no «node» is in the PATH"
  node_version=$(node -p process.versions.node)
  [ "${node_version%%.*}" -ge "$NODE_MAJOR_MIN" ] ||
    die "Node.js $NODE_MAJOR_MIN or later is needed for the set-up, this is $node_version"
  command -v npm >/dev/null 2>&1 ||
    die "npm $NPM_MAJOR_MIN or later is needed for the set-up, and no «npm» is in the PATH"
  npm_version=$(npm --version 2>/dev/null)
  [ "${npm_version%%.*}" -ge "$NPM_MAJOR_MIN" ] ||
    die "npm $NPM_MAJOR_MIN or later is needed for the set-up, this is $npm_version"
}

# The runtime of the npm package: $BUN_EXECUTABLE, the package «bun», or one in the PATH, so that `npm install
# --omit=optional` needs no 100 MB where there is one. Sets `bun`.
find_runtime() {
  if [ -n "${BUN_EXECUTABLE:-}" ]; then
    bun=$BUN_EXECUTABLE
    is_new_enough || die "BUN_EXECUTABLE ($bun) is no Bun $BUN_MIN or later"
    return 0
  fi
  check_platform
  if find_package_bun; then return 0; fi
  if bun=$(command -v bun) && is_new_enough; then return 0; fi
  die "no Bun $BUN_MIN or later: install without --omit=optional, or put one into the PATH or name it in BUN_EXECUTABLE"
}

# The version this is tested with.
BUN_MIN=1.4.5

is_new_enough() {
  version=$("$bun" --version 2>/dev/null) || return 1
  [ "$(printf '%s\n%s\n' "$BUN_MIN" "$version" | sort -V | head -n 1)" = "$BUN_MIN" ]
}

# Sets `bun`. Bun's install script moves the executable into the package «bun»; where npm may not
# run scripts, it stays in the package of the platform. When this is itself a package of others, npm
# may have put both into a folder further up.
find_bun() {
  check_platform
  find_package_bun ||
    die 'the package «bun» has no executable for this machine: remove node_modules and install again'
}

find_package_bun() {
  folder=$root
  while :; do
    for bun in "$folder/node_modules/@oven/bun-linux-$cpu/bin/bun" "$folder/node_modules/bun/bin/bun.exe"; do
      if [ -x "$bun" ] && "$bun" --revision >/dev/null 2>&1; then return 0; fi
    done
    [ "$folder" != / ] || return 1
    folder=$(dirname -- "$folder")
  done
}

# Replaces this process by an executable of bin/, run from its source: what the npm package does. Files
# of the working directory that Bun would read by itself are none of the tracker's business.
# Usage: launch NAME [flag…]
launch() {
  name=$1
  shift
  find_runtime
  check_memory_limits
  ignore_reload_signals "$name"
  exec "$bun" --no-env-file --config=/dev/null --no-install "$root/bin/$name.ts" "$@"
}
