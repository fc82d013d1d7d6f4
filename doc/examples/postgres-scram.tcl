#!/usr/bin/env tclsh
# Logs in to PostgreSQL over TLS with a password that never leaves this program, and that is
# bound to this very connection: SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 5929), in Tcl.
# Who sits between, with a certificate that we would believe, gets nothing of use: the proof
# is good only where the server's certificate is the one that we see.
package require tls 2

if {[llength $argv] != 6} {
    puts stderr "usage: postgres-scram.tcl host port ca-file user database sql\n  The password comes from the variable PGPASSWORD."
    exit 1
}
lassign $argv host port ca user database sql
set password [encoding convertto utf-8 $env(PGPASSWORD)]

# ---- the protocol (https://www.postgresql.org/docs/current/protocol.html)

proc send {channel type body} {
    puts -nonewline $channel $type[binary format I [expr {[string length $body] + 4}]]$body
    flush $channel
}

# The next message: type and body. An error of the server is one here.
proc receive {channel} {
    if {[binary scan [read $channel 5] aI type length] != 2 || $length < 4 || $length > 1000000} {
        error "the server has closed the connection, or talks nonsense"
    }
    set body [read $channel [expr {$length - 4}]]
    if {$type eq "E"} {
        foreach field [split $body \0] {
            if {[string index $field 0] eq "M"} {
                error [encoding convertfrom utf-8 [string range $field 1 end]]
            }
        }
    }
    return [list $type $body]
}

# A message about the login that must be of this kind: its data.
proc receiveAuthentication {channel kind} {
    lassign [receive $channel] type body
    if {$type ne "R" || [binary scan $body I found] != 1 || $found != $kind} {
        error "the server wants another kind of login"
    }
    return [string range $body 4 end]
}

proc row {body} {
    binary scan $body S count
    set at 2
    set values {}
    for {set i 0} {$i < $count} {incr i} {
        binary scan $body @${at}I length
        incr at 4
        lappend values [encoding convertfrom utf-8 [string range $body $at $at+[expr {$length - 1}]]]
        incr at [expr {max($length, 0)}]
    }
    return $values
}

# ---- SHA-256 (FIPS 180-4) and HMAC (RFC 2104), fast enough for thousands of rounds

# The first bits of the fractions of roots of primes, 4.2.2 and 5.3.3.
set primes {}
for {set n 2} {[llength $primes] < 64} {incr n} {
    if {0 ni [lmap prime $primes {expr {$n % $prime}}]} {
        lappend primes $n
    }
}
proc root {n degree} {
    # Of n * 2**(32 * degree), by halves: integers are exact.
    set low 0
    set high [expr {1 << 36}]
    while {$high - $low > 1} {
        set middle [expr {($low + $high) / 2}]
        if {$middle ** $degree <= $n << (32 * $degree)} {
            set low $middle
        } else {
            set high $middle
        }
    }
    return [expr {$low & 0xffffffff}]
}
set constants [lmap prime $primes {root $prime 3}]
set start [lmap prime [lrange $primes 0 7] {root $prime 2}]

# Takes one block of 64 bytes into the state, 6.2.2.
proc compress {state block} {
    binary scan $block Iu* w
    for {set t 16} {$t < 64} {incr t} {
        set x [lindex $w $t-15]
        set y [lindex $w $t-2]
        lappend w [expr {([lindex $w $t-16] + [lindex $w $t-7]
            + ((($x >> 7) | ($x << 25)) ^ (($x >> 18) | ($x << 14)) ^ ($x >> 3) & 0xffffffff)
            + ((($y >> 17) | ($y << 15)) ^ (($y >> 19) | ($y << 13)) ^ ($y >> 10) & 0xffffffff)) & 0xffffffff}]
    }
    lassign $state a b c d e f g h
    foreach x $w k $::constants {
        set one [expr {$h + ((($e >> 6) | ($e << 26)) ^ (($e >> 11) | ($e << 21)) ^ (($e >> 25) | ($e << 7)) & 0xffffffff)
            + (($e & $f) ^ (~$e & $g)) + $k + $x}]
        set two [expr {((($a >> 2) | ($a << 30)) ^ (($a >> 13) | ($a << 19)) ^ (($a >> 22) | ($a << 10)) & 0xffffffff)
            + (($a & $b) ^ ($a & $c) ^ ($b & $c))}]
        set h $g
        set g $f
        set f $e
        set e [expr {($d + $one) & 0xffffffff}]
        set d $c
        set c $b
        set b $a
        set a [expr {($one + $two) & 0xffffffff}]
    }
    return [lmap old $state new [list $a $b $c $d $e $f $g $h] {expr {($old + $new) & 0xffffffff}}]
}

