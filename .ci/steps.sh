# Shell functions shared by quick-start and run-tests: packages, the ordinary user, one line a step. Sourced, never run.

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# packages FILE [HEADING]: the names in a package list, up to the heading "# HEADING" where one is given.
packages() { sed -e "${2:+/^# $2/,\$d}" -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"; }

# on_debian_12: whether this system is one that the package list fits.
on_debian_12() { (. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ]); }

explain_other_system() {
  say "This script knows Debian 12. On another Linux, wslm needs: CMake 3.25, a C++20 compiler, gRPC 1.51 and"
  say "Protocol Buffers with static libraries, libarchive, libext2fs, SQLite, libseccomp, OpenSSL, CLI11, nlohmann-json,"
  say "spdlog, google/rpc/*.proto; to run v2, QEMU (qemu-system-x86_64, qemu-img) and e2fsprogs. Then:"
  say "  cmake -S . -B build -G Ninja && cmake --build build && cmake --install build --prefix ~/.local"
  exit 2
}

# now: seconds since the epoch with tenths.
now() { date +%s.%N | cut -c1-12; }

# step TEXT COMMAND...: runs COMMAND with its output in $log, shows TEXT and the time it took on one line. On failure
# shows the end of the log and exits. What COMMAND leaves in $note is shown behind TEXT.
step() {
  local text=$1 begin rc=0 pretty=0; shift
  note=
  if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then pretty=1; printf '  …       %s' "$text"; fi
  printf '\n== %s: %s\n' "$(date '+%F %T')" "$text" >>"$log"
  begin=$(now)
  "$@" >>"$log" 2>&1 </dev/null || rc=$?
  [ $pretty = 1 ] && printf '\r\033[K'
  printf '%7.1f s %s%s\n' "$(echo "$(now) $begin" | awk '{print $1-$2}')" "$text" "${note:+ → $note}"
  if [ $rc -ne 0 ]; then
    say "          failed (exit code $rc). The end of $log:"
    tail -n 20 "$log" | sed 's/^/          | /'
    exit 1
  fi
}

# in_a_box SECONDS COMMAND...: runs it as $user and stops it when the time is over, which counts as success.
in_a_box() {
  local rc=0
  as_user timeout --signal=INT "$@" || rc=$?
  [ $rc = 124 ] || return $rc
  note="the time is over"
}

missing_packages() {
  local name
  for name in $(packages "$@"); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s ' "$name"
  done
}

# become_root WHY LINE: sets $become to what makes root of a command; without such, says the line that root is to run and
# stops.
become_root() {
  become=
  [ "$(id -u)" != 0 ] || return 0
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    become=sudo
    return 0
  fi
  say "$1 Have this run by root, then start again:"
  say "  $2"
  exit 1
}

# install_packages FILE [HEADING]: what is missing of the list, up to the heading where one is given.
install_packages() {
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  become_root "Packages are missing and this user may not install them." \
    "apt-get update && apt-get install -y --no-install-recommends $missing"
  # shellcheck disable=SC2086
  step "install $(echo $missing | wc -w) Debian packages" apt_install $missing
}

# fetch_package_lists: unless apt knows packages; v2's kernel and the Debian root come through it.
fetch_package_lists() {
  [ -z "$(apt-cache --names-only search '^linux-image-amd64$' 2>/dev/null)" ] || return 0
  become_root "apt has no package lists and this user may not fetch them." "apt-get update"
  step "fetch package lists" $become apt-get update
}

# unpack_package NAME FOLDER: a package's files in a folder of $user's, without installing it.
unpack_package() {
  as_user mkdir -p "$2"
  (cd "$2" && as_user apt-get download "$1" && as_user dpkg-deb -x "$1"_*.deb . && as_user rm -f "$1"_*.deb)
}

apt_install() {
  $become apt-get update || echo "some package lists could not be fetched; going on with those there are"
  case " $* " in *" ipxe-qemu "*)
    $become env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ipxe-qemu || return ;;
  esac
  $become env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# ordinary_user NAME: sets $user and $user_home: who does everything but the packages. Root hands over to SUDO_USER, else to
# NAME, which is made when absent.
ordinary_user() {
  if [ "$(id -u)" != 0 ]; then
    user=$(id -un)
  elif [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] && id "$SUDO_USER" >/dev/null 2>&1; then
    user=$SUDO_USER
  else
    user=$1
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
  fi
  user_home=$(getent passwd "$user" | cut -d: -f6)
}

# as_user COMMAND...: runs it as $user, with an environment of that user's.
as_user() {
  if [ "$(id -un)" = "$user" ]; then "$@"; return; fi
  setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --inh-caps=-all \
    env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME -u XDG_DATA_HOME -u XDG_STATE_HOME -u XDG_CACHE_HOME -u SUDO_USER \
    HOME="$user_home" USER="$user" LOGNAME="$user" "$@"
}

# copy_source FOLDER WORK: makes WORK/source, $user's own copy of FOLDER, and sets $source to it. It lies at one path
# whichever clone is run, and files that did not change keep their times, so that a second build has little to do.
copy_source() {
  source=$2/source
  as_user mkdir -p "$source" "$source.new"
  tar -C "$1" --exclude=./.git --exclude=./build -cf - . | as_user tar -C "$source.new" -xf -
  as_user rsync --recursive --links --perms --checksum --delete "$source.new/" "$source/"
  as_user rm -rf "$source.new"
}

# apt_sources: the Debian 12 sources of this machine's apt, in one-line style.
apt_sources() {
  local sources
  sources=$(apt-get indextargets --format '$(ORIGIN) $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $3 ~ /^bookworm/ {print "deb", $2, $3, $4}' | sort -u)
  printf '%s\n' "${sources:-deb http://deb.debian.org/debian bookworm main}"
}

# apt_keyrings: the keyring files that this machine's apt names for those sources, beside the common ones.
apt_keyrings() {
  grep -lFf <(apt_sources | cut -d' ' -f2) /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | xargs -r cat |
    sed -nE 's/^[^#]*signed-by=([^] ]+).*/\1/p; s/^Signed-By: *(\/.*)/\1/p' | tr ',' '\n' | sort -u
}

# debian_root FILE: a Debian 12 root as a tar, made with the mirrors, keyrings and proxy of this machine's apt.
debian_root() {
  local options=() keyring Proxy=
  for keyring in $(apt_keyrings); do [ ! -r "$keyring" ] || options+=("--keyring=$keyring"); done
  eval "$(apt-config shell Proxy Acquire::http::Proxy)"
  [ -z "$Proxy" ] || options+=("--aptopt=Acquire::http::Proxy \"$Proxy\"")
  rm -f "$1.part"
  (cd / && apt_sources | mmdebstrap --variant=minbase --format=tar "${options[@]}" bookworm "$1.part" -) &&
    mv "$1.part" "$1"
}
