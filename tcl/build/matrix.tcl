# The recipe matrix: demo and tests in minimal trees of other releases of Debian, each
# with its own Tcl versions, OpenSSL, critcl and gcc.
#
# The trees are kept in a cache directory. What is mounted in one belongs to a mount
# namespace (unshare(1)) that ends with its process: nothing is left mounted, however
# that comes to its end, and nothing that was started there goes on running.

namespace eval ::build {
    variable matrixSuites {bookworm trixie sid}
    variable matrixShells {tclsh8.6 tclsh9.0 tclsh9.1}
    # What -quick runs with each Tcl of a suite.
    variable matrixQuick {
        answers callbacks castore channel closed commands conf context differential ends errors events family identities
        levels lifetimes live options rawkeys sessionmove sessions status threads transport trust x509
    }
}

proc ::build::Matrix {args} {
    variable matrixSuites
    set switch ""
    if {[string match -* [lindex $args 0]]} {
        set args [lassign $args switch]
        if {$switch ni {-possible -quick}} {
            Fail "usage: matrix ?-possible | -quick? ?suite ...?"
        }
    }
    foreach suite $args {
        if {$suite ni $matrixSuites} {
            Fail "bad suite \"$suite\": must be one of [join $matrixSuites {, }]"
        }
    }
    if {$switch ne "-possible"} {
        Setup matrix
    }
    set why [MatrixHindrance]
    if {$why ne ""} {
        Fail $why
    }
    if {$switch eq "-possible"} {
        foreach suite $args {
            MatrixReach $suite
        }
        return 0
    }
    set rows {}
    foreach suite [expr {[llength $args] ? $args : $matrixSuites}] {
        lappend rows {*}[MatrixSuite $suite [expr {$switch eq "-quick"}]]
    }
    return [MatrixTable $rows]
}

# What keeps trees from being made here, or "".
proc ::build::MatrixHindrance {} {
    if {[catch {exec id -u} uid] || $uid != 0} {
        return "chroot and mount need root: run it as root"
    }
    foreach program {debootstrap unshare chroot apt-get} {
        if {[auto_execok $program] eq ""} {
            return "the program $program is needed"
        }
    }
    if {[catch {exec unshare --mount --pid --fork true 2>@1} message]} {
        return "no mount namespaces here: $message"
    }
    return ""
}

# Where trees are kept, outside the checkout.
proc ::build::MatrixCache {} {
    if {[info exists ::env(XDG_CACHE_HOME)] && $::env(XDG_CACHE_HOME) ne ""} {
        return [file join $::env(XDG_CACHE_HOME) tls-matrix]
    }
    return /var/cache/tls-matrix
}

# The archive that this machine itself uses, for Debian's main packages.
proc ::build::MatrixMirror {} {
    set format {$(ORIGIN)|$(LABEL)|$(REPO_URI)}
    foreach line [split [exec apt-get indextargets --format $format "Created-By: Packages"] \n] {
        lassign [split $line |] origin label uri
        if {$origin eq "Debian" && $label eq "Debian"} {
            return $uri
        }
    }
    Fail "apt knows no archive of Debian here: run apt-get update"
}

# Fails if the archive does not answer.
proc ::build::MatrixReach {suite} {
    close [file tempfile path]
    try {
        exec timeout 30 /usr/lib/apt/apt-helper download-file [string trimright [MatrixMirror] /]/dists/$suite/InRelease $path 2>@1
    } on error {message} {
        Fail "the archive cannot be reached: [lindex [split $message \n] 0]"
    } finally {
        file delete $path
    }
}

# A tree with every Tcl of its suite and the relative of this package that is there to be
# compared with, made if it is not there yet. Returns its path.
proc ::build::MatrixTree {suite} {
    variable matrixShells
    set tree [file join [MatrixCache] $suite]
    if {![file exists [file join $tree usr bin apt-get]]} {
        puts "making a tree of $suite in $tree"
        set fresh $tree.[pid]
        file mkdir [file dirname $tree]
        try {
            if {[catch {exec debootstrap --variant=minbase $suite $fresh [MatrixMirror] 2>@1} output]} {
                Fail "debootstrap $suite: [lindex [split $output \n] end]"
            }
            file delete -force $tree
            file rename $fresh $tree
        } finally {
            file delete -force $fresh
        }
    }
    catch {file copy -force /etc/resolv.conf [file join $tree etc resolv.conf]}
    # The lists of debootstrap do where those of the archive are older than the clock likes.
    MatrixRun $tree {} sh -c {
        apt-get -qq update >/dev/null 2>&1
        names=
        for name in tcl8.6 tcl9.0 tcl9.1 tcl-tls; do
            if apt-cache show $name >/dev/null 2>&1 && ! dpkg -s $name >/dev/null 2>&1; then
                names="$names $name"
            fi
        done
        [ -z "$names" ] || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $names >/dev/null 2>&1
    }
    return $tree
}

