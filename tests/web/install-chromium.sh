#!/bin/sh
# Brings the browser that tests/web drives: Debian's Chromium and its driver.
#
#   tests/web/install-chromium.sh
#
# As root it is installed when it is missing.  Otherwise one command is named to copy; without it those tests say that
# they were not run.
set -eu

command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "chromium: installing Debian's"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null
else
    echo 'chromium: not installed, so the tests in a browser will not be run. Install it with:' >&2
    echo '    sudo apt-get install --no-install-recommends chromium chromium-driver' >&2
    exit 1
fi
