# The cases of the benchmark that are runs of a client against a server; and the processes
# of all cases.

namespace eval ::build {
    # Pipes of the servers that run.
    variable benchPipes {}
    # Those that a case keeps for its rounds: {command style certificate} -> server.
    variable benchServers {}
    # True once the server that begins has said something.
    variable benchSaid 0
}

# Starts a server, whose first line has its port first of all numbers; returns {port pid pipe}.
proc ::build::BenchOpen {command} {
    variable benchPipes
    variable benchSaid
    set pipe [open |[list {*}$command 2>@stderr] r+]
    lappend benchPipes $pipe
    fconfigure $pipe -buffering line
    set timer [after 60000 {set ::build::benchSaid 0}]
    fileevent $pipe readable {set ::build::benchSaid 1}
    vwait ::build::benchSaid
    after cancel $timer
    fileevent $pipe readable {}
    if {!$benchSaid || ![regexp {\d+} [gets $pipe] port]} {
        Fail "the server did not start"
    }
    return [list $port [pid $pipe] $pipe]
}

# Ends it with the end of its standard input, which those do that others watch, or kills it.
proc ::build::BenchClose {server {how kill}} {
    variable benchPipes
    lassign $server - pid pipe
    set benchPipes [lsearch -all -inline -not -exact $benchPipes $pipe]
    if {$how eq "kill"} {
        catch {exec kill {*}$pid}
    }
    catch {close $pipe}
}

proc ::build::BenchStop {} {
    variable benchPipes
    variable benchServers
    foreach pipe $benchPipes {
        BenchClose [list 0 [pid $pipe] $pipe]
    }
    set benchServers {}
}

# A subject as server, from its command.
proc ::build::BenchServe {command {style server} {certificate server-ec}} {
    variable root
    return [BenchOpen [list {*}$command $style $root/certs/$certificate.pem $root/certs/$certificate.key]]
}

# The same one for all rounds.
proc ::build::BenchServer {command style certificate} {
    variable benchServers
    set key [list $command $style $certificate]
    if {![dict exists $benchServers $key]} {
        dict set benchServers $key [BenchServe $command $style $certificate]
    }
    return [dict get $benchServers $key]
}

# Seconds of CPU that processes have used, all their threads together.
proc ::build::BenchCpu {pids} {
    set total 0
    foreach pid $pids {
        set files [glob -nocomplain /proc/$pid/task/*/schedstat]
        if {![llength $files]} {
            Fail "no /proc/$pid/task/*/schedstat: the process has ended, or the kernel does not count"
        }
        foreach file $files {
            # A thread may end meanwhile.
            catch {incr total [lindex [ReadFile $file] 0]}
        }
    }
    return [expr {$total / 1e9}]
}

# The words for one run of a client. One that hangs is a failure, too.
proc ::build::BenchClient {client port case} {
    variable root
    return [list timeout 300 {*}$client client $port [file join $root build bench ca.pem] {*}[lrange $case 0 4]]
}

