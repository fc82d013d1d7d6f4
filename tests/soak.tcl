# Soak: TLS for a long time, in a process of its own: tclsh tests/soak.tcl ?minutes? ?check ...?
# Bounded; loopback only. Three checks, by name:
#   cycles   20,000 times connect, handshake, transfer, close: nothing more than at the start (after
#            the first, which starts Tcl's notifier and fills the caches), and after the first 2,000
#            resident memory grows by less than 2 %
#   idle     900 idle connections: no measurable CPU time over 10 s
#   mixed    what is left of the minutes: threads with connections, resumptions, transfers of
#            random size, aborts and callbacks, all at once, every byte checked
# The last line is "soak: fine" or "soak: FAILED ...", the exit status says the same.

# tcltest would take the words for its own.
set words $argv
set argv {}
source [file join [file dirname [file normalize [info script]]] lib support.tcl]
support::Load 2.1.0

namespace eval ::soak {
    variable cycles 20000
    variable warm 2000
    variable idle 900
    variable failures {}
    variable threads 3
}

# What a process holds.
proc ::soak::Holdings {} {
    return [list rss [support::Memory] files [dict get [support::Residue] files] channels [llength [chan names]] \
        connections [dict get [tls::Counters] connectionsAlive] contexts [dict get [tls::Counters] contextsAlive]]
}

proc ::soak::Say {text} {
    puts $text
    flush stdout
}

proc ::soak::Report {title holdings} {
    Say [format "  %-22s RSS %d KiB, %d files, %d channels, %d connections, %d contexts" $title \
        {*}[dict values $holdings]]
}

proc ::soak::Fail {check text} {
    variable failures
    lappend failures $check
    Say "  FAILED: $text"
}

# Compares holdings: what there is with that at the start, memory with that in between.
proc ::soak::Compare {check start between after {share 0.02}} {
    foreach name {files channels connections contexts} {
        if {[dict get $after $name] > [dict get $start $name]} {
            Fail $check "$name: [dict get $start $name] before, [dict get $after $name] after"
        }
    }
    set growth [expr {([dict get $after rss] - [dict get $between rss]) / double([dict get $between rss])}]
    Say [format "  resident memory: %+.2f %%" [expr {100 * $growth}]]
    if {$growth >= $share} {
        Fail $check [format "resident memory has grown by %.2f %%" [expr {100 * $growth}]]
    }
}

# ---- cycles

proc ::soak::Cycle {listener port data} {
    set client [socket 127.0.0.1 $port]
    vwait ::soak::accepted
    set server $::soak::accepted
    foreach channel [list $client $server] {
        fconfigure $channel -blocking 0 -translation binary
    }
    tls::import $server -server 1 {*}$::soak::identity
    tls::import $client {*}$::soak::trust -servername localhost
    for {set i 0} {!([tls::handshake $client] & [tls::handshake $server])} {incr i} {
        if {$i > 1000} {
            after 1
        }
    }
    puts -nonewline $client $data
    flush $client
    set got ""
    while {[string length [append got [read $server]]] < [string length $data]} {}
    puts -nonewline $server $got
    flush $server
    set back ""
    while {[string length [append back [read $client]]] < [string length $data]} {}
    close $client
    read $server
    close $server
    if {$got ne $data || $back ne $data} {
        return -code error "wrong data"
    }
}

proc ::soak::Check-cycles {seconds} {
    variable cycles
    variable warm
    variable identity [support::Identity]
    variable trust [support::Trust]
    set listener [socket -server {apply {{c h p} {set ::soak::accepted $c}}} -myaddr 127.0.0.1 0]
    set port [support::Port $listener]
    set data [support::Bytes 1000]
    for {set i 1} {$i <= $cycles} {incr i} {
        Cycle $listener $port $data
        if {$i == 1} {
            support::Sleep 200
            set start [Holdings]
            Report "at the start" $start
        }
        if {$i % 100 == 0} {
            update
        }
        if {$i == $warm} {
            set between [Holdings]
            Report "after $warm" $between
        }
    }
    support::Sleep 200
    set after [Holdings]
    Report "after $cycles" $after
    close $listener
    Compare cycles $start $between $after
}

# ---- idle

