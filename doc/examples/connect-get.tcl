#!/usr/bin/env tclsh
# Gets a page over https through an HTTP proxy, by its method CONNECT (RFC 9110 9.3.6). The
# proxy passes on bytes that it cannot read: the certificate is checked as without it.
package require http
package require tls 2

if {[llength $argv] ni {3 4}} {
    puts stderr "usage: connect-get.tcl proxy-host proxy-port url ?ca-file?"
    exit 1
}
lassign $argv proxyHost proxyPort url ca

# tls::socket calls this in place of socket, with options, host and port: the channel that it
# gives is one that leads there already.
proc tunnel {args} {
    set target [join [lrange $args end-1 end] :]
    set channel [socket $::proxyHost $::proxyPort]
    fconfigure $channel -translation crlf -blocking 0
    puts $channel "CONNECT $target HTTP/1.1\nHost: $target\n"
    flush $channel
    set timer [after 20000 {set ::heard silent}]
    try {
        set status [hear $channel]
        if {![string match "HTTP/1.? 2*" $status]} {
            error "the proxy says: $status"
        }
        while {[hear $channel] ne ""} {
            continue
        }
    } on error {message} {
        close $channel
        error $message
    } finally {
        after cancel $timer
    }
    fconfigure $channel -blocking 1
    return $channel
}

# The next line of the proxy's answer, before the timer.
proc hear {channel} {
    set ::heard ""
    fileevent $channel readable {set ::heard something}
    while {[gets $channel line] < 0} {
        if {[eof $channel] || $::heard eq "silent"} {
            error "no answer from the proxy"
        }
        vwait ::heard
    }
    fileevent $channel readable {}
    return $line
}

set ::tls::socketCmd tunnel
http::register https 443 [list tls::socket -cafile $ca]
set token [http::geturl $url -timeout 20000]
if {[http::status $token] ne "ok"} {
    puts stderr "failed: [http::status $token] [http::error $token]"
    exit 1
}
puts [http::ncode $token]
puts -nonewline [http::data $token]
http::cleanup $token
