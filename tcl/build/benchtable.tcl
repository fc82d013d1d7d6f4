# What the benchmark prints and writes: tables, JSON, and what was measured with what.

# A figure with four digits or so.
proc ::build::BenchNumber {value} {
    if {$value eq ""} {
        return ""
    }
    return [format [expr {abs($value) >= 100 ? "%.0f" : abs($value) >= 10 ? "%.1f" : "%.2f"}] $value]
}

# The rows of one case of a client against a server.
proc ::build::BenchTable {name unit rows} {
    set cpu [lindex [lsearch -all -inline -glob [lindex $rows 0] */*] end]
    puts [format "\n%s: %s" $name $unit]
    puts [format "  %-13s %-7s %9s %7s %8s %8s  %18s %18s" subject as median spread "of bare" "of plain" \
        "server $cpu" "client $cpu"]
    foreach row $rows {
        set columns [format "  %-13s %-7s" [dict get $row subject] [dict get $row role]]
        if {[dict exists $row failed]} {
            puts "$columns failed: [lindex [split [dict get $row failed] \n] 0]"
            continue
        }
        set ratios [lmap key {ratio plainRatio} {BenchNumber [expr {[dict exists $row $key] ? [dict get $row $key] : ""}]}]
        append columns [format " %9s %6.1f%% %8s %8s  %18.3f %18.3f" [BenchNumber [dict get $row value]] [dict get $row spread] \
            {*}$ratios [dict get $row serverCpu] [dict get $row clientCpu]]
        if {[dict exists $row resumed]} {
            append columns "  resumed [dict get $row resumed] of [dict get $row operations]"
        }
        puts $columns
    }
}

# A row of another case, printed at once: figures of all rounds, and what else is to be said.
proc ::build::BenchRow {case subject role figures unit {more {}}} {
    set value [Median $figures]
    set row [dict create case $case subject $subject role $role value $value unit $unit \
        spread [Spread $figures] rounds [llength $figures] {*}$more]
    set text [format "%-20s %-5s %-18s %10s %s" $case $subject $role [format [expr {abs($value) < 10 ? "%.3f" : abs($value) < 1000 ? "%.1f" : "%.0f"}] $value] $unit]
    if {[llength $figures] > 1} {
        append text [format ", spread %.1f%%" [dict get $row spread]]
    }
    dict for {key word} $more {
        if {[string is double -strict $word]} {
            set word [format %.3f $word]
        }
        append text ", $key $word"
    }
    puts $text
    return $row
}

# What was measured, when and with what: neither the machine's name nor its paths.
proc ::build::BenchAbout {dir subjects} {
    variable benchRounds
    set processor unknown
    catch {regexp -line {^model name\s*:\s*(.*)$} [ReadFile /proc/cpuinfo] - processor}
    regexp {ifneeded tls ([\d.]+)} [ReadFile [glob $dir/package/pkgIndex.tcl $dir/package/*/pkgIndex.tcl]] - package
    set about [dict create date [clock format [clock seconds] -format %Y-%m-%d -gmt 1] tls $package Tcl [info patchlevel] \
        OpenSSL [lindex [exec [file join $dir peer] version] 1] processor $processor \
        processors [llength [glob -nocomplain -directory /sys/devices/system/cpu {cpu[0-9]*}]] \
        rounds $benchRounds subjects [join [dict keys $subjects]]]
    foreach name {Python Node} {
        # One that is broken fails in its cases.
        catch {dict set about $name [lindex [exec {*}[lindex [dict get $subjects [string tolower $name]] 0] --version] end]}
    }
    return $about
}

# An object of JSON on one line. Words are those keys that may look like numbers.
proc ::build::BenchObject {row} {
    set members {}
    dict for {key value} $row {
        if {$key in {case subject role date tls Tcl OpenSSL} || ![string is double -strict $value]} {
            set value \"[string map {\\ \\\\ \" \\\" \n \\n \t \\t} $value]\"
        }
        lappend members "\"$key\": $value"
    }
    return \{[join $members {, }]\}
}

proc ::build::BenchJson {about rows} {
    return "\{\n\"about\": [BenchObject $about],\n\"rows\": \[\n  [join [lmap row $rows {BenchObject $row}] ",\n  "]\n\]\n\}\n"
}
