#!/usr/bin/env tclsh
# Gets several pages of one server, each on a connection of its own. From the second on the
# handshake is a short one: the session is resumed.
package require tls 2

if {[llength $argv] < 3} {
    puts stderr "usage: https-many.tcl host port ca-file path ?path ...?"
    exit 1
}
set paths [lassign $argv host port ca]

foreach path $paths {
    set channel [tls::socket -cafile $ca -resume 1 $host $port]
    fconfigure $channel -translation {auto crlf}
    puts $channel "GET $path HTTP/1.0\nHost: $host\n"
    flush $channel
    set page [read $channel]
    set isResumed [dict get [tls::connection $channel] session_reused]
    close $channel
    puts "$path: [lindex [split $page \n] 0], [expr {$isResumed ? "resumed" : "full handshake"}]"
}
