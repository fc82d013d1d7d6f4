#!/usr/bin/env tclsh
# Says how long the certificates of some hosts are good. The exit status is 1 if one of them
# ends within the days given, or cannot be had.
package require tls 2

if {[llength $argv] < 3} {
    puts stderr "usage: expiry.tcl days ca-file|\"\" host:port ?host:port ...?"
    exit 1
}
set targets [lassign $argv days ca]
set status 0

foreach target $targets {
    if {[catch {
        if {![regexp {^(.+):(\d+)$} $target - host port]} {
            error "not host:port"
        }
        set channel [tls::socket -cafile $ca -handshaketimeout 10000 $host $port]
        tls::handshake $channel
        set until [clock scan [dict get [tls::status $channel] notAfter] -format {%b %d %H:%M:%S %Y GMT} -gmt 1]
        close $channel
    } message]} {
        catch {close $channel}
        puts "BAD  $target: $message"
        set status 1
        continue
    }
    set left [expr {($until - [clock seconds]) / 86400}]
    puts "[expr {$left < $days ? "SOON" : "ok  "}] $target: $left days"
    if {$left < $days} {
        set status 1
    }
}
exit $status
