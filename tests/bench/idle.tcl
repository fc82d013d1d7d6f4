# The client side of the idle case: tclsh idle.tcl package ca port; "plain" for no TLS. Each
# line on stdin is answered when it is done: "open count" opens so many connections more, "use"
# lets a line go each way on all.

lassign $argv package ca port
if {$package ne "plain"} {
    set auto_path [linsert $auto_path 0 $package]
    package require -exact tls 2.1.0
}
fconfigure stdout -buffering line
while {[gets stdin line] >= 0} {
    lassign $line what count
    if {$what eq "open"} {
        for {set i 0} {$i < $count} {incr i} {
            if {$package eq "plain"} {
                set channel [socket 127.0.0.1 $port]
            } else {
                set channel [tls::socket -cafile $ca -servername localhost 127.0.0.1 $port]
                tls::handshake $channel
            }
            fconfigure $channel -translation binary -buffering line
            lappend channels $channel
        }
    } else {
        foreach channel $channels {
            puts $channel "h 0"
            gets $channel
        }
    }
    # The server's side of the last one.
    after 300
    puts done
}
