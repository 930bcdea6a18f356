#!/bin/sh
# Brings the English, Spanish, French and Italian prompts of people that recognisers are tried on: Debian's
# packages with their texts (CC BY-SA 3.0), 80 MB, unpacked into ~/.cache/offhook/prompts, once.  No root.
set -eu
folder="${1:-${OFFHOOK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/offhook}/prompts}"
mkdir -p "$folder"
cd "$folder"
for language in en es fr it; do
  [ -e ".$language" ] && continue
  for package in "asterisk-core-sounds-$language" "asterisk-core-sounds-$language-wav"; do
    # A box on which nothing was ever installed has no lists of packages.
    apt-cache show "$package" >/dev/null 2>&1 || apt-get update -qq
    apt-get download -qq "$package"
    dpkg-deb -x "$package"_*.deb .
    rm "$package"_*.deb
  done
  touch ".$language"
done
