#!/usr/bin/env tclsh
# Two Tcl programs that send each other commands with tcllib's comm, over TLS on which both
# show a certificate. Whoever has one of the CA's certificates may run any command here.
package require comm
package require tls 2

if {[llength $argv] < 4 || [lindex $argv 0] ni {serve ask}} {
    puts stderr "usage: comm-mutual.tcl serve certificate key ca-file ?port?"
    puts stderr "       comm-mutual.tcl ask certificate key ca-file port command"
    exit 1
}
lassign $argv role certificate key ca port command

# comm opens both its listener and its connections with this.
proc mutual {args} {
    return [tls::socket -certfile $::certificate -keyfile $::key -cafile $::ca -request 1 -require 1 {*}$args]
}

# A stranger's connection ends; the program goes on.
proc bgerror {message} {
    puts stderr "refused: $message"
}

set words [list -socketcmd mutual -local 1 -listen 1]
if {$role eq "serve" && $port ne ""} {
    lappend words -port $port
}
::comm::comm new peer {*}$words
if {$role eq "serve"} {
    puts "port [peer self]"
    flush stdout
    vwait forever
}
puts [peer send $port $command]
