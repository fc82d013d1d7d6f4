#!/usr/bin/env tclsh
# Sends JSON to a service that knows its clients by their certificates.
package require http
package require tls 2

if {[llength $argv] != 5} {
    puts stderr "usage: rest-client.tcl url json certificate key ca-file"
    exit 1
}
lassign $argv url json certificate key ca

http::register https 443 [list tls::socket -certfile $certificate -keyfile $key -cafile $ca]
set token [http::geturl $url -query [encoding convertto utf-8 $json] -type application/json -timeout 20000]
if {[http::status $token] ne "ok"} {
    # In TLS 1.3 a refused certificate shows here: the server ends the connection.
    puts stderr "failed: [http::status $token] [http::error $token]"
    exit 1
}
puts "[http::ncode $token] [http::data $token]"
http::cleanup $token
