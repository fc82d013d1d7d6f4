# The cases of the benchmark that grow: names on one server, workers of one port.

# Handshakes of a server with one name and with 10,000, interleaved.
proc ::build::BenchNames {dir subjects} {
    variable benchRounds
    foreach count {1 10000} {
        set server($count) [BenchServe [list env BENCH_NAMES=$count {*}[dict get $subjects tls]]]
    }
    set case {h 300 0 tls1.3 0}
    for {set round 0} {$round < $benchRounds} {incr round} {
        foreach count {1 10000} {
            lappend figures($count) [lindex [BenchFigures [BenchRun [dict get $subjects bare] $server($count) $case] $case server] 0]
        }
    }
    return [lmap count {1 10000} {
        BenchRow names tls $count $figures($count) "ms CPU/handshake" \
            [list ratio [expr {[Median $figures($count)] / [Median $figures(1)]}]]
    }]
}

# Handshakes a second that two clients at once get from the examples with 1 and 2 workers,
# interleaved, and what one costs the server with all its processes.
proc ::build::BenchScale {dir subjects} {
    variable benchRounds
    set result {}
    foreach example {threaded-server preforked-server} {
        if {$example eq "preforked-server" && [auto_execok haproxy] eq ""} {
            puts "scale: haproxy is not there: not measured"
            continue
        }
        array unset rates
        array unset costs
        foreach workers {1 2} {
            set server($workers) [BenchExample $dir $example $workers]
        }
        for {set round 0} {$round < $benchRounds} {incr round} {
            foreach workers {1 2} {
                lassign [BenchCrowd [dict get $subjects bare] $server($workers) 2 200] rate cost
                lappend rates($workers) $rate
                lappend costs($workers) $cost
            }
        }
        foreach workers {1 2} {
            lappend result [BenchRow scale tls "$example $workers" $rates($workers) handshakes/s \
                [list serverCpu [Median $costs($workers)] cpuUnit ms/handshake]]
            # One ends with its standard input, and takes the balancer along.
            BenchClose $server($workers) [expr {$example eq "threaded-server" ? "kill" : "gently"}]
        }
    }
    return $result
}

# Starts an example as a server; returns {port pid pipe}.
proc ::build::BenchExample {dir example workers} {
    variable root
    set port 0
    if {$example eq "preforked-server"} {
        set listener [socket -server list -myaddr 127.0.0.1 0]
        set port [lindex [fconfigure $listener -sockname] 2]
        close $listener
    }
    set command [list env TCLLIBPATH=[list [file normalize $dir/package]] [Shell] \
        [file join $root doc examples $example.tcl] $port $root/certs/server-ec.pem $root/certs/server-ec.key $workers]
    set server [BenchOpen $command]
    if {$port == 0} {
        return $server
    }
    # The balancer comes up by itself.
    for {set i 0} {$i < 100 && [catch {close [socket 127.0.0.1 $port]}]} {incr i} {
        after 50
    }
    after 300
    return $server
}

# A process and all that descend from it.
proc ::build::BenchFamily {pid} {
    foreach file [glob /proc/\[0-9\]*/stat] {
        # The name in parentheses may contain anything.
        if {![catch {ReadFile $file} text] && [regexp {^(\d+) \(.*\) \S+ (\d+)} $text - child parent]} {
            lappend children($parent) $child
        }
    }
    set family [list $pid]
    for {set i 0} {$i < [llength $family]} {incr i} {
        set one [lindex $family $i]
        if {[info exists children($one)]} {
            lappend family {*}$children($one)
        }
    }
    return $family
}

# So many clients at once, each with so many handshakes; returns handshakes a second, by the
# clients' clocks, which start when they are ready, and the server's CPU for one, in ms.
proc ::build::BenchCrowd {client server clients count} {
    set family [BenchFamily [lindex $server 1]]
    set before [BenchCpu $family]
    set pipes {}
    for {set i 0} {$i < $clients} {incr i} {
        lappend pipes [open |[list {*}[BenchClient $client [lindex $server 0] [list h $count 0 tls1.3 0]] 2>@stderr]]
    }
    set rate 0
    foreach pipe $pipes {
        set seconds [lindex [gets $pipe] 0]
        close $pipe
        set rate [expr {$rate + $count / $seconds}]
    }
    return [list $rate [expr {1000.0 * ([BenchCpu $family] - $before) / ($clients * $count)}]]
}
