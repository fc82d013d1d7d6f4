#!/bin/sh
# Every recipe of the project. Run it bare for the list: sh build.tcl
# A shell reads on in the next line, which finds a tclsh; for Tcl it is a comment. \
exec sh "$(dirname -- "$0")/tcl/build/start.sh" "$0" "$@"

package require Tcl 8.6-
namespace eval ::build {
    variable root [file dirname [file normalize [info script]]]
    variable recipes {}
    variable running ""
}

# Files of bodies, by recipe.
proc ::build::Use {name} {
    variable root
    uplevel #0 [list source -encoding utf-8 [file join $root tcl build $name.tcl]]
}

proc ::build::recipe {name arguments description body} {
    variable recipes
    dict set recipes $name [list $arguments $description]
    proc ::build::Recipe-$name {args} $body
}

# A mistake of the caller: shown without a stack trace.
proc ::build::Fail {message} {
    return -code error -errorcode {BUILD FAILED} $message
}

proc ::build::Usage {} {
    variable recipes
    variable running
    return "usage: [string trim "$running [lindex [dict get $recipes $running] 0]"]"
}

# Checks a recipe's words before anything is installed or made: how many there may be, and
# which of those that begin with "-".
proc ::build::Take {words least most {flags {}}} {
    set count [llength $words]
    if {$count < $least || ($most ne "" && $count > $most)} {
        Fail [Usage]
    }
    foreach word $words {
        if {[string match -* $word] && $word ni $flags} {
            Fail "bad option \"$word\"; [Usage]"
        }
    }
}

proc ::build::List {} {
    variable recipes
    puts "sh build.tcl recipe ?argument ...?\n"
    dict for {name entry} $recipes {
        lassign $entry arguments description
        puts [format "  %-26s %s" "$name $arguments" $description]
    }
}

proc ::build::Main {words} {
    variable recipes
    variable running
    if {![llength $words] || [lindex $words 0] in {help -h --help -help}} {
        List
        return 0
    }
    set words [lassign $words name]
    if {![dict exists $recipes $name]} {
        puts stderr "there is no recipe \"$name\"; there are: [join [dict keys $recipes] {, }]"
        return 2
    }
    set running $name
    if {[lindex $words 0] in {-h -help --help}} {
        puts "[Usage]\n[lindex [dict get $recipes $name] 1]"
        return 0
    }
    try {
        return [Recipe-$name {*}$words]
    } trap {BUILD FAILED} {message} {
        puts stderr "build.tcl $name: $message"
    } trap {CHILDSTATUS} {message} {
        puts stderr "build.tcl $name: $message"
    } on error {message options} {
        puts stderr "build.tcl $name: [dict get $options -errorinfo]"
    }
    return 1
}

