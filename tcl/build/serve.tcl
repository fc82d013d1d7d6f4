# The recipe serve: the files of a directory over HTTPS, and at /.tls what the server sees of
# the visitor's own connection (servepage.tcl). HTTP/1.1 (RFC 9112), GET and HEAD, connections
# kept alive; each connection is a coroutine, and none disturbs the others.

namespace eval ::build {
    variable serveRoot ""
    variable serveSecrets {*.key *.p12 *.pfx} ;# a directory with certificates has such
    variable serveKey "" ;# the key in use, whatever its name
    variable serveCount 0 ;# connections so far
    variable serveLimits {line 8192 lines 100 idle 30000 stall 60000 requests 1000 unsent 262144}
    variable serveOptions {-port 8443 -address localhost -certfile "" -keyfile "" -cafile ""}
}

proc ::build::ServeFiles {args} {
    variable root
    variable serveRoot
    variable serveKey
    set dir [expr {[llength $args] % 2 ? [lindex $args 0] : "."}]
    set options [ServeOptions [lrange $args [expr {[llength $args] % 2}] end]]
    if {![file isdirectory $dir]} {
        Fail "\"$dir\" is not a directory"
    }
    set serveRoot [ServeResolve $dir]
    lappend ::auto_path $root
    package require -exact tls 2.1.0
    set trust ""
    if {[dict get $options -certfile] eq ""} {
        uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
        set certs [::certs::Ensure]
        dict set options -certfile [file join $certs server-ec.pem]
        dict set options -keyfile [file join $certs server-ec.key]
        set trust [file join $certs ca.pem]
    }
    # Without a -keyfile it is in the file of the certificate.
    set serveKey [ServeResolve [dict get $options [expr {[dict get $options -keyfile] eq "" ? "-certfile" : "-keyfile"}]]]
    set listener [ServeListen $options]
    set port [lindex [fconfigure $listener -sockname] 2]
    puts "https://localhost:$port/ serves $serveRoot; https://localhost:$port/.tls shows your connection"
    if {$trust ne ""} {
        puts "trust $trust, for instance: curl --cacert $trust https://localhost:$port/.tls"
    }
    flush stdout
    vwait forever
}

proc ::build::ServeOptions {words} {
    variable serveOptions
    set usage "usage: serve ?dir? ?-port n? ?-address host? ?-certfile file -keyfile file? ?-cafile file?\
        (-address \"\": everybody may connect; -cafile: visitors are asked for a certificate of that CA)"
    dict for {option value} $words {
        if {![dict exists $serveOptions $option]} {
            Fail $usage
        }
    }
    return [dict merge $serveOptions $words]
}

proc ::build::ServeListen {options} {
    set words [list -alpn http/1.1 -handshaketimeout 10000]
    foreach option {-certfile -keyfile -cafile} {
        lappend words $option [dict get $options $option]
    }
    if {[dict get $options -cafile] ne ""} {
        # Asked for, not insisted upon: the page shows what came.
        lappend words -request 1
    }
    if {[dict get $options -address] ne ""} {
        lappend words -myaddr [dict get $options -address]
    }
    if {[catch {::tls::socket -server ::build::ServeAccept {*}$words [dict get $options -port]} listener]} {
        Fail $listener
    }
    return $listener
}

# ---- one connection

proc ::build::ServeAccept {channel address port} {
    variable serveCount
    coroutine ::build::serve[incr serveCount] ::build::ServeConnection $channel $address $serveCount
}

proc ::build::ServeConnection {channel address number} {
    variable serveLimits
    fconfigure $channel -blocking 0 -translation {auto binary} -buffering full
    set visit [dict create channel $channel address $address number $number requests 0]
    try {
        set keep 1
        while {$keep} {
            set request [ServeRequest $channel]
            dict incr visit requests
            set keep [expr {[dict get $request keep] && [dict get $visit requests] < [dict get $serveLimits requests]}]
            ServeAnswer $visit $request $keep
            ServeTurn $channel
        }
    } trap {SERVE} {message} {
        # A mistake is answered, an end is not.
        if {$message ne ""} {
            catch {ServeText $channel GET $message 0}
        }
    } on error {message details} {
        if {[lindex [dict get $details -errorcode] 0] ni {POSIX TLS}} {
            puts stderr [dict get $details -errorinfo]
        }
    } finally {
        # What is unsent follows in the background.
        catch {close $channel}
    }
}

