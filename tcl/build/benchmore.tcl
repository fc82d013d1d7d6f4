# The cases of the benchmark that are not runs of a client against a server: what idle
# connections keep, what starting costs, system calls and instructions; and the chart.

# Memory and CPU of N connections that do nothing: quiet after the handshake, and used
# once in both directions.
proc ::build::BenchIdle {dir subjects count} {
    variable root
    set result {}
    foreach use {quiet used} {
        set server [open |[list {*}[dict get $subjects tls] events $root/certs/server-ec.pem $root/certs/server-ec.key 2>@stderr] r+]
        fconfigure $server -buffering line
        set port [gets $server]
        set client [open |[list [Shell] [file join $root tests bench idle.tcl] $dir/package $root/certs/ca.pem $port 2>@stderr] r+]
        fconfigure $client -buffering line
        # The first ones pay for what all share.
        puts $client "20 $use"
        gets $client
        puts $server memory
        set before [gets $server]
        puts $client "$count $use"
        gets $client
        puts $server memory
        set after [gets $server]
        set cpu [BenchCpu [pid $server]]
        after 3000
        set cpu [expr {[BenchCpu [pid $server]] - $cpu}]
        foreach channel [list $client $server] {
            catch {exec kill [pid $channel]}
            catch {close $channel}
        }
        lappend result [dict create case idle-$count subject tls role $use value [expr {($after - $before) / double($count)}] \
            cpu3s $cpu]
        puts [format "%-14s %-12s %-7s %10.2f  KiB a connection, %.3f s CPU in 3 s" idle-$count tls $use \
            [dict get [lindex $result end] value] $cpu]
    }
    return $result
}

# Bytes that a context and a name in a map keep.
proc ::build::BenchContexts {dir} {
    variable root
    set result {}
    foreach role {context name} figure [exec [Shell] [file join $root tests bench contexts.tcl] $dir/package $root/certs] {
        puts [format "%-14s %-12s %-7s %10.0f  bytes resident for each" contexts tls $role $figure]
        lappend result [dict create case contexts subject tls role $role value $figure]
    }
    return $result
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
    set result {}
    foreach name {bare empty} {
        set value [expr {[Median $times(require)] - [Median $times($name)]}]
        puts [format "%-14s %-12s %-7s %10.2f  ms over a tclsh of %.2f" start tls $name $value [Median $times($name)]]
        lappend result [dict create case start subject tls role over-$name value $value]
    }
    return $result
}

# In-process figures: the first and the second connection with the system's trust store,
# one with a one-certificate -cafile, and tls::status.
proc ::build::BenchInside {dir} {
    variable root
    set output [exec [Shell] [file join $root tests bench inside.tcl] $dir/package $root/certs 2>@stderr]
    set result {}
    dict for {name value} $output {
        puts [format "%-14s %-12s %-7s %10.3f  ms" $name tls "" $value]
        lappend result [dict create case $name subject tls role "" value $value]
    }
    return $result
}

# System calls of a server for each MiB that it reads and writes, by strace, and the records
# that it writes for each.
proc ::build::BenchCalls {dir subjects} {
    variable root
    if {[auto_execok strace] eq ""} {
        puts "calls          strace is not installed: not measured"
        return {}
    }
    set bytes 64000000
    set result {}
    foreach {task what} {u read d written} {
        set log [file join $dir strace.out]
        set server [open |[list strace -f -c -o $log {*}[dict get $subjects tls] server $root/certs/server-ec.pem $root/certs/server-ec.key 2>@stderr] r+]
        fconfigure $server -buffering line
        set port [gets $server]
        exec {*}[dict get $subjects bare] client $port $root/certs/ca.pem $task 1 $bytes tls1.3 0
        puts $server exit
        catch {close $server}
        set total 0
        foreach line [split [ReadFile $log] \n] {
            if {[regexp {^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(recvfrom|read|recvmsg|sendto|write|sendmsg|poll|epoll_wait|select|pselect6|epoll_ctl|futex)\s*$} $line - calls name]} {
                set each [expr {$calls / ($bytes / 1048576.0)}]
                set total [expr {$total + $each}]
                lappend result [dict create case calls-$what subject tls role $name value $each]
            }
        }
        puts [format "%-14s %-12s %-7s %10.2f  system calls a MiB $what" calls-$what tls all $total]
        lappend result [dict create case calls-$what subject tls role all value $total]
    }
    return [concat $result [BenchRecords $subjects $bytes]]
}

