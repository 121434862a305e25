#!/bin/sh
# ./run-smoke tries XLA on this machine, ./run-queue --minutes N --out FOLDER trains what is next in the queue, ./run-speedrun trains
# once, fast; --help tells the rest.
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$here/cifar/node" ] && here=$here/cifar
export CIFAR_COMMIT=COMMIT
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
# One cache for all programs, whatever folder they work in.
export XLA_CACHE="${XLA_CACHE:-$here/.cache/xla}"
# Where python3 is a script that starts another, only that one knows where its packages are.
if [ -z "${PJRT_PLUGIN:-}" ] && command -v python3 >/dev/null 2>&1; then
  packages=$(python3 -c 'import os, sys; print(os.pathsep.join(filter(None, sys.path)))' 2>/dev/null) &&
    export PYTHONPATH="$packages"
fi
exec "$here/node" "$here/PROGRAM.js" "$@"
