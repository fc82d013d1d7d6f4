# TLS whose other end is played by the test: our end is a channel of its own kind, mostly a socket,
# and what lies beyond it, raw, gets as much as the test wants of what another TLS end writes, in memory.
#
#   rig::Import channel role ?options?   TLS on it, in that role: {inner outer}: the other TLS end, and its bytes
#   rig::Connect c raw inner outer       drives the handshake to its end

source -encoding utf-8 [file join [file dirname [file normalize [info script]]] transport.tcl]

namespace eval ::rig {
}

proc ::rig::Import {channel role {options {}}} {
    lassign [transport::Pair] inner outer
    set client [list {*}[support::Trust] -servername localhost]
    set server [list -server 1 {*}[support::Identity]]
    if {$role eq "client"} {
        tls::import $inner {*}$server
        tls::import $channel {*}$client {*}$options
    } else {
        tls::import $inner {*}$client
        tls::import $channel {*}$server {*}$options
    }
    return [list $inner $outer]
}

proc ::rig::Connect {c raw inner outer} {
    set end [expr {[clock milliseconds] + 5000 * $::support::slow}]
    for {set quiet 0} {$quiet < 3} {} {
        set done [expr {[tls::handshake $inner] + [tls::handshake $c] == 2}]
        set up [read $raw]
        set down [read $outer]
        puts -nonewline $outer $up
        puts -nonewline $raw $down
        set quiet [expr {$done && $up eq "" && $down eq "" ? $quiet + 1 : 0}]
        support::Sleep 1
        if {[clock milliseconds] > $end} {
            return -code error "no handshake through the rig"
        }
    }
}
