#!/usr/bin/env tclsh
# A WebSocket client (RFC 6455) over wss: sends each line of stdin as a message, prints the
# message that comes back.
package require sha1
package require tls 2

if {[llength $argv] ni {3 4}} {
    puts stderr "usage: ws-client.tcl host port path ?ca-file?"
    exit 1
}
lassign $argv host port path ca

proc random {count} {
    set file [open /dev/urandom rb]
    set bytes [read $file $count]
    close $file
    return $bytes
}

# What a client sends is masked, with four new bytes each time.
proc send {channel opcode payload} {
    set length [string length $payload]
    set mask [random 4]
    binary scan $mask Iu number
    binary scan $payload[string repeat \0 3] Iu* words
    set masked [binary format I* [lmap word $words {expr {$word ^ $number}}]]
    puts -nonewline $channel [binary format c [expr {128 | $opcode}]][expr {
        $length < 126 ? [binary format c [expr {128 | $length}]] : $length < 65536 ? [binary format cS 254 $length] : [binary format cW 255 $length]
    }]$mask[string range $masked 0 $length-1]
    flush $channel
}

# The next message, in one frame or in several. Pings are answered; the end is "".
proc receive {channel} {
    set message ""
    while {[binary scan [read $channel 2] cucu first length] == 2} {
        if {$length == 126} {
            binary scan [read $channel 2] Su length
        } elseif {$length == 127} {
            binary scan [read $channel 8] Wu length
        }
        set payload [read $channel $length]
        switch -exact -- [expr {$first & 15}] {
            8 { return "" }
            9 { send $channel 10 $payload }
            10 { }
            default {
                append message $payload
                if {$first & 128} {
                    return $message
                }
            }
        }
    }
    return ""
}

set channel [tls::socket -cafile $ca -alpn http/1.1 $host $port]
fconfigure $channel -translation crlf
set key [binary encode base64 [random 16]]
puts $channel "GET $path HTTP/1.1\nHost: $host:$port\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: $key\n"
flush $channel
set accept ""
while {[gets $channel line] > 0} {
    regexp -nocase {^Sec-WebSocket-Accept: *(\S+)$} $line - accept
}
if {$accept ne [binary encode base64 [sha1::sha1 -bin ${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11]]} {
    error "this is not a WebSocket server"
}
fconfigure $channel -translation binary
while {[gets stdin line] >= 0} {
    send $channel 1 [encoding convertto utf-8 $line]
    puts [encoding convertfrom utf-8 [receive $channel]]
}
send $channel 8 [binary format S 1000]
close $channel
