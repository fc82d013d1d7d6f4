# Certificates by hand: DER from Tcl, so that tests can say what no tool would write.
#
#   der::Certificate ?key value ...?   a certificate (not really signed), as bytes
#   der::Pem bytes ?kind?              the same in PEM
#
# Everything returns bytes. Names are lists of RDNs: {{oid tag value}}.

namespace eval ::der {
    variable oid
    array set oid {
        CN 2.5.4.3 O 2.5.4.10 C 2.5.4.6 OU 2.5.4.11
        rsa 1.2.840.113549.1.1.1 sha256rsa 1.2.840.113549.1.1.11
        san 2.5.29.17 basic 2.5.29.19 usage 2.5.29.15 extended 2.5.29.37
        ski 2.5.29.14 aki 2.5.29.35 crl 2.5.29.31 aia 1.3.6.1.5.5.7.1.1
    }
}

proc ::der::Tlv {tag args} {
    set content [join $args ""]
    set length [string length $content]
    if {$length < 128} {
        return [binary format cc $tag $length]$content
    }
    set size ""
    for {} {$length > 0} {set length [expr {$length >> 8}]} {
        set size [binary format c [expr {$length & 255}]]$size
    }
    return [binary format cc $tag [expr {128 + [string length $size]}]]$size$content
}

proc ::der::Seq {args} {
    return [Tlv 0x30 {*}$args]
}

proc ::der::Oid {name} {
    variable oid
    set dots [expr {[info exists oid($name)] ? $oid($name) : $name}]
    set numbers [lassign [split $dots .] first second]
    set out ""
    foreach number [linsert $numbers 0 [expr {$first * 40 + $second}]] {
        set bytes [binary format c [expr {$number & 127}]]
        while {[set number [expr {$number >> 7}]] > 0} {
            set bytes [binary format c [expr {128 | ($number & 127)}]]$bytes
        }
        append out $bytes
    }
    return [Tlv 6 $out]
}

# An INTEGER from the hex of its content.
proc ::der::Int {hex} {
    return [Tlv 2 [binary decode hex $hex]]
}

proc ::der::Bits {bytes} {
    return [Tlv 3 \0 $bytes]
}

proc ::der::Octets {args} {
    return [Tlv 4 {*}$args]
}

proc ::der::Null {} {
    return [Tlv 5]
}

# {{oid tag value} ...}: one RDN each. Tags: 12 UTF8String, 19 Printable, 20 T61, 22 IA5,
# 28 Universal, 30 BMP.
proc ::der::Name {rdns} {
    set out ""
    foreach rdn $rdns {
        lassign $rdn type tag value
        append out [Tlv 0x31 [Seq [Oid $type] [Tlv $tag $value]]]
    }
    return [Seq $out]
}

proc ::der::Ext {type value {isCritical 0}} {
    return [Seq [Oid $type] [expr {$isCritical ? [Tlv 1 \xff] : ""}] [Octets $value]]
}

# Alternative names: {tag value}; 1 email, 2 DNS, 6 URI, 7 IP.
proc ::der::San {names} {
    set out {}
    foreach {tag value} $names {
        lappend out [Tlv [expr {0x80 | $tag}] $value]
    }
    return [Ext san [Seq {*}$out]]
}

# Any part can be replaced by bytes of the caller's: -version -serial -algorithm -issuer
# -notbefore -notafter -subject -key -uids -extensions -outer -signature. The empty
# -extensions and -version leave them out.
proc ::der::Certificate {args} {
    set sha256rsa [Seq [Oid sha256rsa] [Null]]
    set name [Name {{CN 12 test}}]
    set modulus 00[string repeat c5 128]
    set o [dict merge [dict create \
        -version [Tlv 0xa0 [Int 02]] -serial [Int 01] -algorithm $sha256rsa -issuer $name \
        -notbefore [Tlv 23 260101000000Z] -notafter [Tlv 23 360101000000Z] -subject $name \
        -key [Seq [Seq [Oid rsa] [Null]] [Bits [Seq [Int $modulus] [Int 010001]]]] \
        -uids {} -extensions {} -outer $sha256rsa -signature [Bits [string repeat \x5a 128]]] $args]
    foreach {option value} $o {
        set [string range $option 1 end] $value
    }
    if {$extensions ne ""} {
        set extensions [Tlv 0xa3 [Seq $extensions]]
    }
    return [Seq [Seq $version $serial $algorithm $issuer [Seq $notbefore $notafter] $subject $key \
        $uids $extensions] $outer $signature]
}

proc ::der::Pem {bytes {kind CERTIFICATE}} {
    return "-----BEGIN $kind-----\n[binary encode base64 -maxlen 64 $bytes]\n-----END $kind-----\n"
}
