# Read by start.sh and setup.sh. Sets tclsh to the first that can run build.tcl, or to nothing:
# $TCLSH, what is on the PATH, and where Homebrew keeps the Tcl that it does not link.
tclsh=
for candidate in ${TCLSH:+"$TCLSH"} tclsh8.6 tclsh tclsh9.0 tclsh9.1 \
    /opt/homebrew/opt/tcl-tk@8/bin/tclsh8.6 /usr/local/opt/tcl-tk@8/bin/tclsh8.6 \
    /home/linuxbrew/.linuxbrew/opt/tcl-tk@8/bin/tclsh8.6; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        echo 'exit [catch {package require Tcl 8.6-}]' | HOME=${HOME:-/} "$candidate" >/dev/null 2>&1; then
        tclsh=$candidate
        break
    fi
done
