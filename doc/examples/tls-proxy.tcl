#!/usr/bin/env tclsh
# Takes TLS connections and passes their bytes on to a plain server, both ways.
package require tls 2

if {[llength $argv] != 5} {
    puts stderr "usage: tls-proxy.tcl port certificate key plain-host plain-port"
    exit 1
}
lassign $argv port certificate key host plain

proc accept {secure address port} {
    set inside [socket -async $::host $::plain]
    foreach {from to} [list $secure $inside $inside $secure] {
        fconfigure $from -blocking 0 -translation binary
    }
    # Two copies at once, one for each direction.
    fcopy $secure $inside -command [list ended $secure $inside]
    fcopy $inside $secure -command [list ended $inside $secure]
}

# One direction has come to its end: the other side is told, its answer may still come.
proc ended {from to count {error {}}} {
    if {$error ne "" || [incr ::ends($from)] + [incr ::ends($to) 0] == 2} {
        catch {close $from}
        catch {close $to}
        unset -nocomplain ::ends($from) ::ends($to)
        return
    }
    if {[catch {tls::connection $to}]} {
        catch {close $to write}
    } else {
        catch {tls::shutdown $to -write}
    }
}

set listener [tls::socket -server accept -certfile $certificate -keyfile $key -handshaketimeout 10000 $port]
puts "port [lindex [fconfigure $listener -sockname] 2]"
flush stdout
vwait forever