proc ::soak::Check-idle {seconds} {
    variable idle
    set ::soak::accepted {}
    set ::soak::open 0
    set listener [socket -server {apply {{c h p} {
        fconfigure $c -blocking 0 -translation binary
        tls::import $c -server 1 {*}[support::Identity]
        tls::handshake $c -command {apply {{c how text} {incr ::soak::open [expr {$how eq "ok"}]}}}
        fileevent $c readable [list apply {{c} {
            if {[catch {read $c}] || [eof $c]} {
                close $c
            }
        }} $c]
        lappend ::soak::accepted $c
    }}} -myaddr 127.0.0.1 0]
    # The other ends are another process's: select() knows 1,024 descriptors.
    set child [support::Child {
        lassign $words port count
        for {set i 0} {$i < $count} {incr i} {
            set c [socket 127.0.0.1 $port]
            fconfigure $c -blocking 0 -translation binary
            tls::import $c {*}[support::Trust] -servername localhost
            tls::handshake $c -command {apply {args {incr ::open}}}
            fileevent $c readable [list read $c]
            lappend clients $c
            update
        }
        support::Until {$::open >= $count} 60000
        puts ready
        gets stdin
        exit
    } [support::Port $listener] $idle]
    support::Until {$::soak::open >= $idle} 60000
    support::Line $child 60000
    support::Sleep 1000
    set before [Ticks]
    set began [clock milliseconds]
    support::Sleep 10000
    set used [expr {[Ticks] - $before}]
    Say "  $idle connections, [expr {[clock milliseconds] - $began}] ms: $used ticks of CPU time (10 ms each)"
    Report "with $idle idle" [Holdings]
    # One tick may be the measuring.
    if {$used > 1} {
        Fail idle "$used ticks of CPU time"
    }
    support::Stop $child
    support::Close {*}$::soak::accepted $listener
    support::Sleep 100
}

# CPU time of this process in clock ticks.
proc ::soak::Ticks {} {
    return [tcl::mathop::+ {*}[lrange [regsub {^.*\) } [support::Read /proc/self/stat] {}] 11 12]]
}

# ---- mixed: what runs in each thread

set ::soak::worker {
    namespace eval ::w {
        variable stats {done 0 resumed 0 aborted 0 refused 0 bytes 0 wrong 0}
    }
    proc ::w::Accept {c h p} {
        fconfigure $c -blocking 0 -translation binary -buffering full
        fileevent $c readable [list ::w::Echo $c]
    }
    proc ::w::Echo {c} {
        if {[catch {
            puts -nonewline $c [read $c]
            flush $c
        }] || [eof $c]} {
            catch {close $c}
        }
    }
    # Callbacks that sometimes say no.
    proc ::w::Verify {kind c depth cert status error} {
        return [expr {$status && ($depth > 0 || rand() > 0.05)}]
    }
    proc ::w::Tell {args} {
    }
    proc ::w::One {} {
        variable port
        variable block
        variable identity
        set options [list {*}$::w::trust -servername localhost]
        switch [expr {int(rand() * 4)}] {
            0 { lappend options -validatecommand ::w::Verify }
            1 { lappend options -command ::w::Tell }
            2 { lappend options {*}$::w::resume }
        }
        if {rand() < 0.3} {
            lappend options -tls1.3 0
        }
        set c [tls::socket -async {*}$options 127.0.0.1 $port]
        fconfigure $c -blocking 0 -translation binary -buffering full
        set size [expr {int(pow(10, rand() * 5.7))}]
        set from [expr {int(rand() * 50000)}]
        set sent [string range [string repeat $block [expr {$size / 65521 + 2}]] $from [expr {$from + $size - 1}]]
        set ::w::state($c) [list $sent "" [expr {rand() < 0.15 ? int(rand() * $size) : -1}] 0]
        incr ::w::running
        fileevent $c writable [list ::w::Send $c]
        fileevent $c readable [list ::w::Receive $c]
    }
    proc ::w::End {c what} {
        dict incr ::w::stats $what
        unset ::w::state($c)
        catch {close $c}
        incr ::w::running -1
        after 0 ::w::Next
    }
    proc ::w::Send {c} {
        fileevent $c writable {}
        if {[catch {
            puts -nonewline $c [lindex $::w::state($c) 0]
            flush $c
        } message options]} {
            End $c [expr {[lrange [dict get $options -errorcode] 0 2] eq {TLS VERIFY REJECTED} ? "refused" : "wrong"}]
        }
    }
    proc ::w::Receive {c} {
        lassign $::w::state($c) sent got abort
        if {[catch {read $c} bytes options]} {
            End $c [expr {[lrange [dict get $options -errorcode] 0 2] eq {TLS VERIFY REJECTED} ? "refused" : "wrong"}]
            return
        }
        append got $bytes
        lset ::w::state($c) 1 $got
        if {$abort >= 0 && [string length $got] >= $abort} {
            End $c aborted
        } elseif {[string length $got] >= [string length $sent]} {
            dict incr ::w::stats bytes [string length $got]
            if {[dict get [tls::connection $c] session_reused]} {
                dict incr ::w::stats resumed
            }
            End $c [expr {$got eq $sent ? "done" : "wrong"}]
        } elseif {[eof $c]} {
            End $c wrong
        }
    }
    proc ::w::Next {} {
        if {[clock milliseconds] < $::w::until && $::w::running < 8} {
            One
            after 0 ::w::Next
        } elseif {$::w::running == 0} {
            set ::w::finished 1
        }
    }
    proc ::w::Run {milliseconds} {
        variable until [expr {[clock milliseconds] + $milliseconds}]
        variable running 0
        variable listener
        after 0 ::w::Next
        vwait ::w::finished
        close $listener
        after 500 {set ::w::finished 2}
        vwait ::w::finished
        foreach c [chan names] {
            if {[string match sock* $c]} {
                catch {close $c}
            }
        }
        # What lingers, lingers two seconds at most.
        after 2200 {set ::w::finished 3}
        vwait ::w::finished
        return $::w::stats
    }
}

