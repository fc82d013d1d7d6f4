# bench: what TLS costs here, beside a bare OpenSSL program, a plain socket and, with
# -peers, other scripting languages. All subjects of a case run one after the other, for
# several rounds; medians, because single pairs differ by a third on a shared machine.
# Writes bench.json and bench.svg: into doc/bench if all was measured, else into build/bench.
# See tests/bench for the programs.

namespace eval ::build {
    # case | side measured | task, connections, bytes, version, resume, certificate | unit
    variable benchCases {
        full-ec      {h 300 0 tls1.3 0 server-ec}        {ms CPU/handshake}
        full-rsa     {h 150 0 tls1.3 0 server-rsa}       {ms CPU/handshake}
        full-ec-1.2  {h 300 0 tls1.2 0 server-ec}        {ms CPU/handshake}
        full-rsa-1.2 {h 150 0 tls1.2 0 server-rsa}       {ms CPU/handshake}
        resumed      {h 300 0 tls1.3 1 server-ec}        {ms CPU/handshake}
        resumed-1.2  {h 300 0 tls1.2 1 server-ec}        {ms CPU/handshake}
        download     {d 1 500000000 tls1.3 0 server-ec}  {MB/s}
        upload       {u 1 500000000 tls1.3 0 server-ec}  {MB/s}
        download-64k {d 1 200000000 tls1.3 0 server-ec}  {MB/s}
        upload-64k   {u 1 200000000 tls1.3 0 server-ec}  {MB/s}
        download-file {d 1 200000000 tls1.3 0 server-ec} {MB/s}
        upload-file  {u 1 200000000 tls1.3 0 server-ec}  {MB/s}
        round-trips  {p 1 5000 tls1.3 0 server-ec}       {round trips/s}
    }
    # The other cases, of benchmore.tcl, benchcalls.tcl and benchscale.tcl: name | other names,
    # those of its rows | what measures it.
    variable benchMore {
        idle-100 idle {BenchIdle $dir $subjects 100}
        idle-400 idle {BenchIdle $dir $subjects 400}
        idle-900 idle {BenchIdle $dir $subjects 900}
        contexts {} {BenchContexts $dir}
        start {} {BenchStart $dir}
        trust {inside first-system-trust second-system-trust second-one-ca} {BenchTrust $dir $subjects}
        status inside {BenchStatus $dir $subjects}
        calls {calls-read calls-written} {BenchCalls $dir $subjects}
        records {} {BenchRecords $subjects}
        https {} {BenchHttps $dir}
        names {} {BenchNames $dir $subjects}
        scale {} {BenchScale $dir $subjects}
        instructions {instructions-handshake instructions-resumed instructions-read-MB instructions-write-MB
            instructions-names-1 instructions-names-10000} {BenchInstructions $dir $subjects}
    }
    # What a Tcl program does otherwise in a case: see tests/bench/subject.tcl.
    variable benchVariants {
        *-64k  {BENCH_SETTINGS=-buffersize 65536}
        *-file {BENCH_FILE=$dir/bulk}
    }
    variable benchRounds 7
    # Cases that failed, by name.
    variable benchFailed {}
}

# Name -> command of each subject. A name with -events is an event-driven server.
proc ::build::BenchSubjects {dir peers} {
    variable root
    set tcl [list [Shell] [file join $root tests bench subject.tcl]]
    set subjects [list bare [list [file join $dir peer]] tls [list {*}$tcl $dir/package] \
        tls-events [list {*}$tcl $dir/package] plain [list {*}$tcl plain] plain-events [list {*}$tcl plain]]
    if {!$peers} {
        return $subjects
    }
    set count [dict size $subjects]
    foreach version {1.7.22 1.8.0 2.0.1} {
        if {![catch {exec [Shell] << "package require -exact tls $version"}]} {
            dict set subjects tls-$version [list {*}$tcl $version]
        }
    }
    if {[dict size $subjects] == $count} {
        puts "tcl-tls is not there: not measured"
    }
    foreach {name program file} {python python3 subject.py node node subject.js} {
        if {[auto_execok $program] ne ""} {
            dict set subjects $name [list $program [file join $root tests bench $file]]
        } else {
            puts "$program is not there: not measured"
        }
    }
    return $subjects
}

