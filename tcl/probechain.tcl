# What is wrong with the certificates that a server sends: dates, names, strength, trust, pins.
# Called by Judge (probejudge.tcl).

if {![namespace exists ::tls::Probe]} {
    return
}

proc ::tls::Probe::Seconds {date} {
    return [clock scan [regsub -all {\s+} $date " "] -format {%b %d %H:%M:%S %Y GMT} -gmt 1]
}

# Whole days until the end; negative once it is over. Empty if the date cannot be read.
proc ::tls::Probe::DaysLeft {certificate} {
    if {[catch {Seconds [dict get $certificate notAfter]} end]} {
        return ""
    }
    return [expr {int(floor(($end - [clock seconds]) / 86400.0))}]
}

# How a certificate is called in a text.
proc ::tls::Probe::Title {certificate} {
    set subject [dict get $certificate subject]
    if {$subject eq ""} {
        set subject [join [lrange [dict get $certificate subjectAltName] 0 0]]
    }
    return "\"[Printable $subject 120]\""
}

# RFC 7633: among the features that the extension asks for is status_request (5).
proc ::tls::Probe::MustStaple {leaf} {
    if {$leaf eq ""} {
        return 0
    }
    set der [binary decode base64 [regsub -all -line {^-.*$} [dict get $leaf certificate] {}]]
    # OBJECT IDENTIFIER id-pe-tlsfeature, BOOLEAN (critical), OCTET STRING, SEQUENCE, INTEGERs.
    set at [string first \x06\x08\x2b\x06\x01\x05\x05\x07\x01\x18 $der]
    if {$at < 0 || ![regexp {^(?:\x01\x01.)?\x04[\x02-\x7f]\x30([\x00-\x7d])} [string range $der $at+10 end] found length]} {
        return 0
    }
    set start [expr {$at + 10 + [string length $found]}]
    set features [string range $der $start [expr {$start + [scan $length %c] - 1}]]
    while {[regexp {^\x02([\x01-\x04])} $features - width]} {
        set end [expr {[scan $width %c] + 2}]
        if {[string range $features 2 [expr {$end - 1}]] eq "\x05"} {
            return 1
        }
        set features [string range $features $end end]
    }
    return 0
}

# A certificate that is sent and is not part of what was verified: no client stumbles over it.
proc ::tls::Probe::IsIdle {run certificate} {
    upvar #0 $run p
    set used [lmap each $p(verified) {dict get $each certificate}]
    return [expr {[llength $used] && [dict get $certificate certificate] ni $used}]
}

# Where the issuers lead to from the leaf, in what was sent: indices.
proc ::tls::Probe::Path {chain} {
    set path 0
    while {[llength $path] <= [llength $chain]} {
        set last [lindex $chain [lindex $path end]]
        if {[dict get $last self_signed]} {
            break
        }
        set next -1
        for {set i 0} {$i < [llength $chain] && $next < 0} {incr i} {
            if {$i ni $path && [dict get [lindex $chain $i] subject] eq [dict get $last issuer]} {
                set next $i
            }
        }
        if {$next < 0} {
            break
        }
        lappend path $next
    }
    return $path
}

proc ::tls::Probe::JudgeChain {run} {
    upvar #0 $run p
    set path [Path $p(chain)]
    if {$path ne [lsort -integer $path] || [llength $path] < [llength $p(chain)]} {
        Find $run chain-order note "the certificates sent are not one chain in order"
    }
    set last [lindex $p(chain) [lindex $path end]]
    if {[llength $path] > 1 && [dict get $last self_signed]} {
        Find $run chain-root note "the root certificate [Title $last] is sent along"
    }
}

proc ::tls::Probe::JudgeDates {run} {
    upvar #0 $run p
    variable soon
    set now [clock seconds]
    foreach certificate $p(chain) {
        if {[catch {Seconds [dict get $certificate notBefore]} from] || [catch {Seconds [dict get $certificate notAfter]} until]} {
            Find $run verify broken "the dates of [Title $certificate] cannot be read"
            continue
        }
        set days [DaysLeft $certificate]
        if {$now > $until} {
            Find $run certificate-expired [expr {[IsIdle $run $certificate] ? "note" : "broken"}] "[Title $certificate] has expired, [Count [expr {-$days - 1}] day] ago"
        } elseif {$now < $from} {
            Find $run certificate-not-yet-valid broken "[Title $certificate] is not valid yet, until [dict get $certificate notBefore]"
        } elseif {$days < $soon} {
            Find $run certificate-ends-soon warning "[Title $certificate] ends in [Count $days day]"
        }
    }
    set leaf [lindex $p(chain) 0]
    if {![catch {expr {([Seconds [dict get $leaf notAfter]] - [Seconds [dict get $leaf notBefore]]) / 86400.0}} length] && $length > 399} {
        Find $run certificate-long note "[Title $leaf] is valid for [expr {int($length)}] days"
    }
}

proc ::tls::Probe::Count {number what} {
    return "$number $what[expr {$number == 1 ? "" : "s"}]"
}

# The names of which the certificate must have one.
proc ::tls::Probe::Wanted {run} {
    upvar #0 $run p
    if {[dict exists $p(options) -verifyname]} {
        return [dict get $p(options) -verifyname]
    }
    return [list $p(name)]
}

