#!/usr/bin/env tclsh
# Sends commands to Redis over TLS and prints the answers: the protocol RESP in pure Tcl.
package require tls 2

if {[llength $argv] < 4} {
    puts stderr "usage: redis-command.tcl host port ca-file|\"\" {word ?word ...?} ?{word ...} ...?"
    puts stderr "for instance: redis-command.tcl localhost 6379 ca.pem {SET greeting {good morning}} {GET greeting}"
    exit 1
}
set commands [lassign $argv host port ca]

# A command is an array of byte strings, each with its length.
proc redis {channel args} {
    set message "*[llength $args]\r\n"
    foreach word $args {
        set bytes [encoding convertto utf-8 $word]
        append message "\$[string length $bytes]\r\n$bytes\r\n"
    }
    puts -nonewline $channel $message
    flush $channel
    return [answer $channel]
}

proc answer {channel} {
    if {[gets $channel line] < 0} {
        error "the server has closed the connection"
    }
    set rest [string range [string trimright $line \r] 1 end]
    switch -exact -- [string index $line 0] {
        + - : { return $rest }
        - { error $rest }
        \$ {
            if {$rest < 0} {
                return ""
            }
            # The line end behind it is not part of it.
            return [encoding convertfrom utf-8 [string range [read $channel [expr {$rest + 2}]] 0 end-2]]
        }
        * {
            set list {}
            for {set i 0} {$i < $rest} {incr i} {
                lappend list [answer $channel]
            }
            return $list
        }
    }
    error "not an answer of Redis: $line"
}

set channel [tls::socket -cafile $ca $host $port]
fconfigure $channel -translation binary
foreach command $commands {
    puts [redis $channel {*}$command]
}
close $channel