proc ::build::BenchRecords {subjects bytes} {
    variable root
    set result {}
    foreach subject {bare tls} {
        set server [open |[list {*}[dict get $subjects $subject] server $root/certs/server-ec.pem $root/certs/server-ec.key 2>@stderr] r+]
        set relay [open |[list [Shell] [file join $root tests bench records.tcl] [gets $server] 2>@stderr]]
        exec {*}[dict get $subjects bare] client [gets $relay] $root/certs/ca.pem d 1 $bytes tls1.3 0
        lassign [gets $relay] - - records
        catch {exec kill [pid $server]}
        catch {close $server}
        catch {close $relay}
        set each [expr {$records / ($bytes / 1048576.0)}]
        puts [format "%-14s %-12s %-7s %10.2f  records a MiB written" records $subject "" $each]
        lappend result [dict create case records subject $subject role server value $each]
    }
    return $result
}

# Instructions by callgrind: a figure that does not depend on the machine's mood.
proc ::build::BenchInstructions {dir subjects} {
    variable root
    if {[auto_execok valgrind] eq ""} {
        puts "instructions   valgrind is not installed: not measured"
        return {}
    }
    set result {}
    foreach {name few many unit} {
        handshake {h 20 0 tls1.3 0} {h 60 0 tls1.3 0} 40
        resumed {h 20 0 tls1.3 1} {h 60 0 tls1.3 1} 40
        read-MB {u 1 4000000 tls1.3 0} {u 1 12000000 tls1.3 0} 8
        write-MB {d 1 4000000 tls1.3 0} {d 1 12000000 tls1.3 0} 8
    } {
        foreach subject {bare tls} {
            lappend result [BenchInstruct $dir $subjects $name $subject $few $many $unit]
        }
    }
    # What a handshake costs a server with many names, over one with a single one.
    foreach count {1 10000} {
        set ::env(BENCH_NAMES) $count
        lappend result [BenchInstruct $dir $subjects names-$count tls {h 20 0 tls1.3 0} {h 60 0 tls1.3 0} 40]
        unset ::env(BENCH_NAMES)
    }
    return $result
}

# One row: what the many take more than the few, for each of unit.
proc ::build::BenchInstruct {dir subjects name subject few many unit} {
    set counts {}
    foreach case [list $few $many] {
        lappend counts [BenchGrind $dir [dict get $subjects $subject] [dict get $subjects bare] $case]
    }
    set each [expr {([lindex $counts 1] - [lindex $counts 0]) / double($unit)}]
    puts [format "%-14s %-12s %-7s %10.0f  thousand instructions of the server" $name $subject "" [expr {$each / 1000}]]
    return [dict create case instructions-$name subject $subject role server value $each]
}

proc ::build::BenchGrind {dir server client case} {
    variable root
    set log [file join $dir callgrind.log]
    set pipe [open |[list valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=$log {*}$server server \
        $root/certs/server-ec.pem $root/certs/server-ec.key 2>@stderr] r+]
    fconfigure $pipe -buffering line
    set port [gets $pipe]
    exec {*}$client client $port $root/certs/ca.pem {*}$case
    catch {exec kill -INT [pid $pipe]}
    catch {close $pipe}
    if {![regexp {Collected : (\d+)} [ReadFile $log] - count]} {
        Fail "callgrind said nothing of its count"
    }
    return $count
}

# HTTPS requests a second by wrk, against the example server of tests/bench.
proc ::build::BenchHttps {dir} {
    variable root
    if {[auto_execok wrk] eq ""} {
        puts "https          wrk is not installed: not measured"
        return {}
    }
    set server [open |[list [Shell] [file join $root tests bench https.tcl] $dir/package $root/certs 2>@stderr] r+]
    set port [gets $server]
    set result {}
    foreach {role words} {keep-alive {} one-shot {-H {Connection: close}}} {
        set output [exec wrk -t1 -c20 -d3s {*}$words https://127.0.0.1:$port/ 2>@1]
        if {[regexp {Requests/sec:\s+([\d.]+)} $output - value]} {
            puts [format "%-14s %-12s %-10s %7.0f  requests/s" https tls $role $value]
            lappend result [dict create case https subject tls role $role value $value]
        }
    }
    catch {exec kill [pid $server]}
    catch {close $server}
    return $result
}

proc ::build::BenchMore {dir subjects wanted} {
    variable benchMore
    set result {}
    puts ""
    foreach {name script} $benchMore {
        if {![llength $wanted] || [BenchIsWanted $name $wanted]} {
            lappend result {*}[eval $script]
        }
    }
    return $result
}