namespace eval ::build {
    Use common

recipe setup {?-peers?} {install what is missing; -peers: the real servers and clients of the tests} {
    Take $args 0 1 -peers
    if {$args ni {{} -peers}} {
        Fail [Usage]
    }
    Setup -v base localhost test lint sanitize valgrind {*}[expr {$args eq "-peers" ? "peers matrix" : ""}]
    return 0
}

recipe demo {?-serve ?port??} {verified HTTPS with itself, and three refusals; -serve: only the server} {
    Use demo
    DemoWords $args
    Setup base localhost
    return [Demo {*}$args]
}

recipe test {?pattern ...?} {run the tests: files, directories, or names of tests} {
    Take $args 0 ""
    Setup base localhost test
    Use test
    return [Test {} {*}$args]
}

recipe get {URL ?-o file?} {fetch a page over verified TLS with the system's trust store} {
    Take $args 1 3 -o
    Setup base
    Use get
    return [Get {*}$args]
}

recipe probe {host:port ?-json? ?option value ...?} {what a server offers and what is wrong with it; status 0 fine or note, 1 warning, 2 broken, 3 usage} {
    Use probe
    return [Probe {*}$args]
}

recipe serve {?dir? ?option value ...?} {files over HTTPS; the page /.tls shows the visitor's own connection} {
    Setup base localhost
    Use serve
    Use servepage
    return [ServeFiles {*}$args]
}

recipe package {DIR ?-static-openssl? ?-with tclsh ...?} {a self-contained package below DIR, for TCLLIBPATH=DIR} {
    Take $args 1 "" {-static-openssl -with}
    set options [lassign $args dir]
    set variant release
    set shells {}
    while {[llength $options]} {
        set options [lassign $options option]
        if {$option eq "-static-openssl"} {
            set variant static
        } elseif {$option eq "-with" && [llength $options]} {
            set options [lassign $options shell]
            lappend shells $shell
        } else {
            set dir ""
        }
    }
    if {$dir eq "" || [string match -* $dir]} {
        Fail [Usage]
    }
    Setup base {*}[expr {$variant eq "static" ? "static" : ""}]
    Use package
    set target [expr {[llength $shells] ? [MakePackageWith $dir $variant $shells] : [MakePackage $dir $variant]}]
    puts "$target is ready: [LibraryPath [lindex $args 0]] tclsh"
    return 0
}

recipe tea {DIR} {a source tree with configure and make, which needs no critcl} {
    Take $args 1 1
    Use package
    Use tea
    return [Tea {*}$args]
}

recipe deb {DIR} {a Debian package, tcl-tls2, into DIR} {
    Take $args 1 1
    Setup base deb
    Use package
    Use deb
    return [Deb {*}$args]
}

recipe install {?DIR?} {the package into DIR, by default where tclsh looks for packages} {
    Take $args 0 1
    Setup base
    Use package
    return [Install {*}$args]
}

recipe uninstall {?DIR?} {remove what install put there} {
    Take $args 0 1
    Use package
    return [Uninstall {*}$args]
}

recipe docs {?-check?} {manual and hacking guide as man page, HTML and Markdown} {
    Take $args 0 1 -check
    Setup base
    Use docs
    return [Docs {*}$args]
}

recipe certs {} {make the certificates of tests and demo anew} {
    Take $args 0 0
    Setup base
    Use certs
    return [Certs {*}$args]
}

recipe lint {} {the project's rules, and what compilers and analyzers say} {
    Take $args 0 0
    Setup base lint
    Use lint
    return [Lint {*}$args]
}

recipe sanitize {?pattern ...?} {the tests with AddressSanitizer, LeakSanitizer and UBSan} {
    Take $args 0 ""
    Setup base localhost test sanitize
    Use test
    return [Sanitize {*}$args]
}

recipe tsan {?pattern ...?} {the tests of threads with ThreadSanitizer} {
    Take $args 0 ""
    Setup base localhost test sanitize
    Use test
    return [SanitizeThreads $args]
}

recipe valgrind {?pattern ...?} {the tests under valgrind} {
    Take $args 0 ""
    Setup base localhost test valgrind
    Use test
    return [Valgrind {*}$args]
}

recipe fuzz {?seconds? ?target ...?} {libFuzzer on certificates, options, identities, handshakes and sessions} {
    Use fuzz
    FuzzWords $args
    Setup base localhost test lint
    return [Fuzz {*}$args]
}

recipe soak {?minutes? ?check ...?} {20,000 cycles, 900 idle connections, and everything at once in threads} {
    Use soak
    SoakWords $args
    Setup base localhost test
    return [Soak {*}$args]
}

recipe bench {?-peers? ?-rounds=n? ?case ...?} {what TLS costs here, beside bare OpenSSL and others} {
    Use bench
    BenchWords $args
    Setup base localhost test bench valgrind {*}[expr {"-peers" in $args ? "benchpeers" : ""}]
    return [Bench {*}$args]
}

recipe matrix {?-possible | -quick? ?suite ...?} {demo and tests in trees of Debian bookworm, trixie and sid, with every Tcl there} {
    Use matrix
    return [Matrix {*}$args]
}

recipe clean {} {remove everything that was built} {
    variable root
    Take $args 0 0
    file delete -force [file join $root build]
    foreach file [glob -nocomplain -directory [file join $root certs] *] {
        file delete -force $file
    }
    return 0
}
}

exit [::build::Main $argv]
