# fuzz: libFuzzer targets of tests/fuzz, each with its share of the time, two at once where
# there are two processors. What is found
# goes to build/fuzz/; a past finding is kept in tests/fuzz/corpus/<target>/ and run first.

namespace eval ::build {
    variable fuzzTargets {certificate options identity handshake session}
}

# The C of all rooms as one file, with lines that name the rooms.
proc ::build::WriteRooms {path} {
    variable root
    set text ""
    foreach room [RoomNames] {
        set lines [split [ReadFile [file join $root c $room.critcl]] \n]
        set first [lsearch -exact $lines "critcl::ccode {"]
        set last [lindex [lsearch -all -exact $lines "}"] end]
        append text "#line [expr {$first + 2}] \"[file join $root c $room.critcl]\"\n"
        append text [join [lrange $lines $first+1 $last-1] \n] \n
    }
    WriteFile $path $text
}

proc ::build::RoomNames {} {
    variable root
    if {![regexp {set rooms \{([^\}]*)\}} [ReadFile [file join $root tls.critcl]] - rooms]} {
        Fail "no list of rooms in tls.critcl"
    }
    return [concat {*}[split [string trim $rooms] \n]]
}

proc ::build::TclFlags {} {
    if {![catch {exec pkg-config --cflags --libs tcl 2>/dev/null} words]} {
        return $words
    }
    set version [info tclversion]
    return [list -I/usr/include/tcl$version -ltcl$version]
}

proc ::build::BuildTarget {target dir} {
    variable root
    set command [list clang -std=gnu11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer \
        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -Wno-unused-function -Wno-unused-const-variable -DFUZZ_ROOT=\"$root\" -I$dir \
        [file join $root tests fuzz $target.c] -o [file join $dir $target] {*}[TclFlags] -lssl -lcrypto]
    if {[catch {exec {*}$command 2>@1} output]} {
        Fail "compiling $target failed\n$output"
    }
}

# What the fuzzer starts from: the kept findings, and what the test certificates give.
proc ::build::Seed {target dir} {
    variable root
    file mkdir $dir
    foreach file [glob -nocomplain -directory [file join $root tests fuzz corpus $target] *] {
        file copy -force $file $dir
    }
    set certs [file join $root certs]
    switch -exact -- $target {
        certificate {
            foreach file [glob -directory $certs *.pem] {
                file copy -force $file $dir
                catch {exec openssl x509 -in $file -outform DER -out [file join $dir [file tail $file].der] 2>/dev/null}
            }
        }
        identity {
            foreach file [glob -directory $certs *.key] {
                set name [file rootname [file tail $file]]
                WriteFile [file join $dir $name] [ReadFile $file]
                WriteFile [file join $dir $name.both] [ReadFile [file join $certs $name.pem]][ReadFile $file]
                catch {exec openssl pkey -in $file -passin pass:secret -outform DER -out [file join $dir $name.der] 2>/dev/null}
                # With a MAC hardly a change gets past it: some have none, some no encryption either.
                foreach {kind words} {mac {} nomac -nomac bare {-nomac -keypbe NONE -certpbe NONE}} {
                    catch {exec openssl pkcs12 -export -in [file join $certs $name.pem] -inkey $file -passin pass:secret \
                        -passout pass:secret {*}$words -out [file join $dir $name.$kind.p12] 2>/dev/null}
                }
            }
        }
        options {
            WriteFile [file join $dir alpn] "-alpn {h2 http/1.1} -request 1 -tls1.2 no -groups X25519:P-256"
            WriteFile [file join $dir pins] "-pin {sha256//[string repeat A 43]=} -security_level 2 -minversion tls1.2"
        }
        handshake {
            # A byte of choices: server, TLS 1.2, recording, callbacks (handshake.c).
            foreach choices {0 1 2 3 8 9 10 11} {
                WriteFile [file join $dir choices$choices] [format %c $choices]
                WriteFile [file join $dir choices$choices.flip] [format %c $choices]\0\x20\0\1
                exec env FUZZ_RECORD=$dir ASAN_OPTIONS=detect_leaks=0 [file join [file dirname $dir] handshake] \
                    [file join $dir choices$choices] 2>/dev/null
            }
        }
    }
}

proc ::build::FuzzWords {words} {
    variable fuzzTargets
    Take $words 0 ""
    set targets [lassign $words seconds]
    if {[llength $words] && (![string is integer -strict $seconds] || $seconds < 1)} {
        Fail [Usage]
    }
    foreach target $targets {
        if {$target ni $fuzzTargets} {
            Fail "bad target \"$target\": must be one of [join $fuzzTargets {, }]"
        }
    }
}

proc ::build::Fuzz {{seconds 300} args} {
    variable root
    variable fuzzTargets
    variable fuzzing
    if {[llength $args]} {
        set fuzzTargets $args
    }
    uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
    ::certs::Ensure
    set dir [file join $root build fuzz]
    file mkdir $dir
    WriteRooms [file join $dir rooms.c]
    file copy -force [file join $root tests fuzz fuzz.h] $dir
    foreach target $fuzzTargets {
        BuildTarget $target $dir
        Seed $target [file join $dir $target.corpus]
    }
    set fuzzing [dict create queue $fuzzTargets each [expr {max(1, $seconds / [llength $fuzzTargets])}] running 0 failed 0]
    # One for each processor, two at the most: a target takes a few hundred megabytes.
    for {set i 0} {$i < min(2, [Processors])} {incr i} {
        FuzzNext $dir
    }
    while {[dict get $fuzzing running]} {
        vwait ::build::fuzzing
    }
    return [expr {[dict get $fuzzing failed] > 0}]
}

proc ::build::Processors {} {
    if {[catch {exec getconf _NPROCESSORS_ONLN} count] || ![string is integer -strict $count]} {
        return 1
    }
    return $count
}

# Starts the next target of the queue, if there is one.
proc ::build::FuzzNext {dir} {
    variable fuzzing
    if {![llength [dict get $fuzzing queue]]} {
        return
    }
    dict set fuzzing queue [lassign [dict get $fuzzing queue] target]
    dict incr fuzzing running
    set channel [open |[list env ASAN_OPTIONS=detect_leaks=0 [file join $dir $target] \
        -max_total_time=[dict get $fuzzing each] -timeout=20 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix=[file join $dir $target-] [file join $dir $target.corpus] </dev/null 2>@1]]
    dict set fuzzing text $target ""
    fconfigure $channel -blocking 0
    fileevent $channel readable [list ::build::FuzzReadable $channel $dir $target]
}

proc ::build::FuzzReadable {channel dir target} {
    variable fuzzing
    dict set fuzzing text $target [dict get $fuzzing text $target][read $channel]
    if {![eof $channel]} {
        return
    }
    fconfigure $channel -blocking 1
    set code [catch {close $channel}]
    set log [file join $dir $target.log]
    set text [dict get $fuzzing text $target]
    WriteFile $log $text
    regexp {number_of_executed_units:\s+(\d+)} $text - runs
    foreach {- coverage} [regexp -all -inline {cov: (\d+)} $text] {}
    puts [format "%-12s %8s runs %6s places %4d s   %s" $target [Known runs] [Known coverage] \
        [dict get $fuzzing each] [expr {$code ? "FAILED: see $log" : "nothing found"}]]
    flush stdout
    dict incr fuzzing running -1
    dict incr fuzzing failed $code
    FuzzNext $dir
}

proc ::build::Known {name} {
    upvar 1 $name value
    return [expr {[info exists value] ? $value : "?"}]
}
