# OCSP responses for tests, made by the openssl command as a responder.
#
#   ocsp::Make name ?option value ...?   writes name.der in the temporary directory; its path
#   ocsp::Redate path name key times     the same response signed again with other times
#   ocsp::Command name ?option ...?      words for `openssl ocsp` that know of a certificate
#
# Options: -leaf pem (what it is about), -issuer pem (of the leaf; a key of the same name
# beside it), -status good|revoked|unknown, -signer pem (default: the issuer itself; its key
# beside it), -minutes n (to nextUpdate; 0: none), -hash name (of the certificate id).

namespace eval ::ocsp {
}

proc ::ocsp::Options {options} {
    set options [dict merge [dict create -leaf [support::Cert server-ec] -issuer [support::Cert intermediate] \
        -status good -signer {} -minutes 60 -hash sha1] $options]
    if {[dict get $options -signer] eq ""} {
        dict set options -signer [dict get $options -issuer]
    }
    return $options
}

proc ::ocsp::OpenSSL {args} {
    if {[catch {exec {*}[programs::Command openssl] {*}$args 2>@1} output]} {
        return -code error "openssl [lindex $args 0]: $output"
    }
    return $output
}

# The responder's list, as openssl-ca(1) keeps it. Returns words.
proc ::ocsp::Command {name args} {
    set options [Options $args]
    dict with options {
        set serial [lindex [split [string trim [OpenSSL x509 -in ${-leaf} -noout -serial]] =] 1]
        set line [dict get {
            good "V\t991231235959Z\t\t%s\tunknown\t/CN=x\n"
            revoked "R\t991231235959Z\t250101000000Z,keyCompromise\t%s\tunknown\t/CN=x\n"
            unknown "V\t991231235959Z\t\t0%s99\tunknown\t/CN=x\n"
        } ${-status}]
        if {[string length $serial] % 2} {
            set serial 0$serial
        }
        # Not by expr, which takes some of them for octal numbers.
        if {${-status} eq "unknown"} {
            set serial 1$serial
        }
        set index [support::Path $name.index [format [subst -nocommands -novariables $line] $serial]]
        set words [list ocsp -index $index -CA ${-issuer} -rsigner ${-signer} -rkey [file rootname ${-signer}].key]
        if {${-minutes} > 0} {
            lappend words -nmin ${-minutes}
        }
    }
    return $words
}

proc ::ocsp::Make {name args} {
    set options [Options $args]
    set path [support::Path $name.der {}]
    OpenSSL {*}[Command $name {*}$args] -issuer [dict get $options -issuer] -[dict get $options -hash] \
        -cert [dict get $options -leaf] -respout $path -noverify -no_nonce
    return $path
}

# ---- taking apart and putting together

# The parts of what is in a constructed value, each with its own header.
proc ::ocsp::Parts {bytes} {
    set parts {}
    set from [Header $bytes 0]
    while {$from < [string length $bytes]} {
        binary scan $bytes @[expr {$from + 1}]cu length
        set start [Header $bytes $from]
        if {$length > 128} {
            binary scan $bytes @[expr {$from + 2}]H[expr {2 * ($length - 128)}] hex
            set length [scan $hex %x]
        }
        lappend parts [string range $bytes $from $start+[expr {$length - 1}]]
        set from [expr {$start + $length}]
    }
    return $parts
}

# Where the content begins of what is at a place.
proc ::ocsp::Header {bytes from} {
    binary scan $bytes @[expr {$from + 1}]cu length
    return [expr {$from + 2 + ($length > 128 ? $length - 128 : 0)}]
}

# times: seconds for producedAt, thisUpdate and, if there is one, nextUpdate.
proc ::ocsp::Redate {path name key times} {
    lassign [Parts [support::Read $path]] status wrapped
    lassign [Parts [lindex [Parts $wrapped] 0]] type octets
    set basic [string range $octets [Header $octets 0] end]
    set rest [lassign [Parts $basic] data algorithm signature]
    foreach place [lrange [regexp -all -indices -inline {\x18\x0f\d{14}Z} $data] 0 2] seconds $times {
        if {$seconds ne "" && $place ne ""} {
            set text [clock format $seconds -gmt 1 -format %Y%m%d%H%M%SZ]
            set data [string replace $data [lindex $place 0] [lindex $place 1] \x18\x0f$text]
        }
    }
    set plain [support::Path $name.tbs $data]
    OpenSSL dgst -sha256 -sign $key -out [support::Path $name.sig {}] $plain
    set basic [der::Seq $data $algorithm [der::Bits [support::Read [support::Path $name.sig]]] {*}$rest]
    return [support::Path $name.der [der::Seq $status [der::Tlv 0xa0 [der::Seq $type [der::Octets $basic]]]]]
}

# A responder's error (RFC 6960 4.2.1): 3 is try later.
proc ::ocsp::Error {name {code 3}} {
    return [support::Path $name.der [der::Seq [der::Tlv 10 [binary format c $code]]]]
}
