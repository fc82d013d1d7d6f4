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

proc ::build::Valgrind {args} {
    variable root
    set dir [CheckedBuild valgrind debug]
    return [Judge $dir [Test [list \
        TLS_TEST_PACKAGE $dir \
        TLS_TEST_PREFIX [list valgrind -q --error-exitcode=9 --leak-check=full \
            --errors-for-leak-kinds=definite --show-leak-kinds=definite --num-callers=30 \
            --suppressions=[file join $root tests lib valgrind.supp] \
            --log-file=[file join $dir reports %p]] \
        TLS_TEST_SLOW 20 \
    ] {*}$args]]
}
