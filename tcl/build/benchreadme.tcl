# The figures of README.md and of the manual as text to paste, from the rows of a whole run,
# so that nobody types them.

namespace eval ::build {
    # What | case | role | bound: at most or at least so many times which subject.
    variable readmeRows {
        {CPU of a full handshake, server, ms} full-ec server {<= 1.25 bare}
        {the same, client} full-ec client {<= 1.25 bare}
        {CPU of a resumed handshake, server, ms} resumed server {<= 1.25 bare}
        {the same, client} resumed client {<= 1.25 bare}
        {download, as server, MB/s} download server {>= 0.95 bare}
        {the same, as client} download client {>= 1.0 bare}
        {upload, as server, MB/s} upload server {>= 1.0 bare}
        {the same, as client} upload client {>= 0.95 bare}
        {download from a file, as server, MB/s} download-file server {}
        {the same into a file, as client} download-file client {}
        {upload into a file, as server, MB/s} upload-file server {}
        {the same from a file, as client} upload-file client {}
        {6-byte round trips, as server, /s} round-trips server {>= 0.8 plain}
        {the same, as client} round-trips client {>= 0.8 plain}
        {idle connection of 900, after the handshake, KiB} idle-900 quiet {}
        {the same, once used both ways} idle-900 used {}
    }
    variable readmeColumns {
        bare {bare OpenSSL in C} plain {plain Tcl, no TLS} tls tls tls-events {tls, event-driven} tls-1.7.22 {tcl-tls 1.7.22}
        python Python node Node
    }
    # What | case | role | key | bound | unit.
    variable readmeOther {
        {system calls for a MiB read, as server} calls-read server value {<= 32} {}
        {the same, as client} calls-read client value {<= 32} {}
        {idle connection of 900, after the handshake} idle-900 quiet value {<= 16} KiB
        {the same, once used both ways} idle-900 used value {<= 34} KiB
        {CPU of 900 idle connections in 2 s} idle-900 quiet cpu2s {<= 0.01} s
        {first connection with the system's trust store} first-system-trust client value {} ms
        {second one, over one with a one-certificate store} second-system-trust client ratio {<= 1.05} {}
        {handshake with 10,000 names, over one with one} names 10000 ratio {<= 1.02} {}
        {[package require], over a bare tclsh} start over-bare value {<= 10} ms
        {the same, over one that requires an empty package} start over-empty value {} ms
        {[tls::status]} status client value {} ms
        {HTTPS requests over kept connections} https keep-alive value {} /s
        {HTTPS requests with a connection each} https one-shot value {} /s
        {instructions of a handshake, server} instructions-handshake server value {} thousand
    }
}

# A value under its bound; in bold, with "missed", where it misses.
proc ::build::ReadmeBound {value bound} {
    lassign $bound sign limit
    set text "[format %.3f $value] ($sign $limit)"
    return [expr {($sign eq "<=" ? $value <= $limit : $value >= $limit) ? $text : "**$text, missed**"}]
}

# The ratio to what the bound of a row names, for the blocking and the event-driven server.
proc ::build::ReadmeRatios {rows case role bound} {
    if {![llength $bound]} {
        return ""
    }
    set texts {}
    foreach subject {tls tls-events} {
        set value [BenchFind $rows $case $subject $role [expr {[lindex $bound 2] eq "bare" ? "ratio" : "plainRatio"}]]
        if {$value ne ""} {
            lappend texts [ReadmeBound $value $bound]
        }
    }
    return "[lindex $bound 2]: [join $texts "; events "]"
}

proc ::build::ReadmeMain {rows} {
    variable readmeRows
    variable readmeColumns
    set lines [list "| | [join [dict values $readmeColumns] { | }] | tls beside, and bound |" "|[string repeat { --- |} 9]"]
    foreach {what case role bound} $readmeRows {
        set cells [lmap {subject -} $readmeColumns {
            set text [BenchNumber [BenchFind $rows $case $subject $role]]
            set resumed [BenchFind $rows $case $subject $role resumed]
            set count [BenchFind $rows $case $subject $role operations]
            # The first connection has nothing to resume.
            if {$resumed ne "" && $resumed < $count - 1} {
                append text ", resumes $resumed of $count"
            }
            set text
        }]
        lappend lines "| $what | [join $cells { | }] | [ReadmeRatios $rows $case $role $bound] |"
    }
    return [join $lines \n]
}

proc ::build::ReadmeOther {rows} {
    variable readmeOther
    set lines [list "| | tls | bound |" "| --- | --- | --- |"]
    foreach {what case role key bound unit} $readmeOther {
        set value [BenchFind $rows $case tls $role $key]
        if {$value ne ""} {
            set missed [expr {[llength $bound] && $value > [lindex $bound 1] ? ", **missed**" : ""}]
            set number [format [expr {$key eq "value" && $value >= 100 ? "%.0f" : $key eq "value" ? "%.2f" : "%.3f"}] $value]
            set limit [expr {[llength $bound] ? "at most [lindex $bound 1]" : ""}]
            lappend lines "| [string map {\[ ` \] `} $what] | [string trim "$number $unit"]$missed | $limit |"
        }
    }
    return [join $lines \n]
}

# The block of the manual's section on scaling.
proc ::build::ReadmeManual {rows} {
    set lines {}
    foreach row $rows {
        dict with row {
            if {[regexp {^(scale|names|idle-.*|contexts|instructions-names-.*)$} $case] && $subject eq "tls" && ![info exists failed]} {
                lappend lines [format "%-24s %-18s %10s %s" $case $role [BenchNumber $value] $unit]
            }
        }
    }
    return "\[example {\n[join $lines \n]\n}\]"
}

proc ::build::BenchReadme {about rows} {
    return "\nFor README.md, [dict get $about date]:\n\n[ReadmeMain $rows]\n\n[ReadmeOther $rows]\n
For the section on scaling of doc/tls.man:\n\n[ReadmeManual $rows]"
}