# The hash of what the state has seen (so many bytes, whole blocks) and of the bytes.
proc finish {state seen bytes} {
    set length [string length $bytes]
    append bytes \x80 [string repeat \0 [expr {(55 - $length) % 64}]] [binary format W [expr {8 * ($seen + $length)}]]
    for {set at 0} {$at < [string length $bytes]} {incr at 64} {
        set state [compress $state [string range $bytes $at $at+63]]
    }
    return [binary format I* $state]
}

proc sha256 {bytes} {
    return [finish $::start 0 $bytes]
}

# What a key makes of HMAC's two hashes: done once for all rounds.
proc keyed {key} {
    if {[string length $key] > 64} {
        set key [sha256 $key]
    }
    set key [binary format a64 $key]
    return [lmap pad {6 \\} {compress $::start [xor $key [string repeat $pad 64]]}]
}

proc mac {keyed bytes} {
    lassign $keyed inner outer
    return [finish $outer 64 [finish $inner 64 $bytes]]
}

proc hmac {key bytes} {
    return [mac [keyed $key] $bytes]
}

# ---- SCRAM

proc xor {one two} {
    binary scan $one cu* one
    binary scan $two cu* two
    return [binary format cu* [lmap a $one b $two {expr {$a ^ $b}}]]
}

# RFC 5802 2.2: Hi(), which is PBKDF2 with one block.
proc salted {password salt count} {
    set keyed [keyed $password]
    set last [mac $keyed $salt\x00\x00\x00\x01]
    set result $last
    for {set i 1} {$i < $count} {incr i} {
        set last [mac $keyed $last]
        set result [xor $result $last]
    }
    return $result
}

# The attributes of a message: letter and value.
proc attributes {message} {
    set result {}
    foreach part [split $message ,] {
        dict set result [string index $part 0] [string range $part 2 end]
    }
    return $result
}

proc nonce {} {
    set file [open /dev/urandom rb]
    set bytes [read $file 18]
    close $file
    return [binary encode base64 $bytes]
}

proc login {channel password} {
    set offered [split [string trimright [receiveAuthentication $channel 10] \0] \0]
    # Without the binding somebody between could pass our proof on: no less than that.
    if {"SCRAM-SHA-256-PLUS" ni $offered} {
        error "the server offers no channel binding, only: [join $offered {, }]"
    }
    set header "p=tls-server-end-point,,"
    set nonce [nonce]
    set first "n=,r=$nonce"
    set message $header$first
    send $channel p "SCRAM-SHA-256-PLUS\0[binary format I [string length $message]]$message"

    set challenge [receiveAuthentication $channel 11]
    set answer [attributes $challenge]
    if {![string match $nonce?* [dict get $answer r]] || [dict get $answer i] < 4096 || [dict get $answer i] > 100000} {
        error "the server's challenge is not one"
    }
    set final "c=[binary encode base64 $header[tls::binding $channel tls-server-end-point]],r=[dict get $answer r]"
    set said $first,$challenge,$final
    set salted [salted $password [binary decode base64 [dict get $answer s]] [dict get $answer i]]
    set key [hmac $salted "Client Key"]
    set proof [xor $key [hmac [sha256 $key] $said]]
    send $channel p $final,p=[binary encode base64 $proof]

    # The server shows that it knows the password, too.
    set signature [dict get [attributes [receiveAuthentication $channel 12]] v]
    if {$signature ne [binary encode base64 [hmac [hmac $salted "Server Key"] $said]]} {
        error "this server does not know the password"
    }
    receiveAuthentication $channel 0
}

# ---- connect, log in, ask

set channel [socket $host $port]
fconfigure $channel -translation binary
send $channel "" [binary format I 80877103]
if {[read $channel 1] ne "S"} {
    error "the server does not speak TLS"
}
tls::import $channel -servername $host -cafile $ca
tls::handshake $channel
send $channel "" [binary format I 196608][encoding convertto utf-8 "user\0$user\0database\0$database\0client_encoding\0UTF8\0\0"]
login $channel $password

while 1 {
    lassign [receive $channel] type body
    if {$type eq "D"} {
        puts [join [row $body] \t]
    } elseif {$type eq "Z"} {
        # Ready: for the question at first, and then for the end.
        if {[incr ready] > 1} {
            break
        }
        send $channel Q [encoding convertto utf-8 $sql]\0
    }
}
send $channel X ""
close $channel
