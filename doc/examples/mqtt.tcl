#!/usr/bin/env tclsh
# Publishes a message at an MQTT broker over TLS, or subscribes to a topic and prints what
# comes: MQTT 3.1.1 with QoS 0 in pure Tcl.
package require tls 2

if {[llength $argv] < 5 || [lindex $argv 0] ne [expr {[llength $argv] == 6 ? "publish" : "subscribe"}]} {
    puts stderr "usage: mqtt.tcl subscribe host port ca-file|\"\" topic"
    puts stderr "       mqtt.tcl publish host port ca-file|\"\" topic message"
    exit 1
}
lassign $argv role host port ca topic message

# Text with its length in front (MQTT 3.1.1, 1.5.3).
proc text {text} {
    set bytes [encoding convertto utf-8 $text]
    return [binary format S [string length $bytes]]$bytes
}

# A packet: type and flags, the length in groups of seven bits, and the rest (2.2).
proc send {channel type body} {
    set length [string length $body]
    set header [binary format c $type]
    while {$length > 127} {
        append header [binary format c [expr {$length & 127 | 128}]]
        set length [expr {$length >> 7}]
    }
    puts -nonewline $channel $header[binary format c $length]$body
    flush $channel
}

# The next packet: type and flags, and body.
proc receive {channel} {
    set length 0
    set shift 0
    if {![binary scan [read $channel 1] cu type]} {
        error "the broker has closed the connection"
    }
    while {[binary scan [read $channel 1] cu byte] && $shift < 28} {
        set length [expr {$length | ($byte & 127) << $shift}]
        incr shift 7
        if {$byte < 128} {
            break
        }
    }
    return [list $type [read $channel $length]]
}

proc expect {channel type what} {
    lassign [receive $channel] got body
    # The last byte is the broker's verdict: 0, or 0 for the QoS that was asked for.
    if {$got != $type || [string index $body end] ne "\0"} {
        error "the broker refuses $what"
    }
}

set channel [tls::socket -cafile $ca -alpn mqtt $host $port]
fconfigure $channel -translation binary
# A clean session, and no need for pings.
send $channel 0x10 [text MQTT][binary format ccS 4 2 0][text tcl-[pid]]
expect $channel 0x20 "the connection"
if {$role eq "publish"} {
    send $channel 0x30 [text $topic][encoding convertto utf-8 $message]
} else {
    send $channel 0x82 [binary format S 1][text $topic]\0
    expect $channel 0x90 "the topic"
    puts "subscribed"
    flush stdout
    while 1 {
        lassign [receive $channel] type body
        if {$type >> 4 == 3} {
            binary scan $body S length
            puts "[encoding convertfrom utf-8 [string range $body 2 1+$length]]: [encoding convertfrom utf-8 [string range $body 2+$length end]]"
            flush stdout
        }
    }
}
send $channel 0xe0 ""
close $channel
