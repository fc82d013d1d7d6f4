#!/usr/bin/env tclsh
# The client of chat-server.tcl: sends what is typed, prints what others say.
package require tls 2

if {[llength $argv] < 2 || [llength $argv] > 3} {
    puts stderr "usage: chat-client.tcl host port ?ca-file?"
    exit 1
}
lassign $argv host port ca

proc typed {channel} {
    if {[gets stdin line] >= 0} {
        puts $channel $line
    } elseif {[eof stdin]} {
        close $channel
        exit
    }
}

proc heard {channel} {
    if {[catch {gets $channel line} count]} {
        puts stderr $count$line
        exit 1
    } elseif {$count >= 0} {
        # A terminal takes some characters for commands: they are strangers'.
        puts [regsub -all {[\u0000-\u001f\u007f-\u009f]} $line ?]
    } elseif {[eof $channel]} {
        exit
    }
}

fconfigure stdout -buffering line
set channel [tls::socket -cafile $ca $host $port]
tls::handshake $channel
fconfigure $channel -blocking 0 -buffering line -encoding utf-8
fconfigure stdin -blocking 0
fileevent $channel readable [list heard $channel]
fileevent stdin readable [list typed $channel]
puts "connected"
vwait forever
