# The recipe certs.

proc ::build::Certs {args} {
    variable root
    if {[llength $args]} {
        Fail "usage: certs"
    }
    uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
    set dir [file join $root certs]
    ::certs::Make $dir
    foreach file [lsort [glob -directory $dir *.pem]] {
        puts [format "  %-24s %s" [file tail $file] \
            [string map {\n {  }} [::certs::OpenSSL x509 -in $file -noout -subject -enddate -nameopt RFC2253]]]
    }
    return 0
}
