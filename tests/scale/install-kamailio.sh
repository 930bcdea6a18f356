#!/bin/sh
# Installs Kamailio, which tests/scale sends calls through; as root on Debian or Ubuntu.  It is not started.
set -eu

command -v kamailio >/dev/null 2>&1 && exit 0
[ -x /usr/sbin/kamailio ] && exit 0
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "kamailio: not installed; the tests of several boxes need it: sudo apt install kamailio iproute2" >&2
    exit 1
fi
echo "==> installing kamailio"
# A service that is installed shall not be started: nothing of the system's changes but its programs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends kamailio iproute2 >/dev/null
