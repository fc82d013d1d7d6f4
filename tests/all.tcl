# Runs the test files, each in a process of its own, two at a time:
#   tclsh tests/all.tcl ?pattern ...?
# A pattern selects files by name (bio, b*, peers, peers/nginx); one that fits no file
# selects tests by name in all files. The last line is "N passed, N failed, N skipped".
# A file that crashes, takes too long or prints no counts is one more failure.
#
# From the environment, set by the recipes of build.tcl:
#   TLS_TEST_PACKAGE  a directory with the package to test, in place of the checkout
#   TLS_TEST_PREFIX   words to put in front of each test process (valgrind ...)
#   TLS_TEST_PRELOAD  a library for LD_PRELOAD in test processes, not in peer programs
#   TLS_TEST_SLOW     a factor for all time limits
#   CI_REQUIRE_PEERS  1: a test skipped for lack of a peer program is a failure
#   TLS_TEST_JOBS     files at a time, if not two
# To the environment: TLS_TEST_FILE, the name of the file, for reports.

package require Tcl 8.6-

namespace eval ::all {
    variable tests [file dirname [file normalize [info script]]]
    variable root [file dirname $tests]
    variable limit 600 ;# seconds for one file
    variable peers {}
    variable queue {}
    variable running 0
    variable total {passed 0 failed 0 skipped 0}
    variable reasons {}
    variable failures {}
}

proc ::all::Env {name default} {
    return [expr {[info exists ::env($name)] && $::env($name) ne "" ? $::env($name) : $default}]
}

# The files, with their names relative to tests/ without ".test".
proc ::all::Files {} {
    variable tests
    set names {}
    foreach pattern {*.test peers/*.test} {
        foreach file [lsort [glob -nocomplain -directory $tests $pattern]] {
            lappend names [string range [file rootname $file] [string length $tests/] end]
        }
    }
    return $names
}

# Returns the names of the files to run, and the words to give them.
proc ::all::Select {patterns} {
    set files [Files]
    set chosen {}
    set matches {}
    foreach pattern $patterns {
        set pattern [regsub {\.test$} [regsub {^tests/} $pattern {}] {}]
        set found [lsearch -all -inline -glob $files $pattern]
        if {![llength $found]} {
            set found [lsearch -all -inline -glob $files [string trimright $pattern /]/*]
        }
        if {![llength $found]} {
            set found [lsearch -all -inline -glob $files */$pattern]
        }
        if {[llength $found]} {
            lappend chosen {*}$found
        } else {
            lappend matches $pattern
        }
    }
    if {![llength $chosen]} {
        set chosen $files
    }
    return [list [lsort -unique $chosen] [expr {[llength $matches] ? [list -match $matches] : {}}]]
}

proc ::all::Start {name words} {
    variable tests
    variable root
    variable running
    variable limit
    variable state
    set work [file join $root build tests [string map {/ -} $name].[pid]]
    file delete -force $work
    file mkdir $work
    set command {}
    set ::env(TLS_TEST_FILE) [string map {/ -} $name]
    # A session of its own, so that nothing it started outlives it.
    if {[auto_execok setsid] ne ""} {
        lappend command {*}[auto_execok setsid]
    }
    if {[Env TLS_TEST_PRELOAD ""] ne ""} {
        lappend command env LD_PRELOAD=[Env TLS_TEST_PRELOAD ""]
    }
    lappend command {*}[Env TLS_TEST_PREFIX ""] [info nameofexecutable] [file join $tests $name.test] \
        -tmpdir $work {*}$words
    set channel [open |[concat $command {</dev/null 2>@1}] r]
    fconfigure $channel -blocking 0 -encoding utf-8
    set seconds [expr {int($limit * [Env TLS_TEST_SLOW 1])}]
    set state($channel) [dict create name $name output "" began [clock milliseconds] work $work late 0 \
        timer [after [expr {$seconds * 1000}] [list ::all::Late $channel $seconds]]]
    fileevent $channel readable [list ::all::Readable $channel]
    incr running
}

proc ::all::Readable {channel} {
    variable state
    dict append state($channel) output [read $channel]
    if {[eof $channel]} {
        Ended $channel
    }
}

proc ::all::Late {channel seconds} {
    variable state
    dict append state($channel) output "\ntoo late: still running after $seconds seconds\n"
    dict set state($channel) late 1
    Kill [pid $channel]
}

proc ::all::Kill {pids} {
    foreach pid $pids {
        catch {exec kill -9 -- -$pid 2>@1}
        catch {exec kill -9 $pid 2>@1}
    }
}

