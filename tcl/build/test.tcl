# The recipes test, sanitize and valgrind: the same tests, on different builds.

# Runs tests/all.tcl with variables of the environment; returns its exit status.
proc ::build::Test {environment args} {
    variable root
    dict for {name value} $environment {
        set ::env($name) $value
    }
    set command [list [info nameofexecutable] [file join $root tests all.tcl] {*}$args]
    if {[catch {exec {*}$command >@stdout 2>@stderr </dev/null} message options]} {
        if {[lindex [dict get $options -errorcode] 0] ne "CHILDSTATUS"} {
            puts stderr $message
        }
        return 1
    }
    return 0
}

# A fresh directory for a checked build and what it reports.
proc ::build::CheckedBuild {name variant} {
    variable root
    set dir [file join $root build $name]
    file delete -force $dir
    file mkdir [file join $dir reports]
    Use package
    MakePackage $dir $variant
    return $dir
}

# Prints the reports of a run, if there are any. The counts stay the last line.
proc ::build::Judge {dir status} {
    set reports [lsort [glob -nocomplain -directory [file join $dir reports] *]]
    set shown 0
    foreach report $reports {
        set text [string trim [ReadFile $report]]
        if {$text eq ""} {
            continue
        }
        incr shown
        if {$shown <= 5} {
            puts stderr "===== $report\n$text"
        }
    }
    if {$shown} {
        puts stderr "$shown reports in [file join $dir reports]"
        return 1
    }
    return $status
}

proc ::build::Sanitize {args} {
    variable root
    set dir [CheckedBuild sanitize sanitize]
    set asan [exec gcc -print-file-name=libasan.so]
    set ubsan [exec gcc -print-file-name=libubsan.so]
    set report [file join $dir reports report]
    set suppressions [file join $root tests lib lsan.supp]
    # Thread-local variables of a library: the sanitizer guesses their place by the layout of
    # glibc 2.19 and at times crashes at exit ("Tracer caught signal 11"). LeakSanitizer knows
    # the loader's blocks without that.
    set threads "intercept_tls_get_addr=0"
    # Options are separated by colons or spaces; quotes keep those of a path.
    set common "log_path='$report' abort_on_error=0"
    return [Judge $dir [Test [list \
        TLS_TEST_PACKAGE $dir \
        TLS_TEST_PRELOAD "[file normalize $asan] [file normalize $ubsan]" \
        TLS_TEST_SLOW 4 \
        ASAN_OPTIONS "detect_leaks=1 detect_stack_use_after_return=1 strict_string_checks=1 $threads $common" \
        LSAN_OPTIONS "suppressions='$suppressions' print_suppressions=0" \
        UBSAN_OPTIONS "print_stacktrace=1 halt_on_error=1 $common" \
    ] {*}$args]]
}

# Threads: a build of its own, because AddressSanitizer and ThreadSanitizer exclude each other.
# Without patterns, the tests of threads and then the soak's: everything at once in three.
proc ::build::SanitizeThreads {patterns} {
    variable root
    set dir [CheckedBuild tsan tsan]
    set library [file normalize [exec gcc -print-file-name=libtsan.so]]
    set suppressions [file join $root tests lib tsan.supp]
    set status [Test [list \
        TLS_TEST_PACKAGE $dir \
        TLS_TEST_PRELOAD $library \
        TLS_TEST_SLOW 8 \
        TSAN_OPTIONS "suppressions='$suppressions' log_path='[file join $dir reports report]' history_size=4" \
    ] {*}[expr {[llength $patterns] ? $patterns : {threads scaling}}]]
    if {![llength $patterns]} {
        set soak [list [info nameofexecutable] [file join $root tests soak.tcl] 0.5 mixed]
        incr status [catch {exec env LD_PRELOAD=$library {*}$soak >@stdout 2>@stderr </dev/null}]
    }
    return [Judge $dir [expr {$status > 0}]]
}

# What valgrind said of one process: {1 errors bytes-definitely-lost}, or {0 0 0} for a fork
# that became another program.
proc ::build::ValgrindFigures {report} {
    set text [ReadFile $report]
    if {![regexp {ERROR SUMMARY: ([0-9,]+) errors} $text - errors]} {
        return {0 0 0}
    }
    set lost 0
    regexp {definitely lost: ([0-9,]+) bytes} $text - lost
    return [list 1 [string map {, {}} $errors] [string map {, {}} $lost]]
}

# Prints, for each test file, what its processes came to, and the first reports.
proc ::build::JudgeValgrind {dir status} {
    set files {}
    set shown 0
    foreach report [lsort [glob -nocomplain -directory [file join $dir reports] *]] {
        set figures [ValgrindFigures $report]
        foreach name [list [file rootname [file tail $report]] total] {
            set sums [expr {[dict exists $files $name] ? [dict get $files $name] : {0 0 0}}]
            dict set files $name [lmap sum $sums more $figures {expr {$sum + $more}}]
        }
        if {[lindex $figures 1] && [incr shown] <= 5} {
            puts stderr "===== $report\n[string trim [ReadFile $report]]"
        }
    }
    set files [dict merge [dict remove $files total] [dict create total {0 0 0}] [dict filter $files key total]]
    puts [format "\n%-28s %9s %6s %15s" "under valgrind" processes errors "definitely lost"]
    dict for {name sums} $files {
        puts [format "%-28s %9d %6d %9d bytes" $name {*}$sums]
    }
    lassign [dict get $files total] - errors lost
    return [expr {$status || $errors > 0 || $lost > 0}]
}

proc ::build::Valgrind {args} {
    variable root
    set dir [CheckedBuild valgrind debug]
    return [JudgeValgrind $dir [Test [list \
        TLS_TEST_PACKAGE $dir \
        TLS_TEST_PREFIX [list valgrind --error-exitcode=9 --leak-check=full \
            --errors-for-leak-kinds=definite --show-leak-kinds=definite --num-callers=30 \
            --suppressions=[file join $root tests lib valgrind.supp] \
            --log-file=[file join $dir reports %q{TLS_TEST_FILE}.%p]] \
        TLS_TEST_SLOW 20 \
    ] {*}$args]]
}
