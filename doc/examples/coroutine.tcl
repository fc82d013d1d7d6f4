#!/usr/bin/env tclsh
# Asks several servers at once, each in a coroutine that reads like a plain program.
package require tls 2

if {[llength $argv] < 2} {
    puts stderr "usage: coroutine.tcl ca-file|\"\" host:port ?host:port ...?"
    exit 1
}
set targets [lassign $argv ca]
set open [llength $targets]

# Waits for an event of the channel, not for ever; everybody else goes on meanwhile.
proc await {channel event} {
    set timer [after 15000 [list [info coroutine] silent]]
    fileevent $channel $event [list [info coroutine] $event]
    set how [yield]
    after cancel $timer
    fileevent $channel $event {}
    if {$how eq "silent"} {
        error "silent for 15 seconds"
    }
}

proc visit {target} {
    if {[catch {
        if {![regexp {^(.+):(\d+)$} $target - host port]} {
            error "not host:port"
        }
        set channel [tls::socket -async -cafile $::ca $host $port]
        fconfigure $channel -blocking 0 -translation {auto crlf}
        await $channel writable
        puts $channel "GET / HTTP/1.0\nHost: $host\n"
        flush $channel
        while {[gets $channel line] < 0 && ![eof $channel]} {
            await $channel readable
        }
    } message]} {
        set line $message
    }
    catch {close $channel}
    puts "$target: $line"
    if {[incr ::open -1] == 0} {
        set ::done 1
    }
}

foreach target $targets {
    coroutine visit[incr count] visit $target
}
if {$open > 0} {
    vwait done
}