proc ::build::ServeEnd {{status ""}} {
    return -code error -errorcode SERVE $status
}

# Waits in the coroutine for an event; silence ends the connection.
proc ::build::ServeWait {channel event ms} {
    set me [info coroutine]
    set timer [after $ms [list $me silent]]
    fileevent $channel $event [list $me ready]
    set how [yield]
    after cancel $timer
    fileevent $channel $event {}
    if {$how eq "silent"} {
        ServeEnd
    }
}

# Between two requests others have their turn; and who does not take what came gets no more.
proc ::build::ServeTurn {channel} {
    variable serveLimits
    after 0 [list ::build::ServeResume [info coroutine] turn]
    yield
    while {[chan pending output $channel] > [dict get $serveLimits unsent]} {
        ServeWait $channel writable [dict get $serveLimits stall]
    }
}

proc ::build::ServeLine {channel} {
    variable serveLimits
    while {[gets $channel line] < 0} {
        if {[eof $channel]} {
            ServeEnd
        }
        if {[chan pending input $channel] > [dict get $serveLimits line]} {
            ServeEnd "431 Request Header Fields Too Large"
        }
        ServeWait $channel readable [dict get $serveLimits idle]
    }
    if {[string length $line] > [dict get $serveLimits line]} {
        ServeEnd "431 Request Header Fields Too Large"
    }
    return $line
}

