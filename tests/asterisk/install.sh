#!/bin/sh
# Brings the Asterisk that tests/asterisk places its calls on: Debian sid's, unpacked into a cache folder.
#
#   tests/asterisk/install.sh            fetch it when it is not there yet (about 80 MB, half a minute)
#   tests/asterisk/install.sh --renew    fetch it again
#   tests/asterisk/install.sh --where    print the folder it lies in, or would
#
# Nothing is installed: apt works in a private folder with its own list of sources, the packages are unpacked
# and none of their scripts run.  So this needs no root, no chroot and no mounts, works on Debian and Ubuntu,
# and leaves the system's packages alone.  The unpacked Asterisk is started through its own dynamic loader
# (tests/support/asterisk/asterisk_install.py), because it is linked against a newer C library than the system's.
#
# Environment
#   OFFHOOK_ASTERISK        an asterisk program of your own to test with; nothing is fetched then
#   OFFHOOK_CACHE           cache folder (default: ${XDG_CACHE_HOME:-~/.cache}/offhook)
#   OFFHOOK_DEBIAN_MIRROR   Debian mirror (default: the one this system's apt uses, else debootstrap's)
set -eu

readonly MINIMUM=18
# GSM prompts are the small ones, and the fallback's sounds need no more.  ODBC's driver is for look-ups by number.
readonly PACKAGES='asterisk asterisk-modules asterisk-core-sounds-en-gsm odbc-postgresql'

cache=${OFFHOOK_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set: set OFFHOOK_CACHE}/.cache}/offhook}
target=$cache/asterisk-sid
stamp=$target/.offhook-complete # written last: its absence means that an earlier run was interrupted

say() { printf 'asterisk: %s\n' "$*"; }
fail() {
    printf 'asterisk: %s\n' "$*" >&2
    exit 1
}

# Succeeds when all of it lies there; one that was fetched before ODBC's driver belonged to it is fetched again.
complete() {
    for driver in "$target"/usr/lib/*/odbc/psqlodbcw.so; do
        [ -e "$stamp" ] && [ -e "$driver" ] && return
    done
    return 1
}

# Succeeds when program $1 is an Asterisk that the tests can use.
usable() {
    version=$("$1" -V 2>/dev/null | sed -n 's/^Asterisk \(certified[-/]\)\{0,1\}\([0-9][0-9]*\).*/\2/p')
    [ -n "$version" ] && [ "$version" -ge $MINIMUM ]
}

# The Debian mirrors to try, best first.
mirrors() {
    if [ -n "${OFFHOOK_DEBIAN_MIRROR:-}" ]; then
        echo "$OFFHOOK_DEBIAN_MIRROR"
        return
    fi
    {
        # shellcheck disable=SC2016  # $(...) is apt's syntax here
        apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
            awk '$1 == "Debian" && NF == 2 { print $2 }'
        # A fresh system has no lists, so no labels: there, an address that looks right is tried.
        apt-get update --print-uris -o Debug::NoLocking=true 2>/dev/null |
            sed -n "s,^'\(.*/debian\)/*/dists/.*,\1,p"
        # Ubuntu's apt knows no Debian mirror, but its debootstrap does.
        sed -n 's/^DEF_MIRROR="\(http.*\)"$/\1/p' /usr/sbin/debootstrap 2>/dev/null || true
    } | sed 's,/*$,,' | awk '!seen[$0]++'
}

# Writes the private apt configuration and sources for mirror $1.
configure_apt() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    : >"$work/apt/status" # an empty system: every library is fetched, none is taken from this one
    cat >"$work/apt/sid.sources" <<END
Types: deb
URIs: $1
Suites: sid
Components: main
Architectures: $(dpkg --print-architecture)
Signed-By: $keyring
END
    # The system's own Acquire settings (proxies and the like) stay in force; its hooks and pins do not.
    cat >"$work/apt/apt.conf" <<END
#clear APT::Update;
#clear DPkg;
Dir::State "$work/apt";
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
Dir::Cache::archives "$work/apt/cache/archives";
Dir::Etc::sourcelist "$work/apt/sid.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
END
}

private_apt() { apt-get -c "$work/apt/apt.conf" -q -o Dpkg::Use-Pty=0 "$@"; }

