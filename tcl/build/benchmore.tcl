# The cases of the benchmark that look at one thing: what idle connections and contexts keep,
# what starting and trust cost, tls::status, HTTPS.

# A Tcl program of tests/bench; its first argument is the package.
proc ::build::BenchScript {dir name args} {
    variable root
    return [list [Shell] [file join $root tests bench $name.tcl] [file join $dir package] {*}$args]
}

# Memory and CPU of N connections that do nothing: quiet after the handshake, and used
# once in both directions. Memory hardly differs between rounds: three are enough.
proc ::build::BenchIdle {dir subjects count} {
    variable benchRounds
    set found {}
    for {set round 0} {$round < min(3, $benchRounds)} {incr round} {
        dict for {subject command} $subjects {
            if {[string match *-events $subject]} {
                continue
            }
            foreach {use memory cpu} [BenchIdleRun $dir $subject $command $count] {
                dict lappend found [list $subject $use memory] $memory
                dict lappend found [list $subject $use cpu] $cpu
            }
        }
    }
    set rows {}
    foreach {key kept} $found {
        lassign $key subject use what
        if {$what eq "memory"} {
            set ratio [expr {[Median $kept] / [Median [dict get $found [list bare $use memory]]]}]
            lappend rows [BenchRow idle-$count $subject $use $kept "KiB/connection" \
                [list cpu2s [Median [dict get $found [list $subject $use cpu]]] ratio $ratio]]
        }
    }
    return $rows
}

# One run: {use KiB/connection seconds-of-CPU-in-2-s ...}. What can, serves by events; else with a
# thread for each connection.
proc ::build::BenchIdleRun {dir subject command count} {
    set styles {bare threads python threads node server}
    set style [expr {[dict exists $styles $subject] ? [dict get $styles $subject] : "events"}]
    lassign [BenchServe $command $style] port pid
    set client [BenchScript $dir idle [file join $dir ca.pem] $port]
    if {$subject eq "plain"} {
        lset client 2 plain
    }
    set pipe [open |[list {*}$client 2>@stderr] r+]
    fconfigure $pipe -buffering line
    set result {}
    try {
        # The first ones pay for what all share.
        BenchAsk $pipe "open 20"
        BenchAsk $pipe use
        set before [BenchResident $pid]
        foreach {use words} [list quiet "open $count" used use] {
            BenchAsk $pipe $words
            set memory [expr {([BenchResident $pid] - $before) / double($count)}]
            set cpu [BenchCpu $pid]
            after 2000
            lappend result $use $memory [expr {[BenchCpu $pid] - $cpu}]
        }
    } finally {
        catch {exec kill [pid $pipe]}
        catch {close $pipe}
        BenchStop
    }
    return $result
}

proc ::build::BenchAsk {pipe words} {
    puts $pipe $words
    if {[gets $pipe] ne "done"} {
        Fail "the client went away"
    }
}

# KiB of resident memory.
proc ::build::BenchResident {pid} {
    if {![regexp {VmRSS:\s+(\d+) kB} [ReadFile /proc/$pid/status] - kilobytes]} {
        Fail "/proc/$pid/status does not tell the memory"
    }
    return $kilobytes
}

# Bytes that a context and a name in a map keep.
proc ::build::BenchContexts {dir} {
    variable root
    lassign [exec {*}[BenchScript $dir contexts $root/certs]] context name
    return [list [BenchRow contexts tls context $context "bytes resident for each"] \
        [BenchRow contexts tls name $name "bytes resident for each"]]
}

# Milliseconds of package require in a fresh process: over a bare tclsh, and over one that
# requires an empty package from the same directory (Tcl's own search through its indexes).
proc ::build::BenchStart {dir} {
    set file [file join $dir start.tcl]
    file mkdir $dir/empty
    WriteFile $dir/empty/pkgIndex.tcl {package ifneeded emptypackage 1.0 {package provide emptypackage 1.0}}
    set scripts [list bare {} empty "lappend auto_path $dir/empty; package require emptypackage" \
        require "lappend auto_path $dir/package; package require -exact tls 2.1.0"]
    for {set i 0} {$i < 21} {incr i} {
        foreach {name script} $scripts {
            WriteFile $file $script
            set start [clock microseconds]
            exec [Shell] $file
            lappend times($name) [expr {([clock microseconds] - $start) / 1000.0}]
        }
    }
    return [lmap name {bare empty} {
        BenchRow start tls over-$name [lmap with $times(require) without $times($name) {expr {$with - $without}}] ms \
            [list tclsh [Median $times($name)]]
    }]
}

# The first connection with the system's trust store, each in a fresh process, and the second
# beside one with a one-certificate -cafile.
proc ::build::BenchTrust {dir subjects} {
    variable root
    variable benchRounds
    lassign [BenchServe [dict get $subjects bare]] port
    set times {}
    for {set round 0} {$round < $benchRounds} {incr round} {
        dict for {name list} [exec {*}[BenchScript $dir inside trust $root/certs/other-ca.pem $port] 2>@stderr] {
            dict lappend times $name {*}$list
        }
    }
    if {![dict exists $times first-system-trust]} {
        puts "trust: the system has no trust store: not measured"
        return {}
    }
    set base [Median [dict get $times second-one-ca]]
    set result {}
    dict for {name list} $times {
        set more [expr {$name eq "second-system-trust" ? [list ratio [expr {[Median $list] / $base}]] : ""}]
        lappend result [BenchRow $name tls client $list ms $more]
    }
    return $result
}

proc ::build::BenchStatus {dir subjects} {
    variable root
    lassign [BenchServe [dict get $subjects bare]] port
    return [list [BenchRow status tls client [exec {*}[BenchScript $dir inside status $root/certs/ca.pem $port] 2>@stderr] ms]]
}

# HTTPS requests a second by wrk, against the server of tests/bench.
proc ::build::BenchHttps {dir} {
    variable root
    variable benchRounds
    if {[auto_execok wrk] eq ""} {
        puts "https: wrk is not there: not measured"
        return {}
    }
    lassign [BenchOpen [BenchScript $dir https $root/certs]] port pid
    for {set round 0} {$round < $benchRounds} {incr round} {
        foreach {role words} {keep-alive {} one-shot {-H {Connection: close}}} {
            set cpu [BenchCpu $pid]
            set output [exec wrk -t1 -c20 -d2s {*}$words https://127.0.0.1:$port/ 2>@1]
            if {[regexp -line {Socket errors.*|Non-2xx.*} $output wrong]} {
                Fail "wrk, $role: $wrong"
            }
            if {![regexp {(\d+) requests in.*Requests/sec:\s+([\d.]+)} $output - count rate] || !$count} {
                Fail "wrk, $role: $output"
            }
            lappend rates($role) $rate
            lappend cpus($role) [expr {1000.0 * ([BenchCpu $pid] - $cpu) / $count}]
        }
    }
    return [lmap role {keep-alive one-shot} {
        BenchRow https tls $role $rates($role) requests/s [list serverCpu [Median $cpus($role)] cpuUnit ms/request]
    }]
}
