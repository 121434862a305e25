#!/bin/sh
# Checks the parts of the bundle that lie beside this file, puts them together, and unpacks them into the folder 'cifar' here.
# Needs coreutils, and python3 or tar and xz.
set -eu
cd "$(dirname "$0")"

missing=$(while read -r _ part; do [ -f "$part" ] || echo "$part"; done <parts.sha256)
if [ -n "$missing" ]; then
  echo "These parts are missing here:" $missing >&2
  exit 1
fi
if ! sha256sum --check --quiet parts.sha256; then
  echo "Copy these parts again." >&2
  exit 1
fi

have() { command -v "$1" >/dev/null 2>&1; }
unxz() { if have xz; then xz -dc; else python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'; fi; }
untar() { if have tar; then tar -xf -; else python3 -c 'import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|").extractall()'; fi; }

# The first APP_BYTES bytes are compressed (program and Node), the rest is not (images and states, which do not shrink).
mkdir -p cifar
cd cifar
cat ../cifar.part?? | head -c APP_BYTES | unxz | untar
cat ../cifar.part?? | tail -c +DATA_FROM | untar
cp run-queue run-speedrun ..
cd ..
echo "Unpacked. Now: ./run-queue --minutes N --out FOLDER"