fetch() {
    for mirror in $(mirrors); do
        say "reading Debian sid's package list from $mirror"
        configure_apt "$mirror"
        if private_apt update -o APT::Update::Error-Mode=any >"$work/update.log" 2>&1; then
            say 'downloading Asterisk and its libraries (about 80 MB)'
            # shellcheck disable=SC2086  # PACKAGES is a list
            private_apt install --yes --download-only $PACKAGES >"$work/download.log" 2>&1 && return
            tail -n 5 "$work/download.log" >&2
        else
            grep -E '^(E|W|Err)' "$work/update.log" >&2 || tail -n 5 "$work/update.log" >&2
        fi
    done
    fail "no mirror gave Asterisk. Is there network? A mirror of your own: OFFHOOK_DEBIAN_MIRROR=http://HOST/debian;" \
        'an Asterisk of your own (18 or newer): put it on PATH or name it in OFFHOOK_ASTERISK.'
}

unpack() {
    count=$(find "$work/apt/cache/archives" -maxdepth 1 -name '*.deb' | wc -l)
    say "unpacking $count packages"
    mkdir "$work/root"
    for package in "$work"/apt/cache/archives/*.deb; do
        # Programs, manuals and Perl are of no use here; modes without set-user-id bits are enough.
        dpkg-deb --fsys-tarfile "$package" |
            tar -x -C "$work/root" --no-same-owner --no-same-permissions --exclude='./usr/bin' --exclude='./bin' \
                --exclude='./etc' --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' \
                --exclude='*/perl*' --exclude='./usr/share/zoneinfo' ||
            fail "cannot unpack $(basename "$package") into $work: is the disk full?"
    done
    # What the packages' own scripts would have linked: the language that CHANNEL(language)=en looks in.
    ln -s en_US_f_Allison "$work/root/usr/share/asterisk/sounds/en"
}

case ${1:-} in
--where) echo "$target" && exit ;;
'' | --renew) ;;
*) fail "unknown argument $1; known: --renew, --where" ;;
esac

if [ -n "${OFFHOOK_ASTERISK:-}" ]; then
    usable "$OFFHOOK_ASTERISK" || fail "OFFHOOK_ASTERISK=$OFFHOOK_ASTERISK is not an Asterisk $MINIMUM or newer."
    say "using $OFFHOOK_ASTERISK (OFFHOOK_ASTERISK)" && exit
fi
if own=$(command -v asterisk) && usable "$own"; then
    for prompts in /usr/share/asterisk/sounds/en /var/lib/asterisk/sounds/en; do
        [ -e "$prompts" ] && say "using $own" && exit
    done
    say "$own has no English prompts (asterisk-core-sounds-en), so another one is used"
fi
if complete && [ "${1:-}" != --renew ]; then
    say "using $(cat "$stamp") in $target" && exit
fi

for tool in apt-get dpkg dpkg-deb tar flock; do
    command -v "$tool" >/dev/null || fail "$tool is missing, so Debian's Asterisk cannot be fetched here." \
        "Put an asterisk ($MINIMUM or newer) on PATH or name it in OFFHOOK_ASTERISK."
done
for keyring in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp ''; do
    [ -r "$keyring" ] && break
done
[ -n "$keyring" ] || fail "Debian's signing keys are missing: sudo apt-get install debian-archive-keyring"

mkdir -p "$cache" || fail "cannot create $cache: set OFFHOOK_CACHE to a folder that you may write."
exec 9>"$cache/asterisk-sid.lock"
flock -n 9 || { say 'waiting for another run of this script' && flock 9; }
if complete && [ "${1:-}" != --renew ]; then
    say "using $(cat "$stamp") in $target" && exit
fi

work=$(mktemp -d "$cache/asterisk-sid.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
fetch
unpack

loader=$(find "$work/root/usr/lib" -maxdepth 2 -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail 'the C library came without its dynamic loader; please report this as a bug.'
version=$("$loader" --library-path "$(dirname "$loader")" "$work/root/usr/sbin/asterisk" -V) ||
    fail 'the unpacked Asterisk does not start; its message is above.'
echo "$version" >"$work/root/.offhook-complete"
# --one-file-system: an older way of making this folder mounted /proc and /dev into it.
rm -rf --one-file-system "$target"
mv "$work/root" "$target"
say "$version is ready in $target"
