#!/bin/sh
# Called by build.tcl when a shell reads it: finds a tclsh, installs one where there is
# none, and hands over. Needs nothing but a POSIX shell. Usage: start.sh build.tcl ?word ...?
script=$1
shift
here=$(dirname -- "$0")

run() {
    for tclsh in ${TCLSH:+"$TCLSH"} tclsh8.6 tclsh; do
        if command -v "$tclsh" >/dev/null 2>&1; then
            exec "$tclsh" "$script" "$@"
        fi
    done
}

run "$@"
if [ $# -eq 0 ]; then
    echo "There is no tclsh yet; the first recipe installs it. The recipes are:"
    sed -n 's/^recipe \([a-z]*\) {\(.*\)} {\(.*\)} {$/\1 \2|\3/p' "$script" |
        while IFS='|' read -r name what; do
            printf '  %-26s %s\n' "$name" "$what"
        done
    exit 0
fi
sh "$here/setup.sh" base || exit 1
run "$@"
echo "there is still no tclsh on the PATH" >&2
exit 1
