# bench: what TLS costs here, beside a bare OpenSSL program, a plain socket and, with
# -peers, other scripting languages. All subjects of a case run one after the other, for
# several rounds; medians, because single pairs differ by a third on a shared machine.
# Writes doc/bench/bench.json and doc/bench/bench.svg. See tests/bench for the programs.

namespace eval ::build {
    # case | side measured | task, connections, bytes, version, resume, certificate | unit
    variable benchCases {
        full-ec      {h 300 0 tls1.3 0 server-ec}        {ms CPU a handshake}
        full-rsa     {h 150 0 tls1.3 0 server-rsa}       {ms CPU a handshake}
        full-ec-1.2  {h 300 0 tls1.2 0 server-ec}        {ms CPU a handshake}
        full-rsa-1.2 {h 150 0 tls1.2 0 server-rsa}       {ms CPU a handshake}
        resumed      {h 300 0 tls1.3 1 server-ec}        {ms CPU a handshake}
        resumed-1.2  {h 300 0 tls1.2 1 server-ec}        {ms CPU a handshake}
        download     {d 1 200000000 tls1.3 0 server-ec}  {MB/s}
        upload       {u 1 200000000 tls1.3 0 server-ec}  {MB/s}
        download-64k {d 1 200000000 tls1.3 0 server-ec}  {MB/s}
        upload-64k   {u 1 200000000 tls1.3 0 server-ec}  {MB/s}
        download-file {d 1 200000000 tls1.3 0 server-ec} {MB/s}
        upload-file  {u 1 200000000 tls1.3 0 server-ec}  {MB/s}
        round-trips  {p 1 5000 tls1.3 0 server-ec}       {round trips/s}
    }
    # The other cases, of benchmore.tcl and benchscale.tcl.
    variable benchMore {
        idle {BenchIdle $dir $subjects 100}
        idle {BenchIdle $dir $subjects 400}
        idle {BenchIdle $dir $subjects 900}
        contexts {BenchContexts $dir}
        start {BenchStart $dir}
        inside {BenchInside $dir}
        calls {BenchCalls $dir $subjects}
        https {BenchHttps $dir}
        names {BenchNames $dir $subjects}
        scale {BenchScale $dir $subjects}
        instructions {BenchInstructions $dir $subjects}
    }
    # What a Tcl program does otherwise in a case: see tests/bench/subject.tcl.
    variable benchVariants {
        *-64k  {BENCH_SETTINGS {-buffersize 65536}}
        *-file {BENCH_FILE bulk}
    }
    variable benchRounds 7
    variable benchServers {}
}

proc ::build::BenchSubjects {dir peers} {
    variable root
    set tcl [list [Shell] [file join $root tests bench subject.tcl]]
    set subjects [list bare [list [file join $dir peer]] tls [list {*}$tcl $dir/package] \
        tls-events [list {*}$tcl $dir/package] plain [list {*}$tcl plain] plain-events [list {*}$tcl plain]]
    if {!$peers} {
        return $subjects
    }
    foreach version {1.7.22 1.8.0 2.0.1} {
        if {![catch {exec [Shell] << "package require -exact tls $version"}]} {
            lappend subjects tls-$version [list {*}$tcl $version]
        }
    }
    foreach {name program file} {python python3 subject.py node node subject.js} {
        if {[auto_execok $program] ne ""} {
            lappend subjects $name [list $program [file join $root tests bench $file]]
        }
    }
    return $subjects
}

proc ::build::BenchCompile {dir} {
    variable root
    set flags {-lssl -lcrypto}
    catch {set flags [exec pkg-config --cflags --libs libssl libcrypto]}
    exec cc -O2 -o [file join $dir peer] [file join $root tests bench peer.c] {*}$flags
    Use package
    MakePackage [file join $dir package] release
}

# Sets the environment of a case's programs; returns what it is.
proc ::build::BenchVariant {name dir} {
    variable benchVariants
    unset -nocomplain ::env(BENCH_SETTINGS) ::env(BENCH_FILE)
    dict for {pattern variant} $benchVariants {
        if {[string match $pattern $name]} {
            lassign $variant variable value
            if {$variable eq "BENCH_FILE"} {
                set value [file join $dir $value]
                set file [open $value wb]
                for {set i 0} {$i < 200} {incr i} {
                    puts -nonewline $file [string repeat "0123456789abcdef" 62500]
                }
                close $file
            }
            set ::env($variable) $value
            return $pattern
        }
    }
    return ""
}

