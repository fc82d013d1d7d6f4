# A small HTTPS server for wrk: tclsh https.tcl package certs. Prints its port.

lassign $argv package certs
set auto_path [linsert $auto_path 0 $package]
package require -exact tls 2.1.0

set body [string repeat "Hello, world. " 64]

proc Accept {channel address port} {
    fconfigure $channel -blocking 0 -translation crlf -buffering full
    fileevent $channel readable [list Request $channel]
}

proc Request {channel} {
    if {[catch {gets $channel line} length] || ($length < 0 && [eof $channel])} {
        catch {close $channel}
        unset -nocomplain ::close($channel)
        return
    }
    if {[string match -nocase "connection: close" $line]} {
        set ::close($channel) 1
    }
    if {$length != 0} {
        return
    }
    set last [info exists ::close($channel)]
    puts -nonewline $channel "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: [string length $::body]\n"
    puts -nonewline $channel "Connection: [expr {$last ? "close" : "keep-alive"}]\n\n$::body"
    flush $channel
    if {$last} {
        unset ::close($channel)
        close $channel
    }
}

set listener [tls::socket -server Accept -certfile $certs/server-ec.pem -keyfile $certs/server-ec.key -myaddr 127.0.0.1 0]
puts [lindex [fconfigure $listener -sockname] 2]
flush stdout
vwait forever
