# Compiles the rooms where there is no critcl: with configure and make, as the source tree of
# the recipe tea does. The same library comes of it, release or debug.

namespace eval ::tlsbuild {}

# As ::tlsbuild::Compile; only what it leaves in work is of no use to analyzers.
proc ::tlsbuild::CompilePlain {root work variant library} {
    switch -exact -- $variant {
        release { set options {} }
        debug { set options {--enable-symbols CPPFLAGS=-DTLS_CHECKED} }
        default {
            return -code error -errorcode {BUILD FAILED} "only critcl can build this: the package critcl is needed"
        }
    }
    set child [interp create]
    set before [pwd]
    try {
        interp eval $child [list namespace eval ::build [list variable root $root]]
        foreach name {common package tea} {
            interp eval $child [list source -encoding utf-8 [file join $root tcl build $name.tcl]]
        }
        cd [interp eval $child [list ::build::MakeTea $work]]
        PlainRun env TCLSH=[info nameofexecutable] sh ./configure {*}$options
        PlainRun make
        file rename -force [glob tls*/lib*[info sharedlibextension]] $library
        return [interp eval $child {::build::Listed scripts}]
    } finally {
        cd $before
        interp delete $child
    }
}

# What goes wrong is told with the rooms' own names: their C has the same lines.
proc ::tlsbuild::PlainRun {args} {
    if {[catch {exec {*}$args 2>@1} output options]} {
        set output [regsub -all -line {(^|[[:space:]])(?:\./)?c/([a-z0-9]+)\.c:([0-9]+)} $output {\1c/\2.critcl:\3}]
        return -code error -errorcode {BUILD FAILED} "compiling failed\n[string trim $output]"
    }
}