proc ::all::Ended {channel} {
    variable state
    variable running
    set entry $state($channel)
    unset state($channel)
    after cancel [dict get $entry timer]
    set pids [pid $channel]
    fconfigure $channel -blocking 1
    set how ""
    if {[catch {close $channel} message options]} {
        set how "ended with [lindex [dict get $options -errorcode] 0] [lindex [dict get $options -errorcode] 2]"
    }
    # What the file left running: its own session's processes only.
    foreach pid $pids {
        catch {exec kill -9 -- -$pid 2>@1}
    }
    catch {file delete -force [dict get $entry work]}
    incr running -1
    Count $entry $how
    Next
}

# The counts of one file, from what tcltest printed.
proc ::all::Count {entry how} {
    variable total
    variable peers
    variable reasons
    variable failures
    set output [dict get $entry output]
    set name [dict get $entry name]
    set trouble $how
    set pattern {:\tTotal\t([0-9]+)\tPassed\t([0-9]+)\tSkipped\t([0-9]+)\tFailed\t([0-9]+)}
    if {![regexp $pattern $output -> all passed skipped failed]} {
        lassign {0 0 0} passed skipped failed
        if {$trouble eq ""} {
            set trouble "printed no counts"
        }
    }
    # tcltest also counts as skipped, but does not list, what -match leaves out.
    set skipped 0
    set missing 0
    foreach {- count constraint} [regexp -all -inline -line {^\t([0-9]+)\t(\S.*)$} $output] {
        incr skipped $count
        dict incr reasons $constraint $count
        if {[Env CI_REQUIRE_PEERS 0] == 1 && $constraint in $peers} {
            incr missing $count
        }
    }
    if {$missing} {
        incr skipped -$missing
        incr failed $missing
        append output "\n$missing tests lack a peer program\n"
    } elseif {$trouble ne "" && $failed == 0} {
        incr failed
    }
    if {$passed + $failed + $skipped > 0} {
        puts [format "%-28s %4d passed %4d failed %4d skipped %7.1f s" $name $passed $failed $skipped \
            [expr {([clock milliseconds] - [dict get $entry began]) / 1000.0}]]
        foreach line [regexp -all -inline -line {^(?:transferred|rows covered): .*$} $output] {
            puts "    $line"
        }
    }
    if {$failed || $trouble ne ""} {
        lappend failures $name
        puts "----- $name[expr {$trouble ne "" ? ": $trouble" : ""}]\n[string trim $output]\n-----"
    }
    flush stdout
    foreach key {passed failed skipped} {
        dict incr total $key [set $key]
    }
}

proc ::all::Next {} {
    variable queue
    variable running
    variable words
    while {[llength $queue] && $running < [Env TLS_TEST_JOBS 2]} {
        set queue [lassign $queue name]
        Start $name $words
    }
    if {!$running} {
        set ::all::done 1
    }
}

# Compiles once, so that the files do not wait for each other; makes the certificates.
proc ::all::Prepare {} {
    variable root
    variable peers
    foreach file {programs certs} {
        uplevel #0 [list source -encoding utf-8 [file join $root tests lib $file.tcl]]
    }
    set peers [lmap name $::programs::peers {::programs::Constraint $name}]
    if {[Env TLS_TEST_PACKAGE ""] eq ""} {
        uplevel #0 [list source -encoding utf-8 [file join $root tcl build load.tcl]]
        ::tlsbuild::Current $root
    }
    # A package that needs a library in front of it makes them in the first test process.
    if {[Env TLS_TEST_PRELOAD ""] eq ""} {
        ::certs::Ensure
    }
}

proc ::all::Main {patterns} {
    variable queue
    variable words
    variable reasons
    variable failures
    variable total
    if {[catch Prepare message]} {
        puts $message
        puts "0 passed, 1 failed, 0 skipped"
        return 1
    }
    lassign [Select $patterns] queue words
    Next
    vwait ::all::done
    if {[dict size $reasons]} {
        puts "\nskipped:"
        foreach {constraint count} [lsort -stride 2 $reasons] {
            puts [format "  %4d need %s" $count $constraint]
        }
    }
    if {[llength $failures]} {
        puts "\nfailed: [join $failures {, }]"
    }
    dict with total {
        puts "$passed passed, $failed failed, $skipped skipped"
        flush stdout
        return [expr {$failed > 0 || [llength $failures] > 0 || $passed + $skipped == 0}]
    }
}

exit [::all::Main $argv]