proc ::build::BenchCompile {dir} {
    variable root
    set flags {-lssl -lcrypto}
    catch {set flags [exec pkg-config --cflags --libs libssl libcrypto]}
    exec cc -O2 -o [file join $dir peer] -pthread [file join $root tests bench peer.c] {*}$flags
    Use package
    MakePackage [file join $dir package] release
}

# The file of the cases with fcopy, 200 MB. Beside it the subjects make a copy.
proc ::build::BenchBulk {dir} {
    set file [open [file join $dir bulk] wb]
    for {set i 0} {$i < 200} {incr i} {
        puts -nonewline $file [string repeat "0123456789abcdef" 62500]
    }
    close $file
}

proc ::build::BenchIsWanted {names patterns} {
    foreach name $names {
        foreach pattern $patterns {
            if {[string match $pattern $name]} {
                return 1
            }
        }
    }
    return [expr {![llength $patterns]}]
}

proc ::build::BenchWords {words} {
    variable benchCases
    variable benchMore
    set names [lmap {name - -} $benchCases {set name}]
    set others {}
    foreach {name aliases -} $benchMore {
        lappend names $name
        lappend others {*}$aliases
    }
    set flags [concat -peers [lsearch -all -inline -regexp $words {^-rounds=[1-9][0-9]?$}]]
    if {[catch {Take $words 0 "" $flags} message]} {
        Fail "$message\nthe cases: [join $names {, }]"
    }
    foreach word [lsearch -all -inline -not $words -*] {
        if {[lsearch -glob [concat $names $others] $word] < 0} {
            Fail "no case is called \"$word\"; there are: [join $names {, }]"
        }
    }
}

# A case that fails names itself and leaves the others running; returns rows.
proc ::build::BenchTry {name script} {
    variable benchFailed
    puts stderr "bench: $name"
    set rows {}
    try {
        set rows [uplevel 1 $script]
    } on error {message} {
        puts stderr "bench: $name failed: $message"
        lappend benchFailed $name
        lappend rows [dict create case $name subject tls role "" failed $message]
    } finally {
        BenchStop
    }
    return $rows
}

# All that is wanted; returns rows.
proc ::build::BenchAll {dir subjects wanted} {
    variable benchCases
    variable benchMore
    set rows {}
    foreach {name case unit} $benchCases {
        if {[BenchIsWanted [list $name] $wanted]} {
            lappend rows {*}[BenchTry $name {BenchCase $name $case $unit $subjects $dir}]
        }
    }
    puts ""
    foreach {name aliases script} $benchMore {
        if {[BenchIsWanted [list $name {*}$aliases] $wanted]} {
            lappend rows {*}[BenchTry $name $script]
        }
    }
    return $rows
}

proc ::build::Bench {args} {
    variable root
    variable benchRounds
    variable benchFailed
    set peers [expr {"-peers" in $args}]
    set wanted [lsearch -all -inline -not $args -*]
    foreach word [lsearch -all -inline $args -rounds=*] {
        set benchRounds [string range $word 8 end]
    }
    uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
    ::certs::Ensure
    foreach room {benchrun benchmore benchcalls benchscale benchtable benchreadme benchchart} {
        Use $room
    }
    set dir [file join $root build bench]
    file mkdir $dir
    # With the intermediate: tls 1.7.22 does not send it.
    WriteFile [file join $dir ca.pem] [ReadFile $root/certs/ca.pem]\n[ReadFile $root/certs/intermediate.pem]
    BenchCompile $dir
    set subjects [BenchSubjects $dir $peers]
    set about [BenchAbout $dir $subjects]
    try {
        set rows [BenchAll $dir $subjects $wanted]
    } finally {
        BenchStop
        file delete [file join $dir bulk] [file join $dir bulk.copy]
    }
    # What is published is whole.
    set whole [expr {$peers && ![llength $wanted]}]
    set to [expr {$whole && $benchRounds >= 7 && ![llength $benchFailed] ? "doc/bench" : "build/bench"}]
    file mkdir [file join $root $to]
    WriteFile [file join $root $to bench.json] [BenchJson $about $rows]
    WriteFile [file join $root $to bench.svg] [BenchChart $about $rows]
    puts "\nwritten: $to/bench.json $to/bench.svg"
    if {$whole} {
        puts [BenchReadme $about $rows]
    }
    if {[llength $benchFailed]} {
        puts stderr "bench: failed: [join $benchFailed {, }]"
    }
    return [expr {[llength $benchFailed] > 0}]
}
