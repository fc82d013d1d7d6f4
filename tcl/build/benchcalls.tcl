# The cases of the benchmark that count: system calls, records, instructions.

# System calls for each MiB that a server and a client read and write, by strace: those of a
# run with data less those of one without, so that starting is not among them.
proc ::build::BenchCalls {dir subjects} {
    if {[auto_execok strace] eq ""} {
        puts "calls: strace is not there: not measured"
        return {}
    }
    set mib [expr {64000000 / 1048576.0}]
    set result {}
    foreach {what tasks} {read {server u client d} written {server d client u}} {
        foreach subject {bare tls} {
            foreach {role task} $tasks {
                set none [BenchTrace $dir $subjects $subject $role h 0]
                set counts [BenchTrace $dir $subjects $subject $role $task 64000000]
                set total 0
                set names {}
                dict for {name count} $counts {
                    set each [expr {($count - ([dict exists $none $name] ? [dict get $none $name] : 0)) / $mib}]
                    set total [expr {$total + $each}]
                    if {$each >= 0.05} {
                        lappend names [format "%s %.1f" $name $each]
                    }
                }
                lappend result [BenchRow calls-$what $subject $role $total calls/MiB [list calls [join $names " + "]]]
            }
        }
    }
    return $result
}

# The system calls of a subject in one run beside the bare peer: name -> how many.
proc ::build::BenchTrace {dir subjects subject role task bytes} {
    set log [file join $dir strace.out]
    set command [list strace -f -c -o $log {*}[dict get $subjects $subject]]
    set bare [dict get $subjects bare]
    set case [list $task 1 $bytes tls1.3 0]
    set server [BenchServe [expr {$role eq "server" ? $command : $bare}]]
    exec {*}[BenchClient [expr {$role eq "client" ? $command : $bare}] [lindex $server 0] $case] 2>@stderr
    BenchClose $server gently
    set counts {}
    foreach line [split [ReadFile $log] \n] {
        if {[regexp {^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)\s*$} $line - count name] && $name ne "total"} {
            dict set counts $name $count
        }
    }
    if {![dict size $counts]} {
        Fail "strace counted nothing"
    }
    return $counts
}

# TLS records that a server writes for a MiB.
proc ::build::BenchRecords {subjects} {
    variable root
    set bytes 64000000
    return [lmap subject {bare tls} {
        set server [BenchServe [dict get $subjects $subject]]
        lassign [BenchOpen [list [Shell] [file join $root tests bench records.tcl] [lindex $server 0]]] port - relay
        exec {*}[BenchClient [dict get $subjects bare] $port [list d 1 $bytes tls1.3 0]] 2>@stderr
        lassign [gets $relay] - - records
        BenchClose $server
        BenchRow records $subject server [expr {$records / ($bytes / 1048576.0)}] records/MiB
    }]
}

# Instructions by callgrind: a figure that does not depend on the machine's mood.
proc ::build::BenchInstructions {dir subjects} {
    if {[auto_execok valgrind] eq ""} {
        puts "instructions: valgrind is not there: not measured"
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
            lappend result [BenchInstruct $dir $subjects $name $subject [list $few $many $unit]]
        }
    }
    # What a handshake costs a server with many names, over one with a single one.
    foreach count {1 10000} {
        set named [dict replace $subjects tls [list env BENCH_NAMES=$count {*}[dict get $subjects tls]]]
        lappend result [BenchInstruct $dir $named names-$count tls {{h 20 0 tls1.3 0} {h 60 0 tls1.3 0} 40}]
    }
    return $result
}

# One row: what the many take more than the few, for each of unit.
proc ::build::BenchInstruct {dir subjects name subject cases} {
    lassign $cases few many unit
    set counts [lmap case [list $few $many] {BenchGrind $dir [dict get $subjects $subject] [dict get $subjects bare] $case}]
    set each [expr {([lindex $counts 1] - [lindex $counts 0]) / 1e3 / $unit}]
    return [BenchRow instructions-$name $subject server $each "thousand instructions"]
}

proc ::build::BenchGrind {dir server client case} {
    set log [file join $dir callgrind.log]
    # "env" in front would be what is counted.
    set valgrind [list valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=$log]
    if {[lindex $server 0] eq "env"} {
        set valgrind [list {*}[lrange $server 0 1] {*}$valgrind]
        set server [lrange $server 2 end]
    }
    set running [BenchServe [list {*}$valgrind {*}$server]]
    exec {*}[BenchClient $client [lindex $running 0] $case] 2>@stderr
    BenchClose $running gently
    if {![regexp {Collected : (\d+)} [ReadFile $log] - count]} {
        Fail "callgrind said nothing of its count"
    }
    return $count
}