# The next request: a dict of method, path and keep.
proc ::build::ServeRequest {channel} {
    variable serveLimits
    # RFC 9112 2.2: an empty line before a request is passed over.
    while {[set line [ServeLine $channel]] eq ""} {
        if {[incr empty] > 4} {
            ServeEnd "400 Bad Request"
        }
    }
    if {![regexp {^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[\x21-\x7e]*) HTTP/1\.([01])$} $line - method path minor]} {
        ServeEnd "400 Bad Request"
    }
    set fields [dict create]
    while {[set line [ServeLine $channel]] ne ""} {
        if {![regexp {^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$} $line - name value] || [incr lines] > [dict get $serveLimits lines]} {
            ServeEnd "400 Bad Request"
        }
        dict set fields [string tolower $name] $value
    }
    if {$minor && ![dict exists $fields host]} {
        ServeEnd "400 Bad Request"
    }
    # No request with a body is served here, and what follows one is not looked at.
    if {$method ni {GET HEAD} || [dict exists $fields transfer-encoding]
            || ([dict exists $fields content-length] && [dict get $fields content-length] ne "0")} {
        ServeEnd "405 Method Not Allowed"
    }
    set wish [expr {[dict exists $fields connection] ? [string tolower [dict get $fields connection]] : ""}]
    return [dict create method $method path [regsub {[?#].*$} $path {}] \
        keep [expr {$minor ? ![string match *close* $wish] : [string match *keep-alive* $wish]}]]
}

# ---- answers

proc ::build::ServeAnswer {visit request keep} {
    set channel [dict get $visit channel]
    set method [dict get $request method]
    if {[dict get $request path] eq "/.tls"} {
        ServePage $channel $method [ServeTlsPage $visit] $keep
        return
    }
    set path [ServeFind [dict get $request path]]
    if {$path eq "" || (![file isdirectory $path] && [string match */ [dict get $request path]])} {
        ServeText $channel $method "404 Not Found" $keep
    } elseif {![file isdirectory $path]} {
        ServeFile $channel $method $path $keep
    } elseif {![string match */ [dict get $request path]]} {
        # Relative links of a page in a directory need the slash.
        # Two slashes in front would name another host.
        ServeText $channel $method "301 Moved Permanently" $keep "Location: [regsub {^/+} [dict get $request path] /]/"
    } elseif {[file isfile [file join $path index.html]]} {
        ServeFile $channel $method [file join $path index.html] $keep
    } else {
        ServePage $channel $method [ServeListing $path [dict get $request path]] $keep
    }
}

# The file or directory of a request, "" if there is none to be shown: names that begin with
# a dot and private keys are not, and nothing outside the directory is, by whatever way a path
# leads there.
proc ::build::ServeFind {path} {
    variable serveRoot
    variable serveSecrets
    variable serveKey
    set bytes ""
    while {[regexp {^([^%]*)%([0-9A-Fa-f]{2})(.*)$} $path - before hex path]} {
        append bytes $before [format %c 0x$hex]
    }
    if {[catch {encoding convertfrom utf-8 $bytes$path} decoded] || [string first \0 $decoded] >= 0} {
        return ""
    }
    set found $serveRoot
    foreach name [split $decoded /] {
        if {[string match .* $name] || [string first \\ $name] >= 0} {
            return ""
        }
        if {$name ne ""} {
            # ./ because Tcl 8.6 takes ~name for somebody's home.
            set found [file join $found ./$name]
        }
    }
    if {![file readable $found]} {
        return ""
    }
    set real [ServeResolve $found]
    set inside [string trimright $serveRoot /]/
    if {$real ne $serveRoot && ![string equal -length [string length $inside] $inside $real]} {
        return ""
    }
    foreach pattern $serveSecrets {
        if {$real eq $serveKey || [string match -nocase $pattern [file tail $real]]} {
            return ""
        }
    }
    return [expr {[file type $real] in {file directory} ? $real : ""}]
}

# The path without symbolic links, the last part included.
proc ::build::ServeResolve {path} {
    return [file dirname [file normalize [file join $path ./x]]]
}

proc ::build::ServeHead {channel status type length keep args} {
    set lines [list "HTTP/1.1 $status" "Date: [clock format [clock seconds] -gmt 1 -format {%a, %d %b %Y %H:%M:%S GMT}]" \
        "Content-Type: $type" "Content-Length: $length" "X-Content-Type-Options: nosniff" \
        "Connection: [expr {$keep ? "keep-alive" : "close"}]" {*}$args]
    puts -nonewline $channel "[join $lines \r\n]\r\n\r\n"
}

proc ::build::ServeText {channel method status keep args} {
    set body "$status\n"
    ServeHead $channel $status "text/plain; charset=utf-8" [string length $body] $keep {*}$args
    ServeBody $channel $method $body
}

# A page of our own: nothing from elsewhere runs in it.
proc ::build::ServePage {channel method text keep} {
    set body [encoding convertto utf-8 $text]
    ServeHead $channel "200 OK" "text/html; charset=utf-8" [string length $body] $keep "Cache-Control: no-store" \
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'"
    ServeBody $channel $method $body
}

proc ::build::ServeBody {channel method body} {
    if {$method ne "HEAD"} {
        puts -nonewline $channel $body
    }
    flush $channel
}

proc ::build::ServeFile {channel method path keep} {
    variable serveTypes
    variable serveLimits
    if {[catch {open $path rb} file]} {
        ServeText $channel $method "404 Not Found" $keep
        return
    }
    set extension [string tolower [file extension $path]]
    set type [expr {[dict exists $serveTypes $extension] ? [dict get $serveTypes $extension] : "application/octet-stream"}]
    try {
        # What is read at once is what fcopy writes at once.
        fconfigure $file -buffersize 65536
        set left [file size $path]
        ServeHead $channel "200 OK" $type $left $keep
        if {$method eq "HEAD"} {
            set left 0
        }
        while {$left > 0} {
            # Piece by piece, so that a client that takes nothing is noticed.
            set count [ServeCopy $file $channel [expr {min($left, 262144)}] [dict get $serveLimits stall]]
            if {$count == 0} {
                # The file has become shorter than was promised.
                ServeEnd
            }
            incr left -$count
        }
        flush $channel
    } finally {
        close $file
    }
}

proc ::build::ServeCopy {file channel size ms} {
    set me [info coroutine]
    set timer [after $ms [list $me silent]]
    # Small pieces are there before fcopy returns, and nobody waits yet.
    fcopy $file $channel -size $size -command [list ::build::ServeCopied $me]
    lassign [yield] count failure
    after cancel $timer
    if {$count eq "silent" || $failure ne ""} {
        ServeEnd
    }
    return $count
}

proc ::build::ServeCopied {coroutine count {failure ""}} {
    after 0 [list ::build::ServeResume $coroutine [list $count $failure]]
}

proc ::build::ServeResume {coroutine result} {
    if {[info commands $coroutine] ne ""} {
        $coroutine $result
    }
}
