# Hellos of our own making: what a server offers shows in its answer to a ClientHello, in
# the clear and before any arithmetic, also where the linked library lacks the protocol or
# cipher suite. What comes back is hostile until it is understood: each length is checked.

if {![namespace exists ::tls::Probe]} {
    return
}

namespace eval ::tls::Probe {
    variable versionNumbers {ssl3 0x0300 tls1 0x0301 tls1.1 0x0302 tls1.2 0x0303 tls1.3 0x0304}
    variable flightLimit 131072 ;# bytes of a server's first flight
    variable recordLimit 300 ;# records of it: even those of 512 bytes (RFC 6066 4) are fewer
    variable messageLimit 64 ;# messages of it: RFC 5246 7.3 has six
    variable alertNames {0 close_notify 10 unexpected_message 20 bad_record_mac 22 record_overflow 40 handshake_failure
        42 bad_certificate 43 unsupported_certificate 44 certificate_revoked 45 certificate_expired 46 certificate_unknown
        47 illegal_parameter 48 unknown_ca 49 access_denied 50 decode_error 51 decrypt_error 70 protocol_version
        71 insufficient_security 80 internal_error 86 inappropriate_fallback 90 user_canceled 109 missing_extension
        110 unsupported_extension 112 unrecognized_name 116 certificate_required 120 no_application_protocol}
}

# Bytes with their length in front, in 1, 2 or 3 bytes.
proc ::tls::Probe::Vector {width bytes} {
    set length [string length $bytes]
    return [binary format [dict get {1 cu 2 Su 3 cuSu} $width] {*}[expr {$width == 3
        ? [list [expr {$length >> 16}] [expr {$length & 0xffff}]] : $length}]]$bytes
}

proc ::tls::Probe::Extension {type bytes} {
    return [binary format Su $type][Vector 2 $bytes]
}

proc ::tls::Probe::Numbers {hex} {
    return [binary format H* [join $hex ""]]
}

# These are not secret and protect nothing: no such handshake is ever finished.
proc ::tls::Probe::RandomBytes {count} {
    variable seed
    set bytes {}
    for {set i 0} {$i < $count} {incr i} {
        set seed [expr {($seed * 1103515245 + 12345) & 0x7fffffff}]
        lappend bytes [expr {$seed >> 16 & 0xff}]
    }
    return [binary format cu* $bytes]
}

# A record with a ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2). Keys of the dictionary
# hello: version, ciphers and groups (four hex digits each), servername.
proc ::tls::Probe::ClientHello {hello} {
    variable versionNumbers
    set version [dict get $hello version]
    set number [expr {[dict get $versionNumbers $version]}]
    set is13 [expr {$version eq "tls1.3"}]
    set body [binary format Su [expr {min($number, 0x0303)}]][RandomBytes 32]
    append body [Vector 1 [expr {$is13 ? [RandomBytes 32] : ""}]]
    # The signalling suite asks for secure renegotiation where there are no extensions (RFC 5746 3.3).
    append body [Vector 2 [Numbers [concat [dict get $hello ciphers] [expr {$version eq "ssl3" ? "00ff" : ""}]]]]
    # DEFLATE is offered to see whether somebody still takes it (RFC 3749, CRIME).
    append body [Vector 1 [expr {$is13 ? "\0" : "\1\0"}]]
    if {$version ne "ssl3"} {
        append body [Vector 2 [HelloExtensions $hello $is13]]
    }
    set record [expr {min($number, 0x0301)}]
    return [binary format cuSu 22 $record][Vector 2 [binary format cu 1][Vector 3 $body]]
}

proc ::tls::Probe::HelloExtensions {hello is13} {
    set result ""
    if {[dict get $hello servername] ne ""} {
        append result [Extension 0 [Vector 2 "\0[Vector 2 [encoding convertto ascii [dict get $hello servername]]]"]]
    }
    append result [Extension 5 "\1\0\0\0\0"]
    append result [Extension 10 [Vector 2 [Numbers [dict get $hello groups]]]]
    append result [Extension 11 [Vector 1 "\0"]]
    append result [Extension 13 [Vector 2 [Numbers {0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b
        0401 0501 0601 0402 0203 0201 0202 0101}]]]
    append result [Extension 23 ""] [Extension 35 ""]
    if {$is13} {
        # No key share: the server asks for one of the group that it wants (RFC 8446 4.2.8).
        append result [Extension 43 [Vector 1 \3\4]] [Extension 45 [Vector 1 \1]] [Extension 51 [Vector 2 ""]]
    } else {
        append result [Extension 0xff01 [Vector 1 ""]]
    }
    return $result
}

