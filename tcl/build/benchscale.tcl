# The cases of the benchmark that grow: names on one server, workers of one port.

# Handshakes of a server with one name and with 10,000, interleaved.
proc ::build::BenchNames {dir subjects} {
    variable root
    variable benchRounds
    set command [dict get $subjects tls]
    set servers {}
    set result {}
    try {
        foreach count {1 10000} {
            set ::env(BENCH_NAMES) $count
            set pipe [open |[list {*}$command server $root/certs/server-ec.pem $root/certs/server-ec.key 2>@stderr] r+]
            lappend servers $count [list [gets $pipe] [pid $pipe] $pipe]
            unset ::env(BENCH_NAMES)
        }
        for {set round 0} {$round < $benchRounds} {incr round} {
            dict for {count server} $servers {
                set case {h 300 0 tls1.3 0 server-ec}
                lappend figures($count) [BenchFigure [BenchRun [dict get $subjects bare] $server $case] $case server]
            }
        }
    } finally {
        dict for {count server} $servers {
            catch {exec kill [lindex $server 1]}
            catch {close [lindex $server 2]}
        }
    }
    foreach count {1 10000} {
        set value [Median $figures($count)]
        set ratio [expr {$value / [Median $figures(1)]}]
        puts [format "%-14s %-12s %-7s %10.3f  ms CPU a handshake, spread %.1f%%, ratio %.3f" names tls $count $value \
            [Spread $figures($count)] $ratio]
        lappend result [dict create case names subject tls role $count value $value spread [Spread $figures($count)] ratio $ratio]
    }
    return $result
}

# Handshakes a second that two clients at once get from the examples with 1 and 2 workers.
proc ::build::BenchScale {dir subjects} {
    variable root
    variable benchRounds
    set result {}
    foreach example {threaded-server preforked-server} {
        if {$example eq "preforked-server" && [auto_execok haproxy] eq ""} {
            puts "scale          haproxy is not installed: not measured"
            continue
        }
        foreach workers {1 2} {
            lassign [BenchExample $dir $example $workers] pipe port
            try {
                set rates {}
                for {set round 0} {$round < $benchRounds} {incr round} {
                    lappend rates [BenchCrowd [dict get $subjects bare] $port 2 200]
                }
            } finally {
                # One ends with its standard input, and takes the balancer along.
                if {$example eq "threaded-server"} {
                    exec kill [pid $pipe]
                }
                catch {close $pipe}
            }
            puts [format "%-14s %-12s %-18s %7.0f  handshakes/s, spread %.1f%%" scale tls "$example $workers" [Median $rates] [Spread $rates]]
            lappend result [dict create case scale subject tls role "$example $workers" value [Median $rates] spread [Spread $rates]]
        }
    }
    return $result
}

# Starts an example as a server; returns {pipe port}.
proc ::build::BenchExample {dir example workers} {
    variable root
    set port 0
    if {$example eq "preforked-server"} {
        set listener [socket -server list -myaddr 127.0.0.1 0]
        set port [lindex [fconfigure $listener -sockname] 2]
        close $listener
    }
    set ::env(TCLLIBPATH) [list [file normalize $dir/package]]
    set pipe [open |[list [Shell] [file join $root doc examples $example.tcl] $port $root/certs/server-ec.pem \
        $root/certs/server-ec.key $workers 2>@stderr] r+]
    unset ::env(TCLLIBPATH)
    set line [gets $pipe]
    if {$port == 0} {
        return [list $pipe $line]
    }
    # The balancer comes up by itself.
    for {set i 0} {$i < 100 && [catch {close [socket 127.0.0.1 $port]}]} {incr i} {
        after 50
    }
    after 300
    return [list $pipe $port]
}

# So many clients at once, each with so many handshakes; returns handshakes a second.
proc ::build::BenchCrowd {client port clients count} {
    variable root
    set start [clock microseconds]
    set pipes {}
    for {set i 0} {$i < $clients} {incr i} {
        lappend pipes [open |[list {*}$client client $port $root/certs/ca.pem h $count 0 tls1.3 0 2>@stderr]]
    }
    foreach pipe $pipes {
        gets $pipe
        close $pipe
    }
    return [expr {$clients * $count * 1e6 / ([clock microseconds] - $start)}]
}
