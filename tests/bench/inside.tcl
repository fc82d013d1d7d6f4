# Times inside one process, in milliseconds, of connections with their handshake:
#
#   tclsh inside.tcl package trust ca port      a dict: name -> times
#   tclsh inside.tcl package status ca port     times of tls::status
#
# trust: with the system's trust store, the first and others, and others with a ca that is as
# strange to the server as that store. The server's certificate verifies with neither, and a
# callback lets it pass: both have to search, and neither checks more signatures.

lassign $argv package what ca port
set auto_path [linsert $auto_path 0 $package]
package require -exact tls 2.1.0
# They say where OpenSSL looks; the system's own store is meant.
unset -nocomplain env(SSL_CERT_FILE) env(SSL_CERT_DIR)

proc Pass {args} {
    return 1
}

# Connects, handshake included; returns the channel.
proc Connect {args} {
    set channel [tls::socket {*}$args -servername localhost 127.0.0.1 $::port]
    tls::handshake $channel
    return $channel
}

proc Time {args} {
    set start [clock microseconds]
    set channel [Connect -validatecommand Pass {*}$args]
    set time [expr {([clock microseconds] - $start) / 1000.0}]
    close $channel
    return $time
}

proc Trust {} {
    try {
        dict set result first-system-trust [Time]
    } trap {TLS CONFIG} {} {
        return {}
    }
    Time -cafile $::ca
    for {set i 0} {$i < 31} {incr i} {
        dict lappend result second-system-trust [Time]
        dict lappend result second-one-ca [Time -cafile $::ca]
    }
    return $result
}

proc Status {} {
    set channel [Connect -cafile $::ca]
    for {set i 0} {$i < 11} {incr i} {
        lappend times [expr {[lindex [time {tls::status $channel} 100] 0] / 1000.0}]
    }
    return $times
}

puts [[string totitle $what]]