# One run: {seconds clientCpu serverCpu resumed}.
proc ::build::BenchRun {client server case} {
    lassign $server port pid
    set before [BenchCpu $pid]
    set output [exec {*}[BenchClient $client $port $case] 2>@stderr]
    if {![regexp {^([\d.]+) ([\d.]+) (\d+)$} $output - seconds cpu resumed]} {
        Fail "the client printed \"$output\""
    }
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

# What CPU is divided by in a case: {operations unit factor}.
proc ::build::BenchOperations {case} {
    lassign $case task count bytes
    switch -exact -- $task {
        h { return [list $count ms/handshake 1e3] }
        p { return [list $bytes us/trip 1e6] }
        default { return [list [expr {$bytes / 1048576.0}] ms/MiB 1e3] }
    }
}

# The figures of one run, by key. role: whose CPU a handshake's figure is.
proc ::build::BenchFigures {run case role} {
    lassign $run seconds clientCpu serverCpu
    lassign [BenchOperations $case] operations - factor
    set client [expr {$factor * $clientCpu / $operations}]
    set server [expr {$factor * $serverCpu / $operations}]
    switch -exact -- [lindex $case 0] {
        h { set value [expr {$role eq "server" ? $server : $client}] }
        p { set value [expr {$operations / $seconds}] }
        default { set value [expr {[lindex $case 2] / $seconds / 1e6}] }
    }
    return [list $value $server $client]
}

# Not every subject does everything.
proc ::build::BenchIsMeasured {name case subject role variant} {
    set task [lindex $case 0]
    switch -glob -- $subject {
        *-events {
            if {$role eq "client" || [llength $variant]} {
                return 0
            }
        }
        tls-[0-9]* {
            # These clients resume nothing.
            return [expr {$role eq "server" || ![lindex $case 4]}]
        }
        python - node {
            return [expr {![llength $variant]}]
        }
    }
    # What Tcl's own sockets cost is shown once: TLS comes on top of it.
    return [expr {![string match plain* $subject] || $task ne "h" || $name eq "full-ec"}]
}

# One run of a subject in its role; variant: what its command begins with. The other side is
# the bare peer; a plain socket speaks with its own kind, without variant.
proc ::build::BenchPair {subjects subject role case variant} {
    set other [dict get $subjects [expr {[string match plain* $subject] ? "plain" : "bare"}]]
    set command [concat $variant [dict get $subjects $subject]]
    set certificate [lindex $case 5]
    if {$role eq "server"} {
        set style [expr {[string match *-events $subject] ? "events" : "server"}]
        return [BenchRun $other [BenchServer $command $style $certificate] $case]
    }
    return [BenchRun $command [BenchServer $other server $certificate] $case]
}

# The case as a subject runs it.
proc ::build::BenchOwnCase {case subject role} {
    if {[string match tls-\[12\].* $subject] && $role eq "client" && [lindex $case 0] eq "h"} {
        # It reads the system's trust for each connection, 40 times the cost.
        return [lreplace $case 1 1 20]
    }
    return $case
}

# All rounds of one case for all subjects, in both roles.
proc ::build::BenchCase {name case unit subjects dir} {
    variable benchRounds
    variable benchVariants
    variable benchFailed
    set variant {}
    foreach {pattern setting} $benchVariants {
        if {[string match $pattern $name]} {
            set variant [list env [string map [list \$dir $dir] $setting]]
        }
    }
    if {[string match *-file $name]} {
        BenchBulk $dir
    }
    set runs {}
    set failures {}
    for {set round 0} {$round < $benchRounds} {incr round} {
        dict for {subject command} $subjects {
            foreach role {server client} {
                set key [list $subject $role]
                if {![BenchIsMeasured $name $case $subject $role $variant] || [dict exists $failures $key]} {
                    continue
                }
                set own [BenchOwnCase $case $subject $role]
                try {
                    dict lappend runs $key [BenchPair $subjects $subject $role $own $variant]
                } on error {message} {
                    puts stderr "bench: $name, $subject as $role failed: $message"
                    lappend benchFailed "$name ($subject as $role)"
                    dict set failures $key $message
                    BenchStop
                }
            }
        }
    }
    set rows [BenchCaseRows $name $case $unit $runs $failures]
    BenchTable $name $unit $rows
    return $rows
}

# The rows of a case from its runs and failures, which are by {subject role}.
proc ::build::BenchCaseRows {name case unit runs failures} {
    set rows {}
    dict for {key list} $runs {
        lassign $key subject role
        if {[dict exists $failures $key]} {
            continue
        }
        set own [BenchOwnCase $case $subject $role]
        lassign [BenchOperations $own] operations cpuUnit
        set figures [lmap run $list {BenchFigures $run $own $role}]
        set values [lmap figure $figures {lindex $figure 0}]
        set row [dict create case $name subject $subject role $role value [Median $values] unit $unit spread [Spread $values] \
            rounds [llength $list] values $values operations $operations serverCpu [Median [lmap figure $figures {lindex $figure 1}]] \
            clientCpu [Median [lmap figure $figures {lindex $figure 2}]] cpuUnit $cpuUnit]
        if {[lindex $case 4]} {
            # The least of all rounds.
            dict set row resumed [lindex [lsort -integer [lmap run $list {lindex $run 3}]] 0]
        }
        lappend rows $row
    }
    dict for {key message} $failures {
        lassign $key subject role
        lappend rows [dict create case $name subject $subject role $role failed $message]
    }
    set rows [lmap row $rows {dict remove [BenchRatios $row $rows] values}]
    return [concat [lsearch -all -inline -index 5 $rows server] [lsearch -all -inline -index 5 $rows client]]
}

# A row with its ratios to the bare peer, and to a plain socket where both do the same: medians of the
# rounds' own, since the two of a round ran one after the other, while the machine's mood was the same.
proc ::build::BenchRatios {row rows} {
    set subject [dict get $row subject]
    set plain [expr {[string match *-events $subject] ? "plain-events" : "plain"}]
    foreach {key other} [list ratio bare plainRatio $plain] {
        # A handshake over a plain socket is none.
        if {[dict exists $row failed] || ($other ne "bare" && [string match *handshake* [dict get $row unit]])} {
            continue
        }
        set bases [BenchFind $rows [dict get $row case] $other [dict get $row role] values]
        if {[llength $bases]} {
            dict set row $key [Median [lmap value [dict get $row values] base $bases {expr {$value / $base}}]]
        }
    }
    return $row
}

# The figure of a row, or nothing.
proc ::build::BenchFind {rows case subject role {key value}} {
    foreach row $rows {
        if {[dict get $row case] eq $case && [dict get $row subject] eq $subject && [dict get $row role] eq $role} {
            return [expr {[dict exists $row $key] ? [dict get $row $key] : ""}]
        }
    }
    return ""
}
