#!/usr/bin/env tclsh
# Asks PostgreSQL over TLS, with a client certificate in place of a password: its protocol 3.0
# in pure Tcl (https://www.postgresql.org/docs/current/protocol.html).
package require tls 2

if {[llength $argv] != 8} {
    puts stderr "usage: postgres-query.tcl host port ca-file certificate key user database sql"
    exit 1
}
lassign $argv host port ca certificate key user database sql

proc send {channel type body} {
    puts -nonewline $channel $type[binary format I [expr {[string length $body] + 4}]]$body
    flush $channel
}

# The next message: type and body. An error of the server is one here.
proc receive {channel} {
    if {[binary scan [read $channel 5] aI type length] != 2} {
        error "the server has closed the connection"
    }
    set body [read $channel [expr {$length - 4}]]
    if {$type eq "E"} {
        foreach field [split $body \0] {
            if {[string index $field 0] eq "M"} {
                error [encoding convertfrom utf-8 [string range $field 1 end]]
            }
        }
    }
    return [list $type $body]
}

# The values of a row. NULL is -1 long.
proc row {body} {
    binary scan $body S count
    set at 2
    set values {}
    for {set i 0} {$i < $count} {incr i} {
        binary scan $body @${at}I length
        incr at 4
        lappend values [encoding convertfrom utf-8 [string range $body $at $at+[expr {$length - 1}]]]
        incr at [expr {max($length, 0)}]
    }
    return $values
}

set channel [socket $host $port]
fconfigure $channel -translation binary
# A word in the clear asks for TLS. Anything but S is a no, and then nothing more is said.
send $channel "" [binary format I 80877103]
if {[read $channel 1] ne "S"} {
    error "the server does not speak TLS"
}
tls::import $channel -servername $host -cafile $ca -certfile $certificate -keyfile $key
tls::handshake $channel

send $channel "" [binary format I 196608][encoding convertto utf-8 "user\0$user\0database\0$database\0client_encoding\0UTF8\0\0"]
while 1 {
    lassign [receive $channel] type body
    if {$type eq "R" && [binary scan $body I how] && $how != 0} {
        error "the server wants something else than the certificate"
    } elseif {$type eq "D"} {
        puts [join [row $body] \t]
    } elseif {$type eq "Z"} {
        # Ready: for the question at first, and then for the end.
        if {[incr ready] > 1} {
            break
        }
        send $channel Q [encoding convertto utf-8 $sql]\0
    }
}
send $channel X ""
close $channel