# Runs a command in a tree; returns {status output}. Names of variables and values are
# for its environment.
proc ::build::MatrixRun {tree environment args} {
    set script {
        tree=$1
        shift
        mount --make-rprivate / && mount -t proc proc "$tree/proc" && mount --rbind /dev "$tree/dev" && exec chroot "$tree" "$@"
    }
    set words [list env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8]
    dict for {name value} $environment {
        lappend words $name=$value
    }
    set status [catch {
        exec unshare --mount --pid --fork --kill-child --uts sh -c $script sh $tree {*}$words {*}$args </dev/null 2>@1
    } output]
    return [list $status $output]
}

# The project's files in a tree, without what was built.
proc ::build::MatrixCopy {tree} {
    variable root
    set target [file join $tree src tls]
    file delete -force $target
    file mkdir $target
    foreach file [glob -directory $root -tails *] {
        if {$file ni {build certs}} {
            file copy [file join $root $file] $target
        }
    }
}

# Rows of the table for one suite: {suite Tcl OpenSSL critcl gcc demo passed failed skipped seconds}.
proc ::build::MatrixSuite {suite isQuick} {
    variable root
    variable matrixShells
    variable matrixQuick
    set rows {}
    set tree [MatrixTree $suite]
    MatrixCopy $tree
    file mkdir [file join $root build matrix]
    set shells [lmap shell $matrixShells {
        if {![file exists [file join $tree usr bin $shell]]} continue
        set shell
    }]
    foreach shell [lreverse $shells] {
        set patterns [expr {$isQuick ? $matrixQuick : ""}]
        puts "$suite, $shell: demo and test [concat $patterns]"
        set began [clock seconds]
        set log [file join $root build matrix $suite-$shell.log]
        lassign [MatrixRun $tree [list TCLSH $shell] sh /src/tls/build.tcl demo] demo text
        lassign [MatrixRun $tree [list TCLSH $shell] sh /src/tls/build.tcl test {*}$patterns] - more
        WriteFile $log $text\n$more\n
        if {![regexp -line {^(\d+) passed, (\d+) failed, (\d+) skipped$} $more -> passed failed skipped]} {
            lassign {0 1 0} passed failed skipped
        }
        lappend rows [list $suite {*}[MatrixVersions $tree $shell] [expr {$demo ? "FAILED" : "fine"}] \
            $passed $failed $skipped [expr {[clock seconds] - $began}]]
        if {$demo || $failed} {
            puts [join [lrange [regexp -all -inline -line {^==== .* FAILED$} $more] 0 39] \n]
            puts "see $log"
        }
    }
    return $rows
}

# The versions of Tcl, OpenSSL, critcl and gcc in a tree.
proc ::build::MatrixVersions {tree shell} {
    set script {puts [info patchlevel]; if {[catch {package require critcl} v]} {set v ?}; puts $v}
    lassign [MatrixRun $tree {} sh -c "echo '$script' | $shell; openssl version; gcc -dumpfullversion"] - text
    lassign [split $text \n] tcl critcl openssl gcc
    return [list $tcl [lindex $openssl 1] $critcl $gcc]
}

# Prints the table; returns the exit status.
proc ::build::MatrixTable {rows} {
    set format "%-9s %-7s %-8s %-7s %-7s %-6s %7s %7s %7s %7s"
    puts "\n[format $format suite Tcl OpenSSL critcl gcc demo passed failed skipped seconds]"
    set bad [expr {[llength $rows] == 0}]
    foreach row $rows {
        puts [format $format {*}$row]
        if {[lindex $row 5] ne "fine" || [lindex $row 7] > 0} {
            set bad 1
        }
    }
    return $bad
}
