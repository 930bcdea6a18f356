#!/bin/sh
# Brings the PostgreSQL that tests/tenants runs, in a private cluster of its own: Debian's or Ubuntu's package.
#
#   tests/tenants/install-postgresql.sh
#
# As root it is installed when it is missing, without a cluster: nothing is started, and a server that runs is left
# alone.  Otherwise one command is named to copy; without PostgreSQL those tests say that they were not run.
set -eu

for program in /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$program" ] && exit 0
done
command -v initdb >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "postgresql: installing Debian's, without a cluster"
    # postgresql-common makes and starts a cluster with the package unless it is told not to.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
else
    echo 'postgresql: not installed, so its tests will not be run. Install it with:' >&2
    echo '    sudo apt-get install --no-install-recommends postgresql' >&2
    exit 1
fi
