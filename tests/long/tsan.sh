#!/usr/bin/env bash
# The whole program under the thread sanitizer: what `make tsan` says.
out=${B:-build/san}
unset MAKEFLAGS MAKEOVERRIDES MFLAGS SAN O B ONLY
exec make --no-print-directory O="${out%/san*}" tsan
