#!/usr/bin/env tclsh
# Serves the files of a directory over https.
package require tls 2

if {[llength $argv] != 4} {
    puts stderr "usage: file-server.tcl directory port certificate key"
    exit 1
}
lassign $argv root port certificate key
set root [file dirname [file normalize [file join $root x]]]
set inside [string trimright $root /]/

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -translation {auto crlf}
    fileevent $channel readable [list request $channel]
}

proc request {channel} {
    if {[catch {gets $channel line} count] || ($count < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        catch {close $channel}
    } elseif {$count > 0 && [regexp {^GET (/\S*) HTTP/1\.[01]$} $line - path]} {
        fileevent $channel readable [list header $channel $path]
    } elseif {$count >= 0} {
        refuse $channel "400 Bad Request"
    }
}

# The lines up to the empty one are of no interest here.
proc header {channel path} {
    if {[catch {gets $channel line} count] || ($count < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        catch {close $channel}
    } elseif {$count == 0} {
        fileevent $channel readable {}
        if {[catch {send $channel $path} message]} {
            puts stderr $message
            refuse $channel "404 Not Found"
        }
    }
}

# %20 and the like. The text is a stranger's: no subst here.
proc decode {path} {
    set result ""
    set path [regsub {\?.*$} $path {}]
    while {[regexp -indices {%([0-9A-Fa-f]{2})} $path all hex]} {
        append result [string range $path 0 [lindex $all 0]-1] [format %c 0x[string range $path {*}$hex]]
        set path [string range $path [lindex $all 1]+1 end]
    }
    return [encoding convertfrom utf-8 $result$path]
}

proc send {channel path} {
    global root inside
    # Normalized, a path can no longer climb out of the directory; with something behind it
    # the last part, too, is no link any more. ./ keeps ~name from being somebody's home.
    set file [file dirname [file normalize [file join $root ./[string trimleft [decode $path] /] x]]]
    if {![string equal -length [string length $inside] $inside $file] || ![file isfile $file]} {
        refuse $channel "404 Not Found"
        return
    }
    set from [open $file rb]
    # What is read at once is what fcopy writes at once.
    fconfigure $from -buffersize 65536
    puts -nonewline $channel "HTTP/1.0 200 OK\nContent-Length: [file size $file]\n\n"
    fconfigure $channel -translation binary
    fcopy $from $channel -command [list sent $from $channel]
}

proc sent {from channel count {error {}}} {
    close $from
    catch {close $channel}
}

proc refuse {channel why} {
    catch {
        puts -nonewline $channel "HTTP/1.0 $why\nContent-Length: 0\n\n"
    }
    catch {close $channel}
}

set listener [tls::socket -server accept -certfile $certificate -keyfile $key -handshaketimeout 10000 $port]
puts "port [lindex [fconfigure $listener -sockname] 2]"
flush stdout
vwait forever
