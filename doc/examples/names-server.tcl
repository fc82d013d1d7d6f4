#!/usr/bin/env tclsh
# An https server with several names, each with its own certificate. Type "reload" to read
# the certificates again: connections that exist go on.
package require tls 2

if {[llength $argv] < 4 || [llength $argv] % 3 != 1} {
    puts stderr "usage: names-server.tcl port name certificate key ?name certificate key ...?"
    exit 1
}
set names [lassign $argv port]

# The first name is also for clients that ask for none, or for one we do not have.
foreach {name certificate key} $names {
    set context($name) [tls::context new -certfile $certificate -keyfile $key -alpn http/1.1]
    $context([lindex $names 0]) sni set $name $context($name)
}

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -translation {auto crlf}
    set timer [after 30000 [list catch [list close $channel]]]
    fileevent $channel readable [list answer $channel $timer]
}

# An empty line ends a request.
proc answer {channel timer} {
    if {[catch {gets $channel line} count] || ($count < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        leave $channel $timer
    } elseif {$count == 0} {
        set page "this is [dict get [tls::connection $channel] servername]\n"
        catch {
            puts $channel "HTTP/1.0 200 OK\nContent-Type: text/plain\nContent-Length: [string length $page]\n"
            fconfigure $channel -translation {auto lf}
            puts -nonewline $channel $page
        }
        leave $channel $timer
    }
}

# The timer goes too: another channel may get this one's name.
proc leave {channel timer} {
    after cancel $timer
    catch {close $channel}
}

proc command {} {
    if {[gets stdin line] < 0} {
        exit
    }
    if {$line eq "reload"} {
        foreach name [array names ::context] {
            # A file that is no good changes nothing, and is told.
            if {[catch {$::context($name) reload} message]} {
                puts "$name: $message"
            } else {
                puts "$name: reloaded"
            }
        }
    }
}

fconfigure stdout -buffering line
set listener [tls::socket -server accept -context $context([lindex $names 0]) $port]
puts "port [lindex [fconfigure $listener -sockname] 2]"
fileevent stdin readable command
vwait forever
