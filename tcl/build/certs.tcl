# The recipe certs.

proc ::build::Certs {args} {
    variable root
    uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
    lappend ::auto_path $root
    package require -exact tls 2.1.0
    set dir [file join $root certs]
    ::certs::Make $dir
    foreach file [lsort [glob -directory $dir *.pem]] {
        set certificate [lindex [::tls::x509 parse [::certs::Read $file]] 0]
        puts [format "  %-22s until %s  %s" [file tail $file] [dict get $certificate notAfter] [dict get $certificate subject]]
    }
    return 0
}
