#!/bin/sh
# Called by build.tcl when a shell reads it: finds a tclsh, installs one where there is
# none, and hands over. Needs nothing but a POSIX shell. Usage: start.sh build.tcl ?word ...?
script=$1
shift
here=$(dirname -- "$0")

run() {
    . "$here/tclsh.sh"
    [ -z "$tclsh" ] || exec "$tclsh" "$script" "$@"
}

run "$@"
recipes() {
    sed -n 's/^recipe \([a-z]*\) {\(.*\)} {\(.*\)} {$/\1 \2|\3/p' "$script"
}
case ${1:-help} in
    help | -h | --help | -help)
        echo "There is no tclsh yet; the first recipe installs it. The recipes are:"
        recipes | while IFS='|' read -r name what; do
            printf '  %-26s %s\n' "$name" "$what"
        done
        exit 0
        ;;
esac
if ! recipes | grep -q "^$1 "; then
    echo "there is no recipe \"$1\": sh build.tcl lists them" >&2
    exit 2
fi
case ${2:-} in
    -h | --help | -help)
        recipes | sed -n "/^$1 /{s/ *|/\\
/;s/^/usage: /p;}"
        exit 0
        ;;
esac
sh "$here/setup.sh" base || exit 1
run "$@"
echo "there is still no tclsh of Tcl 8.6 or newer on the PATH" >&2
exit 1
