#!/bin/sh
# Every recipe of the project. Run it bare for the list: sh build.tcl
# A shell reads on in the next line, which finds a tclsh; for Tcl it is a comment. \
exec sh "$(dirname -- "$0")/tcl/build/start.sh" "$0" "$@"

package require Tcl 8.6-
namespace eval ::build {
    variable root [file dirname [file normalize [info script]]]
    variable recipes {}
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
    if {![llength $words] || [lindex $words 0] in {help -h --help -help}} {
        List
        return 0
    }
    set words [lassign $words name]
    if {![dict exists $recipes $name]} {
        puts stderr "there is no recipe \"$name\"; there are: [join [dict keys $recipes] {, }]"
        return 2
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
    if {$args ni {{} -peers}} {
        Fail "usage: setup ?-peers?"
    }
    Setup -v base test lint sanitize valgrind {*}[expr {$args eq "-peers" ? "peers matrix" : ""}]
    return 0
}

recipe demo {?-serve ?port??} {verified HTTPS with itself, and three refusals; -serve: only the server} {
    Setup base
    Use demo
    return [Demo {*}$args]
}

recipe test {?pattern ...?} {run the tests: files, directories, or names of tests} {
    Setup base test
    Use test
    return [Test {} {*}$args]
}

recipe get {URL ?-o file?} {fetch a page over verified TLS with the system's trust store} {
    Setup base
    Use get
    return [Get {*}$args]
}

recipe probe {host:port ?-json? ?option value ...?} {what a server offers and what is wrong with it; status 0 fine, 1 warning, 2 broken, 3 usage} {
    Use probe
    return [Probe {*}$args]
}

recipe serve {?dir? ?option value ...?} {files over HTTPS; the page /.tls shows the visitor's own connection} {
    Setup base
    Use serve
    Use servepage
    return [ServeFiles {*}$args]
}

recipe package {DIR ?-static-openssl? ?-with tclsh ...?} {a self-contained package below DIR, for TCLLIBPATH=DIR} {
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
    if {$dir eq ""} {
        Fail "usage: package DIR ?-static-openssl? ?-with tclsh ...?"
    }
    Setup base {*}[expr {$variant eq "static" ? "static" : ""}]
    Use package
    set target [expr {[llength $shells] ? [MakePackageWith $dir $variant $shells] : [MakePackage $dir $variant]}]
    puts "$target is ready: TCLLIBPATH={[file normalize [lindex $args 0]]} tclsh"
    return 0
}

recipe tea {DIR} {a source tree with configure and make, which needs no critcl} {
    Use package
    Use tea
    return [Tea {*}$args]
}

recipe deb {DIR} {a Debian package, tcl-tls2, into DIR} {
    Setup base deb
    Use package
    Use deb
    return [Deb {*}$args]
}

recipe install {?DIR?} {the same into DIR, by default where tclsh looks for packages} {
    Setup base
    Use package
    return [Install {*}$args]
}

recipe uninstall {?DIR?} {remove what install put there} {
    Use package
    return [Uninstall {*}$args]
}

recipe docs {?-check?} {manual and hacking guide as man page, HTML and Markdown} {
    Setup base
    Use docs
    return [Docs {*}$args]
}

recipe certs {} {make the certificates of tests and demo anew} {
    Setup base
    Use certs
    return [Certs {*}$args]
}

recipe lint {} {the project's rules, and what compilers and analyzers say} {
    Setup base lint
    Use lint
    return [Lint {*}$args]
}

recipe sanitize {?pattern ...?} {the tests with AddressSanitizer, LeakSanitizer and UBSan} {
    Setup base test sanitize
    Use test
    return [Sanitize {*}$args]
}

recipe tsan {?pattern ...?} {the tests of threads with ThreadSanitizer} {
    Setup base test sanitize
    Use test
    return [SanitizeThreads $args]
}

recipe valgrind {?pattern ...?} {the tests under valgrind} {
    Setup base test valgrind
    Use test
    return [Valgrind {*}$args]
}

recipe fuzz {?seconds?} {libFuzzer on certificates, options, identities, handshakes and sessions} {
    Setup base test lint
    Use fuzz
    return [Fuzz {*}$args]
}

recipe soak {?minutes? ?check ...?} {20,000 cycles, 900 idle connections, and everything at once in threads} {
    Setup base test
    Use soak
    return [Soak {*}$args]
}

recipe bench {?-peers? ?case ...?} {what TLS costs here, beside bare OpenSSL and others} {
    Setup base test bench valgrind
    Use bench
    return [Bench {*}$args]
}

recipe matrix {?-quick? ?suite ...?} {demo and tests in trees of Debian bookworm, trixie and sid, with every Tcl there} {
    Use matrix
    return [Matrix {*}$args]
}

recipe clean {} {remove everything that was built} {
    variable root
    file delete -force [file join $root build]
    foreach file [glob -nocomplain -directory [file join $root certs] *] {
        file delete -force $file
    }
    return 0
}
}

exit [::build::Main $argv]
