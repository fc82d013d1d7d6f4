# Loads the package from the checkout, compiling it first if something changed.
#
# What is built lies in a directory named after a checksum of the sources, and appears
# there by a rename, complete: whoever finds it may use it, and no lock is needed for
# that. The lock only keeps several processes from compiling the same thing.

namespace eval ::tlsbuild {
    variable lockPatience 300 ;# seconds after which a lock counts as forgotten
}

proc ::tlsbuild::Load {root version level} {
    set built [Current $root]
    namespace eval ::tls [list variable level $level]
    uplevel #0 [list load [file join $built [LibraryName]] Tls]
    foreach script [ReadFile [file join $built scripts]] {
        uplevel #0 [list source -encoding utf-8 [file join $root $script]]
    }
    package provide tls $version
}

proc ::tlsbuild::LibraryName {} {
    return libtls[info sharedlibextension]
}

proc ::tlsbuild::ReadFile {path} {
    set channel [open $path rb]
    try {
        return [read $channel]
    } finally {
        close $channel
    }
}

# A checksum of everything that the library is made of.
proc ::tlsbuild::Key {root} {
    set data [list [info patchlevel] $::tcl_platform(os) $::tcl_platform(machine)]
    lappend files [file join $root tls.critcl] {*}[lsort [glob -directory [file join $root c] *.critcl]]
    foreach file $files {
        append data "\n[file tail $file]\n[ReadFile $file]"
    }
    return [format %08x%08x [zlib crc32 $data] [zlib adler32 $data]]
}

# The directory with the library made of the present sources.
proc ::tlsbuild::Current {root} {
    set root [file normalize $root]
    set key [Key $root]
    set built [file join $root build ondemand $key]
    if {[file isfile [file join $built scripts]]} {
        return $built
    }
    set built [file join [Cache $root] $key]
    while {![file isfile [file join $built scripts]]} {
        if {[Lock $built.lock]} {
            try {
                if {![file isfile [file join $built scripts]]} {
                    Make $root $built
                }
            } finally {
                file delete $built.lock
            }
        } else {
            after 50
        }
    }
    return $built
}

proc ::tlsbuild::Make {root built} {
    if {![llength [info commands ::tlsbuild::Compile]]} {
        uplevel #0 [list source -encoding utf-8 [file join $root tcl build compile.tcl]]
    }
    set work $built.[pid]
    try {
        file mkdir $work
        set scripts [Compile $root $work debug [file join $work [LibraryName]]]
        set channel [open [file join $work scripts] w]
        puts -nonewline $channel $scripts
        close $channel
        if {[catch {file rename $work $built} message] && ![file isdirectory $built]} {
            return -code error $message
        }
        Forget [file dirname $built]
    } finally {
        file delete -force $work
    }
}

# Drops what was built from sources that have changed since, more than an hour ago.
proc ::tlsbuild::Forget {cache} {
    foreach old [glob -nocomplain -directory $cache -types d *] {
        if {[clock seconds] - [file mtime $old] > 3600} {
            catch {file delete -force $old}
        }
    }
}

# True if the caller now holds the lock. A lock whose process is gone is taken over.
proc ::tlsbuild::Lock {path} {
    variable lockPatience
    if {[catch {open $path {WRONLY CREAT EXCL} 0600} channel]} {
        if {![file exists [file dirname $path]]} {
            return -code error $channel
        }
        catch {
            set owner [string trim [ReadFile $path]]
            set age [expr {[clock seconds] - [file mtime $path]}]
            if {$age > $lockPatience
                    || ([string is integer -strict $owner] && [file isdirectory /proc/self] && ![file isdirectory /proc/$owner])} {
                file delete $path
            }
        }
        return 0
    }
    puts $channel [pid]
    close $channel
    return 1
}

# Where built libraries are kept: in the checkout, or, if that cannot be written to, in a
# directory of this user alone.
proc ::tlsbuild::Cache {root} {
    set cache [file join $root build ondemand]
    if {![catch {file mkdir $cache}] && [file writable $cache]} {
        return $cache
    }
    set base /tmp
    if {[info exists ::env(TMPDIR)] && [file isdirectory $::env(TMPDIR)]} {
        set base $::env(TMPDIR)
    }
    close [file tempfile probe [file join $base tls]]
    file stat $probe mine
    file delete $probe
    set cache [file join $base tls-build-$mine(uid)-[format %08x [zlib crc32 [encoding convertto utf-8 $root]]]]
    if {[catch {file lstat $cache there}]} {
        file mkdir $cache
        file attributes $cache -permissions 0700
        file lstat $cache there
    }
    # Code is loaded from here: nobody else may be able to put some in.
    if {$there(type) ne "directory" || $there(uid) != $mine(uid) || ($there(mode) & 022)} {
        return -code error "the directory \"$cache\" belongs to somebody else: set TMPDIR"
    }
    return $cache
}
