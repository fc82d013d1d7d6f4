# What several recipes need.

namespace eval ::build {}

# Installs what is missing of the groups of setup.sh.
proc ::build::Setup {args} {
    variable root
    # What is there for Tcl has to be there for this one.
    set command [list env TCLSH=[Shell] sh [file join $root tcl build setup.sh] {*}$args]
    if {[catch {exec {*}$command >@stdout 2>@stderr </dev/null}]} {
        Fail "what is needed here is not there"
    }
}

# The running tclsh, also where it has no name of its own.
proc ::build::Shell {} {
    return [info nameofexecutable]
}

proc ::build::ReadFile {path} {
    set channel [open $path r]
    try {
        fconfigure $channel -encoding utf-8
        return [read $channel]
    } finally {
        close $channel
    }
}

proc ::build::WriteFile {path text} {
    set channel [open $path w]
    try {
        fconfigure $channel -encoding utf-8
        puts -nonewline $channel $text
    } finally {
        close $channel
    }
}

# Loads the compiler of the rooms: ::tlsbuild::Load, ::tlsbuild::Compile.
proc ::build::UseCompiler {} {
    Use load
    Use compile
}

# Why a fetch with the http package failed, in one line.
proc ::build::HttpReason {token} {
    set reason [lindex [::http::error $token] 0]
    if {$reason eq ""} {
        set status [::http::status $token]
        return [expr {$status eq "eof" ? "the server closed the connection" : $status}]
    }
    return [regsub {^connect failed:? (?=.)} $reason {}]
}
