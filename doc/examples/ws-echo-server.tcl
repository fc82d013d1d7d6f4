#!/usr/bin/env tclsh
# A WebSocket server (RFC 6455) over wss: every message goes back to whoever sent it. Each
# client is a coroutine.
package require sha1
package require tls 2

if {[llength $argv] != 3} {
    puts stderr "usage: ws-echo-server.tcl port certificate key"
    exit 1
}
lassign $argv port certificate key
set limit 1048576 ;# bytes of a message

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -translation {crlf binary} -buffering full
    coroutine client[incr ::clients] serve $channel
}

proc serve {channel} {
    # What is wrong with one client must not disturb the others.
    catch {
        upgrade $channel
        fconfigure $channel -translation binary
        set message ""
        while 1 {
            lassign [receive $channel] isLast opcode payload
            switch -exact -- $opcode {
                0 - 1 - 2 {
                    if {$opcode} {
                        set kind $opcode
                        set message ""
                    }
                    append message $payload
                    if {[string length $message] > $::limit} {
                        send $channel 8 [binary format S 1009]
                        break
                    }
                    if {$isLast} {
                        send $channel $kind $message
                    }
                }
                8 { send $channel 8 $payload; break }
                9 { send $channel 10 $payload }
            }
        }
    }
    catch {close $channel}
}

# The HTTP request that a WebSocket begins with, and the answer to it. A server with secrets
# looks at the field Origin too: pages of other sites can make a browser come here.
proc upgrade {channel} {
    set key ""
    while {[set line [take $channel gets]] ne ""} {
        regexp -nocase {^Sec-WebSocket-Key: *(\S+)$} $line - key
        if {[incr lines] > 100} {
            error "not a request"
        }
    }
    set accept [binary encode base64 [sha1::sha1 -bin ${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11]]
    puts -nonewline $channel "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $accept\r\n\r\n"
    flush $channel
}

# So many bytes, or with gets the next line. While they are not there others have their turn.
proc take {channel count} {
    set bytes ""
    fileevent $channel readable [info coroutine]
    while 1 {
        if {$count eq "gets"} {
            if {[gets $channel bytes] >= 0} {
                break
            }
        } elseif {[string length [append bytes [read $channel [expr {$count - [string length $bytes]}]]]] == $count} {
            break
        }
        if {[eof $channel] || [chan pending input $channel] > 8192 && $count eq "gets"} {
            error "enough"
        }
        yield
    }
    fileevent $channel readable {}
    return $bytes
}

# The next frame (RFC 6455 5.2): is it the last of its message, opcode, payload.
proc receive {channel} {
    binary scan [take $channel 2] cucu first second
    set length [expr {$second & 127}]
    if {$length == 126} {
        binary scan [take $channel 2] Su length
    } elseif {$length == 127} {
        binary scan [take $channel 8] Wu length
    }
    # A client masks what it sends.
    if {$length > $::limit || !($second & 128)} {
        error "not a frame for us"
    }
    binary scan [take $channel 4] Iu mask
    binary scan [take $channel $length][string repeat \0 3] Iu* words
    set words [lmap word $words {expr {$word ^ $mask}}]
    return [list [expr {$first >> 7}] [expr {$first & 15}] [string range [binary format I* $words] 0 $length-1]]
}

proc send {channel opcode payload} {
    set length [string length $payload]
    puts -nonewline $channel [binary format c [expr {128 | $opcode}]][expr {
        $length < 126 ? [binary format c $length] : $length < 65536 ? [binary format cS 126 $length] : [binary format cW 127 $length]
    }]$payload
    flush $channel
    # Who does not read for long is thrown out, or our memory would fill.
    if {[chan pending output $channel] > 4 * $::limit} {
        error "enough"
    }
}

set listener [tls::socket -server accept -certfile $certificate -keyfile $key -alpn http/1.1 -handshaketimeout 10000 $port]
puts "port [lindex [fconfigure $listener -sockname] 2]"
flush stdout
vwait forever
