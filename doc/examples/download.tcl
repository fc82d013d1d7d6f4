#!/usr/bin/env tclsh
# Downloads a file over https, with a progress bar on stderr.
package require http
package require tls 2

if {[llength $argv] < 2 || [llength $argv] > 3} {
    puts stderr "usage: download.tcl url file ?ca-file?"
    exit 1
}
lassign $argv url path ca
set timer ""

# Called when something has come: a server that is silent for a minute counts as dead.
proc progress {token total done} {
    after cancel $::timer
    set ::timer [after 60000 [list http::reset $token silent]]
    set width 40
    set filled [expr {$total > 0 ? min($done, $total) * $width / $total : 0}]
    puts -nonewline stderr "\r\[[string repeat # $filled][string repeat . [expr {$width - $filled}]]\] $done bytes"
}

# An end without TLS's own is an error: a body that ends with the connection may be cut off.
# HTTP/1.0 because the package http takes a body in chunks for whole wherever it ends.
http::register https 443 [list tls::socket -cafile $ca -truncation error]
# Write to a second name: a download that breaks off leaves no half file.
set file [open $path.part wb]
set status 0
try {
    set token [http::geturl $url -channel $file -binary 1 -blocksize 65536 -headers {Accept-Encoding identity} \
        -protocol 1.0 -progress progress -command {set ::finished}]
    progress $token 0 0
    while {![info exists finished]} {
        vwait finished
    }
    upvar #0 $token state
    if {[http::status $token] ne "ok"} {
        error "[http::status $token] [lindex [http::error $token] 0]"
    }
    if {[http::ncode $token] != 200} {
        error [http::code $token]
    }
    if {$state(totalsize) > 0 && $state(currentsize) != $state(totalsize)} {
        error "only $state(currentsize) of $state(totalsize) bytes came"
    }
    close $file
    file rename -force $path.part $path
    puts stderr ""
    puts "saved $path, [file size $path] bytes"
} on error {message} {
    puts stderr "\nfailed: $message"
    set status 1
} finally {
    catch {close $file}
    file delete $path.part
}
exit $status
