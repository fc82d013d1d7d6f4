# Times inside one process, in milliseconds: tclsh inside.tcl package certs. Prints a dict.

lassign $argv package certs
set auto_path [linsert $auto_path 0 $package]
package require -exact tls 2.1.0

proc Accept {channel address port} {
    fconfigure $channel -blocking 0
    fileevent $channel readable [list Answer $channel]
}
proc Answer {channel} {
    if {[catch {gets $channel} line] || [eof $channel]} {
        catch {close $channel}
    }
}
# The time that making and stacking the client takes, without the handshake.
proc Stack {args} {
    set start [clock microseconds]
    set channel [tls::socket -async {*}$args -servername localhost 127.0.0.1 $::port]
    set time [expr {([clock microseconds] - $start) / 1000.0}]
    close $channel
    return $time
}
proc Median {count script} {
    for {set i 0} {$i < $count} {incr i} {
        lappend times [uplevel #0 $script]
        update
    }
    return [lindex [lsort -real $times] [expr {$count / 2}]]
}

set listener [tls::socket -server Accept -certfile $certs/server-ec.pem -keyfile $certs/server-ec.key -myaddr 127.0.0.1 0]
set port [lindex [fconfigure $listener -sockname] 2]
set result {}
if {![catch {Stack} time]} {
    dict set result first-system-trust $time
    dict set result second-system-trust [Median 51 {Stack}]
}
Stack -cafile $certs/ca.pem
dict set result second-one-ca [Median 51 {Stack -cafile $certs/ca.pem}]
set channel [tls::socket -async -cafile $certs/ca.pem -servername localhost 127.0.0.1 $port]
fconfigure $channel -blocking 0
tls::handshake $channel -command {apply {args {set ::done 1}}}
vwait done
dict set result status [expr {[lindex [time {tls::status $channel} 500] 0] / 1000.0}]
close $channel
puts $result
