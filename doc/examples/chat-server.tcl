#!/usr/bin/env tclsh
# A chat: what one client says, all others are told.
package require tls 2

if {[llength $argv] != 3} {
    puts stderr "usage: chat-server.tcl port certificate key"
    exit 1
}
lassign $argv port certificate key
set clients {}

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -buffering line -encoding utf-8
    # The handshake first: nobody is told anything before.
    tls::handshake $channel -command joined
}

proc joined {channel how message} {
    if {$how eq "error"} {
        catch {close $channel}
        return
    }
    lappend ::clients $channel
    fileevent $channel readable [list said $channel]
    tell $channel "somebody has come"
}

proc said {channel} {
    if {[catch {gets $channel line} count] || ($count < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        leave $channel
    } elseif {$count >= 0} {
        tell $channel $line
    }
}

proc tell {from line} {
    foreach channel $::clients {
        # Who does not read for long is thrown out, or our memory would fill.
        if {$channel ne $from && ([catch {puts $channel $line}] || [chan pending output $channel] > 1000000)} {
            leave $channel
        }
    }
}

proc leave {channel} {
    set ::clients [lsearch -all -inline -not -exact $::clients $channel]
    catch {close $channel}
}

set listener [tls::socket -server accept -certfile $certificate -keyfile $key -handshaketimeout 10000 $port]
puts "port [lindex [fconfigure $listener -sockname] 2]"
flush stdout
vwait forever
