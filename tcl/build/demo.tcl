# The recipe demo: a page over verified HTTPS from a server in a second process, both on
# this package; then three servers that must be refused.

proc ::build::DemoWords {words} {
    Take $words 0 2 -serve
    lassign $words switch port
    if {$switch ni {"" -serve} || ($port ne "" && !([string is digit $port] && [scan $port %d] <= 65535))} {
        Fail "[Usage] (a port is 0 to 65535)"
    }
}

proc ::build::Demo {args} {
    variable root
    lappend ::auto_path $root
    package require -exact tls 2.1.0
    package require http 2.7
    uplevel #0 [list source -encoding utf-8 [file join $root tests lib certs.tcl]]
    set certs [::certs::Ensure]
    if {[llength $args]} {
        return [Serve $certs [expr {[llength $args] > 1 ? [lindex $args 1] : 8443}]]
    }
    puts "made: a CA, an intermediate and server certificates in $certs"
    set bad [ShowPage $certs]
    puts "\nand what must be refused:"
    foreach {title server trust expected} {
        "wrong CA" server-ec other-ca {*certificate verify failed*issuer certificate*}
        "wrong name" wrongname ca {*certificate verify failed*mismatch*}
        "expired" expired ca {*certificate verify failed*certificate has expired*}
    } {
        incr bad [ShowRefusal $certs $title $server $trust $expected]
    }
    puts [expr {$bad ? "\n$bad went wrong" : "\nall as it should be"}]
    return [expr {$bad > 0}]
}

# The demo's server alone, for other clients.
proc ::build::Serve {certs port} {
    variable root
    puts "https://localhost:$port/ (interrupt to end it), for instance:"
    puts "    curl --cacert [file join $certs ca.pem] https://localhost:$port/"
    set ::argv [list $port [file join $certs server-ec.pem] [file join $certs server-ec.key]]
    uplevel #0 [list source [file join $root doc examples https-server.tcl]]
}

# A server process; it ends when its stdin does. Returns {channel port}.
proc ::build::StartServer {certs name} {
    variable root
    set ::env(TCLLIBPATH) [list $root]
    set server [open |[list [info nameofexecutable] [file join $root doc examples https-server.tcl] 0 \
        [file join $certs $name.pem] [file join $certs $name.key] -follow 2>@stderr] r+]
    if {[gets $server port] < 0} {
        close $server
        Fail "the server did not start"
    }
    return [list $server $port]
}

# Fetches https://localhost:port/ with Tcl's http package. Returns a dict: code, bytes,
# ms, status and connection. The connection is kept alive to be asked about.
proc ::build::Fetch {port cafile} {
    ::http::register https 443 [list ::tls::socket -cafile $cafile -alpn http/1.1]
    set began [clock microseconds]
    set token [::http::geturl https://localhost:$port/ -timeout 20000 -keepalive 1]
    set ms [expr {([clock microseconds] - $began) / 1000.0}]
    try {
        if {[::http::status $token] ne "ok"} {
            return -code error [HttpReason $token]
        }
        upvar #0 $token state
        return [list status [::tls::status $state(sock)] connection [::tls::connection $state(sock)] \
            code [::http::ncode $token] bytes [string length [::http::data $token]] ms $ms]
    } finally {
        ::http::cleanup $token
    }
}

proc ::build::ShowPage {certs} {
    lassign [StartServer $certs server-ec] server port
    puts "started: an HTTPS server on port $port, in a process of its own"
    try {
        set page [Fetch $port [file join $certs ca.pem]]
    } on error {message} {
        puts "the page did not come: $message"
        return 1
    } finally {
        close $server
    }
    puts "fetched: https://localhost:$port/\n"
    set status [dict get $page status]
    set connection [dict get $page connection]
    foreach {title value} [list \
        protocol [dict get $connection protocol] \
        cipher [dict get $connection cipher] \
        group [dict get $connection group] \
        ALPN [dict get $connection alpn] \
        peer [dict get $status subject] \
        names [join [dict get $status subjectAltName] {, }] \
        issuer [dict get $status issuer] \
        expires [dict get $status notAfter] \
        verification [dict get $status verifyResult] \
        bytes [dict get $page bytes] \
        time [format "%.1f ms" [dict get $page ms]] \
    ] {
        puts [format "  %-14s %s" $title $value]
    }
    return [expr {[dict get $page code] != 200 || [dict get $page bytes] == 0
        || [dict get $status verifyResult] ne "ok"}]
}

proc ::build::ShowRefusal {certs title name trust expected} {
    lassign [StartServer $certs $name] server port
    try {
        Fetch $port [file join $certs $trust.pem]
        set message "NOT REFUSED"
    } on error {message} {
        # What http puts in front of it.
        regsub {^connect failed:? (?=.)} $message {} message
    } finally {
        close $server
    }
    puts [format "  %-14s %s" $title $message]
    return [expr {![string match $expected $message]}]
}
