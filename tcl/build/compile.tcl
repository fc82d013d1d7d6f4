# Compiles tls.critcl with critcl, in an interpreter of its own so that nothing of it
# stays behind. A failure is an error whose message is what the compiler said, with the
# rooms named as c/<room>.critcl. Without critcl, plain.tcl does it.

namespace eval ::tlsbuild {}
source -encoding utf-8 [file join [file dirname [info script]] plain.tcl]

# Makes the shared library. Work files, the generated C among them, go to directory work.
# Returns the list of Tcl files that belong to the library, and leaves in the file
# work/command the words that compiled the C text.
proc ::tlsbuild::Compile {root work variant library} {
    set child [interp create]
    set before [pwd]
    try {
        interp eval $child [list set auto_path $::auto_path]
        # critcl wants to know a home, which it does not use here.
        if {![info exists ::env(HOME)]} {
            set ::env(HOME) $work
        }
        if {[catch {interp eval $child {package require critcl 3.1.18}} message]} {
            return [CompilePlain $root $work $variant $library]
        }
        interp eval $child {
            # critcl's checksum is a compiled package, which is there for Tcl 8 alone on
            # some systems. Every build has a fresh directory, so any checksum does.
            if {[catch {package require critcl_md5c}]} {
                proc ::critcl::md5_hex {text} {
                    set bytes [encoding convertto utf-8 $text]
                    return [format %08x%08x%016x [zlib crc32 $bytes] [zlib adler32 $bytes] [string length $bytes]]
                }
            }
            proc ::critcl::print {args} {}
            critcl::config keepsrc 1
            # What the compiler is called with, for those who analyze the C text.
            set commands {}
            rename ::critcl::LogCmdline ::critcl::LogCmdlineOnly
            proc ::critcl::LogCmdline {words} {
                lappend ::commands $words
                LogCmdlineOnly $words
            }
        }
        interp eval $child [list critcl::cache $work]
        interp eval $child [list set variant $variant]
        set file [file join $root tls.critcl]
        # The rooms are named without their directory in what the compiler is given:
        # there debuggers and sanitizers find them.
        cd [file join $root c]
        if {[catch {interp eval $child [list source -encoding utf-8 $file]} message options]} {
            return -code error -errorcode {BUILD FAILED} "$message\n    ([Location $root [dict get $options -errorinfo]])"
        }
        if {[interp eval $child [list critcl::cbuild $file 0]]} {
            return -code error -errorcode {BUILD FAILED} "compiling failed\n[Messages [interp eval $child [list critcl::cresults $file]]]"
        }
        set result [interp eval $child [list critcl::cresults $file]]
        set channel [open [file join $work command] w]
        puts -nonewline $channel [lindex [interp eval $child {set commands}] 0]
        close $channel
        # The object is of no further use; the C text stays for debuggers and analyzers.
        file rename -force [dict get $result shlib] $library
        file delete {*}[dict get $result objects]
        return [interp eval $child {set scripts}]
    } finally {
        cd $before
        if {[info exists ::env(HOME)] && $::env(HOME) eq $work} {
            unset ::env(HOME)
        }
        interp delete $child
    }
}

# What the compiler said, with directories in front of the rooms' names.
proc ::tlsbuild::Messages {result} {
    set text [string trim [dict get $result exl]]
    return [regsub -all -line {(^|[[:space:]])([a-z0-9]+\.critcl):([0-9]+)} $text {\1c/\2:\3}]
}

# The place in the project's files where a Tcl error came from.
proc ::tlsbuild::Location {root info} {
    set place "in tls.critcl"
    foreach {- file line} [regexp -all -inline {\(file "([^"]+)" line ([0-9]+)\)} $info] {
        if {[string match $root/* $file]} {
            return "[string range $file [string length $root/] end]:$line"
        }
    }
    return $place
}