proc ::tls::Probe::JudgeNames {run} {
    upvar #0 $run p
    set leaf [lindex $p(chain) 0]
    set wildcards [expr {[dict exists $p(options) -wildcards] ? [list -wildcards [dict get $p(options) -wildcards]] : ""}]
    set wanted [Wanted $run]
    set names [dict get $leaf subjectAltName]
    if {![llength $names]} {
        Find $run no-names warning "[Title $leaf] has no alternative names"
    }
    foreach name $wanted {
        if {![catch {::tls::x509 match [dict get $leaf certificate] $name {*}$wildcards} isMatch] && $isMatch} {
            return
        }
    }
    if {![llength $names]} {
        set names [list [dict get $leaf subject]]
    }
    set shown [join [lmap name [lrange $names 0 4] {Printable $name}] {, }]
    Find $run name-mismatch broken "the certificate is not for [join $wanted { or }], but for $shown[expr {[llength $names] > 5 ? " ..." : ""}]"
}

proc ::tls::Probe::JudgeStrength {run} {
    upvar #0 $run p
    foreach certificate $p(chain) {
        set type [dict get $certificate publicKeyAlgorithm]
        set bits [dict get $certificate bits]
        if {[string is integer -strict $bits] && $bits < [expr {[regexp -nocase {rsa|dsa$|dh} $type] ? 2048 : 224}]} {
            Find $run key-weak [expr {[IsIdle $run $certificate] ? "note" : "broken"}] "the key of [Title $certificate] has $bits bits ($type)"
        }
        # Nobody checks what a root signs itself with.
        if {![dict get $certificate self_signed] && [regexp -nocase {md[245]|sha1|sha-?1$} [dict get $certificate signatureAlgorithm]]} {
            Find $run signature-weak [expr {[IsIdle $run $certificate] ? "note" : "broken"}] "[Title $certificate] is signed with [dict get $certificate signatureAlgorithm]"
        }
    }
}

# The options of tls::x509 verify that go with ours.
proc ::tls::Probe::VerifyOptions {run} {
    upvar #0 $run p
    set result {}
    foreach {option other} {-cadata -cadata -cadir -cadir -cafile -cafile -castore -castore -crlcheck -crlcheck -crlfile -crlfile
            -wildcards -wildcards -verifydepth -depth} {
        if {[dict exists $p(options) $option]} {
            lappend result $other [dict get $p(options) $option]
        }
    }
    return $result
}

# Whether the chain leads to trust, apart from dates, names and strength, which have
# findings of their own. `verify` is what a client would say that checks all of it.
proc ::tls::Probe::JudgeTrust {run} {
    upvar #0 $run p
    set pem [join [lmap certificate $p(chain) {dict get $certificate certificate}] \n]
    set leaf [lindex $p(chain) 0]
    set options [VerifyOptions $run]
    foreach name [Wanted $run] {
        if {[catch {::tls::x509 verify $pem {*}$options -purpose server -host $name} p(verify)]} {
            Find $run no-trust broken $p(verify)
            return
        }
        if {![regexp -nocase {mismatch} $p(verify)]} {
            break
        }
    }
    set now [clock seconds]
    catch {set now [expr {min(max($now, [Seconds [dict get $leaf notBefore]] + 1), [Seconds [dict get $leaf notAfter]] - 1)}]}
    set options [dict remove $options -wildcards]
    if {[catch {::tls::x509 verify $pem {*}$options -purpose server -security_level 0 -time $now} result]} {
        Find $run verify broken $result
        return
    }
    if {$result eq "ok"} {
        # What is wrong is none of the issuers' business: said already, unless it is none of these.
        if {$p(verify) ne "ok" && "broken" ni [lmap finding $p(findings) {
            if {[dict get $finding code] ni {name-mismatch certificate-expired certificate-not-yet-valid key-weak signature-weak}} continue
            dict get $finding severity
        }]} {
            Find $run verify broken "the chain is not accepted: $p(verify)"
        }
        return
    }
    set path [Path $p(chain)]
    set last [lindex $p(chain) [lindex $path end]]
    if {[dict get $leaf self_signed] && [regexp -nocase {self.signed} $result]} {
        Find $run self-signed broken "[Title $leaf] is signed by itself, and not trusted"
    } elseif {[regexp -nocase {self.signed} $result]} {
        Find $run untrusted broken "the CA [Title $last] is not trusted"
    } elseif {[regexp -nocase {unable to (get|verify)} $result] && ![regexp {CRL} $result]} {
        set issuer "\"[Printable [dict get $last issuer] 120]\""
        if {[llength $path] == 1} {
            Find $run chain-incomplete broken "the issuer $issuer is neither sent nor trusted"
        } else {
            Find $run untrusted broken "the CA $issuer is not trusted"
        }
    } elseif {![regexp -nocase {has expired|not yet valid} $result] || ![regexp {certificate-(expired|not)} $p(findings)]} {
        Find $run verify broken "the chain is not accepted: $result"
    }
}

proc ::tls::Probe::JudgePins {run} {
    upvar #0 $run p
    if {![dict exists $p(options) -pin]} {
        return
    }
    set pin [::tls::x509 pin [dict get [lindex $p(chain) 0] certificate]]
    if {$pin ni [dict get $p(options) -pin]} {
        Find $run pin-mismatch broken "the key of the certificate is not one of those pinned: it is $pin"
    }
}
