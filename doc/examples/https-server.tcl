# A small HTTPS server: tclsh https-server.tcl port certfile keyfile
# Port 0 takes a free one. The port is printed once it listens.

package require tls 2

# One connection: requests one after the other, until the client has enough or is silent
# for half a minute.
proc accept {channel address port} {
    fconfigure $channel -blocking 0 -translation {auto crlf} -encoding utf-8
    await $channel
}

proc await {channel} {
    set timer [after 30000 [list hangUp $channel]]
    fileevent $channel readable [list request $channel $timer {}]
}

# Unsent output follows in the background.
proc hangUp {channel} {
    catch {close $channel}
}

proc request {channel timer head} {
    # What is wrong with one client must not disturb the others.
    if {[catch {gets $channel line} length] || [llength $head] > 100
            || ($length < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        after cancel $timer
        hangUp $channel
        return
    }
    if {$length < 0} {
        return
    }
    if {$line ne ""} {
        fileevent $channel readable [list request $channel $timer [linsert $head end $line]]
        return
    }
    after cancel $timer
    if {[llength $head]} {
        answer $channel $head
    } else {
        await $channel
    }
}

proc answer {channel head} {
    lassign [split [lindex $head 0]] method path version
    # What follows a request with a body is not looked at: nobody shall take it for the next one.
    set keep [expr {$version eq "HTTP/1.1" && [lsearch -nocase $head {Connection: close}] < 0
        && [lsearch -nocase -regexp $head {^(content-length|transfer-encoding)\s*:}] < 0}]
    set connection [tls::connection $channel]
    set status "200 OK"
    set page "<html><body><h1>It works</h1>\n<p>This page came over [dict get $connection protocol]\
        with [dict get $connection cipher].</p></body></html>\n"
    if {$method ni {GET HEAD}} {
        set status "405 Method Not Allowed"
        set page "$status\n"
        set keep 0
    } elseif {$path ne "/"} {
        set status "404 Not Found"
        set page "$status\n"
    }
    set page [encoding convertto utf-8 $page]
    if {[catch {
        puts $channel "HTTP/1.1 $status"
        puts $channel "Content-Type: text/html; charset=utf-8"
        puts $channel "Content-Length: [string length $page]"
        puts $channel "Connection: [expr {$keep ? "keep-alive" : "close"}]\n"
        fconfigure $channel -translation {auto lf} -encoding iso8859-1
        if {$method ne "HEAD"} {
            puts -nonewline $channel $page
        }
        flush $channel
        fconfigure $channel -translation {auto crlf} -encoding utf-8
    }] || !$keep} {
        hangUp $channel
    } else {
        await $channel
    }
}

if {[llength $argv] ni {3 4}} {
    puts stderr "usage: https-server.tcl port certfile keyfile ?-follow?"
    exit 1
}
lassign $argv port certfile keyfile
set listener [tls::socket -server accept -certfile $certfile -keyfile $keyfile -alpn http/1.1 $port]
puts [lindex [fconfigure $listener -sockname] 2]
flush stdout

# Ends with whoever started it.
if {"-follow" in $argv} {
    fileevent stdin readable {if {[gets stdin line] < 0 && [eof stdin]} exit}
}
vwait forever
