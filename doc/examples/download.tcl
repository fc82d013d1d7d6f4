#!/usr/bin/env tclsh
# Downloads a file over https, with a progress bar on stderr.
package require http
package require tls 2

if {[llength $argv] < 2 || [llength $argv] > 3} {
    puts stderr "usage: download.tcl url file ?ca-file?"
    exit 1
}
lassign $argv url path ca

proc progress {token total done} {
    set width 40
    set filled [expr {$total > 0 ? $done * $width / $total : 0}]
    puts -nonewline stderr "\r\[[string repeat # $filled][string repeat . [expr {$width - $filled}]]\] $done bytes"
}

http::register https 443 [list tls::socket -cafile $ca]
# Write to a second name: a download that breaks off leaves no half file.
set file [open $path.part wb]
set token [http::geturl $url -channel $file -binary 1 -blocksize 65536 -progress progress]
close $file
puts stderr ""
if {[http::status $token] ne "ok" || [http::ncode $token] != 200} {
    file delete $path.part
    puts stderr "failed: [http::status $token] [http::code $token] [http::error $token]"
    exit 1
}
file rename -force $path.part $path
puts "saved $path, [file size $path] bytes"
http::cleanup $token