# What is known of an answer so far: data (bytes not taken apart yet), handshake (the same
# of messages), and the result. Its key outcome: "" while more is needed; hello, alert,
# closed, silent, notls (no TLS at all), or bad (TLS, but wrong). isWhole: read on behind
# the server's hello, to the end of the flight.
proc ::tls::Probe::NewAnswer {isWhole} {
    return [dict create data "" handshake "" size 0 records 0 messages 0 isWhole $isWhole outcome "" version "" cipher "" compression 0 extensions {} \
        group "" dhbits 0 certificates {} staple 0 clientAuth 0 alert "" text ""]
}

# Takes in what has come: records (RFC 8446 5.1).
proc ::tls::Probe::Digest {answerName bytes} {
    upvar 1 $answerName answer
    variable flightLimit
    variable recordLimit
    variable alertNames
    dict append answer data $bytes
    dict incr answer size [string length $bytes]
    if {[dict get $answer size] > $flightLimit} {
        dict set answer outcome bad
        dict set answer text "more than $flightLimit bytes before the end of the server's first flight"
        return
    }
    while {[dict get $answer outcome] eq "" && [string length [dict get $answer data]] >= 5} {
        set data [dict get $answer data]
        binary scan $data cucucuSu type major minor length
        if {$type ni {20 21 22 23} || $major != 3 || $length > 18432} {
            dict set answer outcome [expr {[dict get $answer size] == [string length $data] ? "notls" : "bad"}]
            dict set answer text [Printable $data]
            return
        }
        if {[string length $data] < 5 + $length} {
            return
        }
        # Each costs a copy of what is behind it: a flood of tiny ones would take long.
        dict incr answer records
        if {$length == 0 || [dict get $answer records] > $recordLimit} {
            dict set answer outcome bad
            dict set answer text [expr {$length == 0 ? "a record with nothing in it" : "more than $recordLimit records before the end of the server's first flight"}]
            return
        }
        set payload [string range $data 5 4+$length]
        dict set answer data [string range $data 5+$length end]
        if {$type == 21 && $length == 2} {
            binary scan $payload cucu level number
            # A warning is not the end (RFC 6066 3: unrecognized_name).
            if {$level == 2} {
                dict set answer outcome alert
                dict set answer alert [expr {[dict exists $alertNames $number] ? [dict get $alertNames $number] : $number}]
            }
        } elseif {$type == 22} {
            dict append answer handshake $payload
            DigestMessages answer
        } elseif {$type == 23 || $type == 21} {
            dict set answer outcome bad
            dict set answer text "an encrypted record in place of the server's hello"
        }
    }
}

# Text of a peer, fit to be shown: one line of printable ASCII.
proc ::tls::Probe::Printable {bytes {limit 100}} {
    return [string trim [regsub -all {[^ -~]+} [string range $bytes 0 $limit-1] " "]]
}

proc ::tls::Probe::DigestMessages {answerName} {
    upvar 1 $answerName answer
    variable messageLimit
    while {[dict get $answer outcome] eq "" && [string length [dict get $answer handshake]] >= 4} {
        set data [dict get $answer handshake]
        binary scan $data cucuSu type high low
        set length [expr {($high << 16) | $low}]
        if {[string length $data] < 4 + $length} {
            return
        }
        dict incr answer messages
        if {[dict get $answer messages] > $messageLimit} {
            dict set answer outcome bad
            dict set answer text "more than $messageLimit messages before the end of the server's first flight"
            return
        }
        dict set answer handshake [string range $data 4+$length end]
        set body [string range $data 4 3+$length]
        try {
            switch -exact -- $type {
                2 { ServerHello answer $body }
                11 { dict set answer certificates [Certificates $body] }
                12 { KeyExchange answer $body }
                13 { dict set answer clientAuth 1 }
                14 { dict set answer outcome hello }
                22 { dict set answer staple [expr {[string length $body] > 4}] }
            }
        } trap {PROBE BAD} {message} {
            dict set answer outcome bad
            dict set answer text $message
        }
    }
}