# Starts a server once and keeps it; returns {port pid channel}.
proc ::build::BenchServer {subject command certificate variant} {
    variable benchServers
    variable root
    set name $subject/$certificate/$variant
    if {![dict exists $benchServers $name]} {
        set certs [file join $root certs]
        set style [expr {[string match *-events $subject] ? "events" : "server"}]
        set pipe [open |[list {*}$command $style $certs/$certificate.pem $certs/$certificate.key 2>@stderr] r+]
        fconfigure $pipe -buffering line
        dict set benchServers $name [list [gets $pipe] [pid $pipe] $pipe]
    }
    return [dict get $benchServers $name]
}

proc ::build::BenchStop {} {
    variable benchServers
    dict for {name entry} $benchServers {
        catch {exec kill [lindex $entry 1]}
        catch {close [lindex $entry 2]}
    }
    set benchServers {}
}

# Seconds of CPU that a process has used, all its threads together.
proc ::build::BenchCpu {pid} {
    set total 0
    foreach file [glob -nocomplain /proc/$pid/task/*/schedstat] {
        catch {incr total [lindex [ReadFile $file] 0]}
    }
    return [expr {$total / 1e9}]
}

# One run: {seconds clientCpu serverCpu resumed}.
proc ::build::BenchRun {client serverEntry case} {
    variable root
    lassign $serverEntry port pid
    lassign $case task count bytes version resume
    set before [BenchCpu $pid]
    set output [exec {*}$client client $port [file join $root build bench ca.pem] $task $count $bytes $version $resume 2>@stderr]
    lassign $output seconds cpu resumed
    return [list $seconds $cpu [expr {[BenchCpu $pid] - $before}] $resumed]
}

proc ::build::Median {numbers} {
    set sorted [lsort -real $numbers]
    set count [llength $sorted]
    return [expr {([lindex $sorted [expr {($count - 1) / 2}]] + [lindex $sorted [expr {$count / 2}]]) / 2.0}]
}

# Half the distance between the quartiles, in per cent of the median.
proc ::build::Spread {numbers} {
    set sorted [lsort -real $numbers]
    set count [llength $sorted]
    set low [lindex $sorted [expr {$count / 4}]]
    set high [lindex $sorted [expr {$count - 1 - $count / 4}]]
    return [expr {[Median $numbers] == 0 ? 0 : 50.0 * ($high - $low) / [Median $numbers]}]
}

# What a case counts, from the figures of one run. role: whose CPU it is.
proc ::build::BenchFigure {run case role} {
    lassign $run seconds clientCpu serverCpu
    lassign $case task count bytes
    switch -exact -- $task {
        h { return [expr {1000.0 * ($role eq "server" ? $serverCpu : $clientCpu) / $count}] }
        p { return [expr {$bytes / $seconds}] }
        default { return [expr {$bytes / $seconds / 1e6}] }
    }
}

# All rounds of one case for all subjects, as servers and as clients of the bare peer.
proc ::build::BenchCase {name case subjects dir} {
    variable benchRounds
    set certificate [lindex $case end]
    set bare [dict get $subjects bare]
    set variant [BenchVariant $name $dir]
    for {set round 0} {$round < $benchRounds} {incr round} {
        dict for {subject command} $subjects {
            foreach role {server client} {
                # What Tcl's own sockets cost is shown once: TLS comes on top of it.
                if {[string match plain* $subject] && [lindex $case 0] eq "h" && $name ne "full-ec"} {
                    continue
                }
                if {[string match *-events $subject] && ($role eq "client" || $variant ne "")} {
                    continue
                }
                if {$variant ne "" && $subject in {python node}} {
                    continue
                }
                if {[string match {tls-[0-9]*} $subject] && $role eq "client" && [lindex $case 4]} {
                    continue
                }
                if {[string match plain* $subject]} {
                    # A plain socket speaks only with its own kind.
                    set server [BenchServer $subject $command $certificate $variant]
                    set client $command
                } elseif {$role eq "server"} {
                    set server [BenchServer $subject $command $certificate $variant]
                    set client $bare
                } else {
                    set server [BenchServer bare $bare $certificate $variant]
                    set client $command
                }
                set mine $case
                if {[string match tls-1.* $subject] && $role eq "client" && [lindex $case 0] eq "h"} {
                    # It reads the system's trust for each connection, 40 times the cost.
                    set mine [lreplace $case 1 1 20]
                }
                set run [BenchRun $client $server $mine]
                lappend figures($subject,$role) [BenchFigure $run $mine $role]
                lappend serverCpu($subject,$role) [lindex $run 2]
                lappend clientCpu($subject,$role) [lindex $run 1]
                set resumed($subject,$role) [lindex $run 3]
            }
        }
    }
    set result {}
    foreach key [lsort [array names figures]] {
        lassign [split $key ,] subject role
        set base [Median $figures(bare,$role)]
        set value [Median $figures($key)]
        lappend result [dict create case $name subject $subject role $role value $value spread [Spread $figures($key)] \
            ratio [expr {$value / $base}] resumed $resumed($key) connections [lindex $case 1] \
            serverCpu [Median $serverCpu($key)] clientCpu [Median $clientCpu($key)]]
    }
    return $result
}

proc ::build::Json {rows} {
    set lines {}
    foreach row $rows {
        set words {}
        dict for {key value} $row {
            if {![string is double -strict $value]} {
                set value \"$value\"
            }
            lappend words "\"$key\": $value"
        }
        lappend lines "  {[join $words {, }]}"
    }
    return "\[\n[join $lines ,\n]\n\]\n"
}

proc ::build::BenchTable {rows units} {
    set last ""
    foreach row $rows {
        dict with row {
            if {$case ne $last} {
                puts [format "\n%-14s %-12s %-7s %10s  %-20s %7s %7s %9s %9s" $case subject as median \
                    [dict get $units $case] spread ratio "cpu srv s" "cpu cli s"]
                set last $case
            }
            puts [format "%-14s %-12s %-7s %10.2f  %-20s %6.1f%% %7.2f %9.3f %9.3f%s" "" $subject $role $value "" \
                $spread $ratio $serverCpu $clientCpu [expr {$resumed > 0 ? "  resumed $resumed of $connections" : ""}]]
        }
    }
}

proc ::build::BenchIsWanted {name patterns} {
    foreach pattern $patterns {
        if {[string match $pattern $name]} {
            return 1
        }
    }
    return 0
}

proc ::build::BenchWords {words} {
    variable benchCases
    variable benchMore
    Take $words 0 "" [concat -peers [lsearch -all -inline -regexp $words {^-rounds=[1-9][0-9]?$}]]
    set names [concat [lmap {name - -} $benchCases {set name}] [lsort -unique [dict keys $benchMore]]]
    foreach word [lsearch -all -inline -not $words -*] {
        if {[lsearch -glob $names $word] < 0} {
            Fail "no case is called \"$word\"; there are: [join $names {, }]"
        }
    }
}

proc ::build::Bench {args} {
    variable root
    variable benchCases
    variable benchRounds
    set peers [expr {"-peers" in $args}]
    set wanted [lsearch -all -inline -not $args -*]
    foreach word [lsearch -all -inline $args -rounds=*] {
        set benchRounds [string range $word 8 end]
    }
    uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
    ::certs::Ensure
    Use benchmore
    Use benchscale
    Use benchchart
    set dir [file join $root build bench]
    file mkdir $dir
    # With the intermediate: tls 1.7.22 does not send it.
    WriteFile [file join $dir ca.pem] [ReadFile $root/certs/ca.pem]\n[ReadFile $root/certs/intermediate.pem]
    BenchCompile $dir
    set subjects [BenchSubjects $dir $peers]
    set rows {}
    set units {}
    try {
        foreach {name case unit} $benchCases {
            if {![llength $wanted] || [BenchIsWanted $name $wanted]} {
                puts stderr "bench: $name"
                dict set units $name $unit
                lappend rows {*}[BenchCase $name $case $subjects $dir]
            }
        }
    } finally {
        BenchStop
    }
    BenchTable $rows $units
    set more [BenchMore $dir $subjects $wanted]
    if {![llength $wanted]} {
        file mkdir [file join $root doc bench]
        WriteFile [file join $root doc bench bench.json] [Json [concat $rows $more]]
        WriteFile [file join $root doc bench bench.svg] [BenchChart $rows $units]
        puts "\nwritten: doc/bench/bench.json doc/bench/bench.svg"
    }
    return 0
}
