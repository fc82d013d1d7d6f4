# What contexts and names cost in memory: tclsh contexts.tcl package certs. Prints bytes of
# resident memory for each context with a certificate and an intermediate, and for each name.

lassign $argv package certs
set auto_path [linsert $auto_path 0 $package]
package require -exact tls 2.1.0

proc resident {} {
    set file [open /proc/self/statm]
    set pages [lindex [gets $file] 1]
    close $file
    return [expr {$pages * 4096}]
}

proc contexts {count} {
    global certs
    for {set i 0} {$i < $count} {incr i} {
        set last [tls::context new -certfile $certs/server-ec.pem -keyfile $certs/server-ec.key]
    }
    return $last
}

# The first ones pay for what all share.
set context [contexts 50]
set before [resident]
contexts 1000
set each [expr {([resident] - $before) / 1000.0}]
set before [resident]
for {set i 0} {$i < 10000} {incr i} {
    $context sni set name$i.example.org $context
}
puts "$each [expr {([resident] - $before) / 10000.0}]"
