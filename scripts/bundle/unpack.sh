#!/bin/sh
# Checks the parts of the bundle that lie beside this file, and unpacks what is complete into the folder 'cifar' here: the program, the
# images, or both. To be called again when more parts have come. Needs coreutils, and python3 or tar and xz.
set -eu
cd "$(dirname "$0")"

have() { command -v "$1" >/dev/null 2>&1; }
unxz() { if have xz; then xz -dc; else python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'; fi; }
untar() { if have tar; then tar -xf -; else python3 -c 'import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|").extractall()'; fi; }

# Lines of parts.sha256, and names of parts, of the program or of the images.
sums() { while read -r sum part; do case $part in "$1".*) echo "$sum  $part" ;; esac done <parts.sha256; }
parts() { sums "$1" | while read -r _ part; do echo "$part"; done; }
missing() { for part in $(parts "$1"); do [ -f "$part" ] || echo "$part"; done; }

# What was unpacked leaves its check sums; it is not unpacked again, since runs may have written there meanwhile.
unpacked() { [ -f "cifar/.unpacked.$1" ] && [ "$(cat "cifar/.unpacked.$1")" = "$(sums "$1")" ]; }

# Whether all parts are here and undamaged; says which are not.
whole() {
  if [ -n "$(missing "$1")" ]; then
    echo "These parts of the $1 are missing here:" $(missing "$1")
    return 1
  fi
  if ! sums "$1" | sha256sum --check --quiet; then
    echo "Copy these parts of the $1 again."
    damaged=1
    return 1
  fi
}

damaged=0
mkdir -p cifar

if ! unpacked program && whole program; then
  cat $(parts program) | unxz | (cd cifar && untar)
  sums program >cifar/.unpacked.program
  cp cifar/run-smoke cifar/run-queue cifar/run-speedrun .
fi
if unpacked program; then
  echo "The program is unpacked; ./run-smoke tries it."
elif [ -f cifar/.unpacked.program ]; then
  echo "The program of another bundle, unpacked before, stays."
else
  exit 1
fi

# Images do not shrink: they are not compressed.
if [ -n "$(parts images)" ]; then
  if ! unpacked images && whole images; then
    cat $(parts images) | (cd cifar && untar)
    sums images >cifar/.unpacked.images
  fi
  if unpacked images; then echo "The images are unpacked. Now: ./run-queue --minutes N --out FOLDER"; fi
fi
exit $damaged
