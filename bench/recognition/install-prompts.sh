#!/bin/sh
# Brings the Spanish, French and Italian prompts of people that bench/recognition/languages.py has recognised:
# Debian's packages with their texts (CC BY-SA 3.0), 60 MB, unpacked into ~/.cache/offhook/prompts.  No root.
set -eu
folder="${1:-${OFFHOOK_CACHE:-$HOME/.cache/offhook}/prompts}"
mkdir -p "$folder"
cd "$folder"
for language in es fr it; do
  for package in "asterisk-core-sounds-$language" "asterisk-core-sounds-$language-wav"; do
    apt-get download "$package"
    dpkg-deb -x "$package"_*.deb .
    rm "$package"_*.deb
  done
done
