#!/bin/sh
# ./run-queue --minutes N --out FOLDER trains what is next in the queue, ./run-speedrun trains once, fast; --help tells the rest.
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$here/cifar/node" ] && here=$here/cifar
export CIFAR_COMMIT=COMMIT
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
exec "$here/node" "$here/PROGRAM.js" "$@"
