# The client side of the idle case: tclsh idle.tcl package ca port; each line on stdin
# "count quiet|used" opens so many connections more and answers when all are there.

lassign $argv package ca port
set auto_path [linsert $auto_path 0 $package]
package require -exact tls 2.1.0
fconfigure stdout -buffering line
while {[gets stdin line] >= 0} {
    lassign $line count use
    for {set i 0} {$i < $count} {incr i} {
        set channel [tls::socket -cafile $ca -servername localhost 127.0.0.1 $port]
        fconfigure $channel -translation binary -buffering line
        tls::handshake $channel
        if {$use eq "used"} {
            puts $channel "h 0"
            gets $channel
        }
        lappend channels $channel
    }
    # The server's side of the last handshake.
    after 300
    puts done
}