proc ::soak::StartWorker {milliseconds number} {
    variable worker
    set thread [thread::create]
    thread::send $thread [list set ::auto_path [linsert $::auto_path 0 $::support::package]]
    thread::send $thread $worker
    thread::send $thread [list namespace eval ::w [list variable block [support::Bytes 65521 $number]]]
    thread::send $thread [list namespace eval ::w [list variable identity [support::Identity] trust [support::Trust]]]
    thread::send $thread {namespace eval ::w {variable resume {-resume 1}}}
    thread::send $thread [list expr srand($number)]
    thread::send $thread {
        package require -exact tls 2.1.0
        interp bgerror {} {apply {{message options} {dict incr ::w::stats wrong}}}
        set ::w::listener [tls::socket -server ::w::Accept -myaddr 127.0.0.1 {*}$::w::identity 0]
        set ::w::port [lindex [fconfigure $::w::listener -sockname] 2]
    }
    thread::send -async $thread [list ::w::Run $milliseconds] ::soak::result($thread)
    return $thread
}

proc ::soak::Mix {seconds} {
    variable threads
    variable result
    array unset result
    set started {}
    for {set i 1} {$i <= $threads} {incr i} {
        lappend started [StartWorker [expr {int($seconds * 1000)}] $i]
    }
    support::Until {[array size ::soak::result] == [llength $started]} [expr {int($seconds * 1000) + 60000}]
    set sum {}
    foreach thread $started {
        dict for {name value} $result($thread) {
            dict incr sum $name $value
        }
        thread::release $thread
    }
    support::Sleep 300
    return $sum
}

proc ::soak::Check-mixed {seconds} {
    if {[catch {package require Thread}]} {
        Say "  not run: no package Thread"
        return
    }
    # A first part, so that what is built once does not count.
    Mix [expr {min(10, $seconds / 4.0)}]
    set before [Holdings]
    Report "after the first part" $before
    set sum [Mix $seconds]
    set after [Holdings]
    Report "at the end" $after
    Say "  $sum"
    # Memory of threads comes and goes in the allocator's arenas: a coarser measure than in cycles.
    Compare mixed $before $before $after 0.2
    if {[dict get $sum wrong] > 0} {
        Fail mixed "[dict get $sum wrong] connections went wrong"
    }
    foreach name {done resumed aborted refused} {
        if {[dict get $sum $name] == 0} {
            Fail mixed "nothing was $name"
        }
    }
}

# ---- all of it

proc ::soak::Main {minutes checks} {
    variable failures
    set end [expr {[clock seconds] + int($minutes * 60)}]
    Report "process" [Holdings]
    foreach check $checks {
        if {![llength [info procs ::soak::Check-$check]]} {
            Say "no check \"$check\": must be cycles, idle, or mixed"
            return 2
        }
        Say $check
        set began [clock milliseconds]
        if {[catch {Check-$check [expr {max(15, $end - [clock seconds])}]} message options]} {
            Fail $check [dict get $options -errorinfo]
        }
        Say [format "  %.1f s" [expr {([clock milliseconds] - $began) / 1000.0}]]
    }
    Report "process" [Holdings]
    support::StopAll
    Say [expr {[llength $failures] ? "soak: FAILED [lsort -unique $failures]" : "soak: fine"}]
    return [expr {[llength $failures] > 0}]
}

set minutes 2
if {[string is double -strict [lindex $words 0]]} {
    set words [lassign $words minutes]
}
if {![llength $words]} {
    set words {cycles idle mixed}
}
exit [::soak::Main $minutes $words]