# Cuts a vector off the front of the variable; the bytes are not to be trusted.
proc ::tls::Probe::Cut {name width} {
    upvar 1 $name bytes
    set high 0
    set length 0
    if {[binary scan $bytes [dict get {1 cu 2 Su 3 cuSu} $width] {*}[expr {$width == 3 ? {high length} : "length"}]] < 1
            || [string length $bytes] < $width + (($high << 16) | $length)} {
        return -code error -errorcode {PROBE BAD} "a length in the server's messages is wrong"
    }
    set length [expr {($high << 16) | $length}]
    set result [string range $bytes $width [expr {$width + $length - 1}]]
    set bytes [string range $bytes [expr {$width + $length}] end]
    return $result
}

# RFC 5246 7.4.1.3, RFC 8446 4.1.3 and 4.1.4. In TLS 1.3 nothing that follows can be read.
proc ::tls::Probe::ServerHello {answerName body} {
    upvar 1 $answerName answer
    variable versionNumbers
    if {[binary scan $body Su number] != 1 || [string length $body] < 38} {
        return -code error -errorcode {PROBE BAD} "the server's hello is too short"
    }
    set rest [string range $body 34 end]
    Cut rest 1
    if {[binary scan $rest H4cu cipher compression] != 2} {
        return -code error -errorcode {PROBE BAD} "the server's hello is too short"
    }
    set rest [string range $rest 3 end]
    set extensions {}
    if {$rest ne ""} {
        set block [Cut rest 2]
        while {[binary scan $block Su type] == 1} {
            set block [string range $block 2 end]
            dict set extensions $type [Cut block 2]
        }
    }
    if {[dict exists $extensions 43]} {
        binary scan [dict get $extensions 43] Su number
    }
    set version ""
    dict for {name value} $versionNumbers {
        if {$value == $number} {
            set version $name
        }
    }
    dict set answer version $version
    dict set answer cipher $cipher
    dict set answer compression $compression
    dict set answer extensions $extensions
    if {[dict exists $extensions 51]} {
        if {[binary scan [dict get $extensions 51] H4 group] != 1} {
            return -code error -errorcode {PROBE BAD} "the server's hello has a key share without a group"
        }
        dict set answer group $group
    }
    if {$version eq ""} {
        dict set answer outcome bad
        dict set answer text "the server's hello names an unknown version"
    } elseif {$version eq "tls1.3" || ![dict get $answer isWhole]} {
        dict set answer outcome hello
    }
}

proc ::tls::Probe::Certificates {body} {
    set list [Cut body 3]
    set result {}
    while {$list ne "" && [llength $result] < 32} {
        lappend result [Cut list 3]
    }
    return $result
}

# The group of ECDHE (RFC 8422 5.4), the size of the prime of DHE (RFC 5246 7.4.3). Other
# suites have no such message, or another form that does not matter here.
proc ::tls::Probe::KeyExchange {answerName body} {
    upvar 1 $answerName answer
    variable suiteNames
    set name [SuiteName [dict get $answer cipher]]
    if {[string match TLS_ECDH* $name] && [binary scan $body cuH4 type group] == 2 && $type == 3} {
        dict set answer group $group
    } elseif {[string match TLS_DH* $name]} {
        set prime [string trimleft [Cut body 2] \0]
        if {[binary scan $prime cu first] == 1} {
            dict set answer dhbits [expr {8 * [string length $prime] - 8 + [string length [string trimleft [format %08b $first] 0]]}]
        }
    }
}

# These two, and others of here that hand on names, do without expr: it takes what looks like a number for one.
proc ::tls::Probe::SuiteName {number} {
    variable suiteNames
    set number [string toupper $number]
    if {[dict exists $suiteNames $number]} {
        return [dict get $suiteNames $number]
    }
    return 0x$number
}

proc ::tls::Probe::GroupName {number} {
    variable groupNames
    if {[dict exists $groupNames $number]} {
        return [dict get $groupNames $number]
    }
    return 0x$number
}
