# Whether what was built works at all: TLS between two ends of this process, with a
# certificate made here, and a client that must refuse it. Needs the package alone.
#   TCLLIBPATH={directory of the package} tclsh tests/quick.tcl

package require -exact tls 2.1.0

namespace eval ::quick {
    variable passed 0
    variable failed 0
}

proc ::quick::Check {name script expected} {
    variable passed
    variable failed
    if {[catch {uplevel #0 $script} result]} {
        set result "error: $result"
    }
    if {[string match $expected $result]} {
        incr passed
    } else {
        incr failed
        puts "$name: \"$result\" in place of \"$expected\""
    }
}

# Two ends of a TCP connection, non-blocking: {client server}.
proc ::quick::Tcp {} {
    set listener [socket -server {apply {{channel args} {set ::quick::accepted $channel}}} -myaddr 127.0.0.1 0]
    set client [socket 127.0.0.1 [lindex [fconfigure $listener -sockname] 2]]
    vwait ::quick::accepted
    close $listener
    foreach channel [list $client $::quick::accepted] {
        fconfigure $channel -blocking 0 -translation binary
    }
    return [list $client $::quick::accepted]
}

# One connection: data both ways. Returns the protocol and what came back.
proc ::quick::Talk {version args} {
    lassign [Tcp] client server
    try {
        tls::import $server -server 1 -cert $::quick::certificate -key $::quick::key
        tls::import $client -servername localhost -minversion $version -maxversion $version {*}$args
        for {set i 0} {$i < 2000 && !([tls::handshake $client] & [tls::handshake $server])} {incr i} {
            after 1
        }
        set sent [string repeat "[format %c 0]0123456789" 20000]
        foreach {from to} [list $client $server $server $client] {
            puts -nonewline $from $sent
            flush $from
            set got ""
            for {set i 0} {$i < 2000 && [string length $got] < [string length $sent]} {incr i} {
                append got [read $to]
                update
                after 1
            }
            if {$got ne $sent} {
                return "[string length $got] bytes of [string length $sent]"
            }
        }
        return [dict get [tls::connection $client] protocol]
    } finally {
        close $client
        close $server
    }
}

set ::quick::key [tls::x509 key -type ec]
set ::quick::certificate [tls::x509 create -key $::quick::key -subject CN=localhost -san localhost -days 2]

::quick::Check version {tls::version} "OpenSSL *"
::quick::Check 1.3 {::quick::Talk tls1.3 -cadata $::quick::certificate} TLSv1.3
::quick::Check 1.2 {::quick::Talk tls1.2 -cadata $::quick::certificate} TLSv1.2
::quick::Check refused {
    set other [tls::x509 create -key [tls::x509 key -type ec] -subject CN=other -days 2]
    ::quick::Talk tls1.3 -cadata $other
} "error: handshake failed: certificate verify failed due to \"*"
::quick::Check level1 {
    interp create one
    one eval [list set auto_path $auto_path]
    one eval {list [package require tls 1.7] $::tls::level}
} {1.9.0 1}

puts "quick tests: $::quick::passed passed, $::quick::failed failed"
exit [expr {$::quick::failed > 0}]
