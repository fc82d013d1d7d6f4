#!/usr/bin/env tclsh
# Gets a page over https and prints it. The server must show a good certificate for its name.
package require http
package require tls 2

if {[llength $argv] < 1 || [llength $argv] > 2} {
    puts stderr "usage: https-get.tcl url ?ca-file?"
    exit 1
}
lassign $argv url ca

# A CA file takes the place of the system's list of trusted CAs.
http::register https 443 [list tls::socket -cafile $ca]
set token [http::geturl $url -timeout 20000]
if {[http::status $token] ne "ok"} {
    puts stderr "failed: [http::status $token] [http::error $token]"
    exit 1
}
puts [http::ncode $token]
puts -nonewline [http::data $token]
http::cleanup $token
