# What is wrong with the answers of a server: findings, each a dictionary with code,
# severity, text and advice. Severities: broken (a careful client does not get through, or
# anybody can listen), warning (will break, or is weak), note (could be better).

if {![namespace exists ::tls::Probe]} {
    return
}

namespace eval ::tls::Probe {
    variable soon 21 ;# days: certificates that end earlier are a warning
    variable advice {
        unreachable {check the host, the port and what is between}
        timeout {give -timeout more milliseconds}
        silent {is it the right port? Does the server wait for a plain command first (STARTTLS)?}
        closed {is it the right port? What does the server's log say?}
        plaintext {is it the right port? A server that begins in plain text needs -starttls}
        bad-answer {something between the two may be changing the bytes}
        protocol-none {enable TLS 1.2 and 1.3, and give the server a certificate and key; if it wants SNI, give -servername}
        starttls-missing {enable TLS in the server; if it is enabled, somebody on the way may have taken the offer out}
        starttls-refused {enable TLS in the server, and look into its log}
        starttls-protocol {is it the right port for this kind of server?}
        starttls-plaintext {somebody on the way may be putting words into the dialogue; a server must keep silent until the client's hello}
        handshake {look into the server's log}
        protocol-old {enable TLS 1.2 and 1.3}
        protocol-ssl3 {switch SSL 3 off (RFC 7568)}
        protocol-tls1 {switch TLS 1.0 off (RFC 8996)}
        protocol-tls1.1 {switch TLS 1.1 off (RFC 8996)}
        protocol-no-tls1.3 {enable TLS 1.3: it is faster and has fewer ways to be set up badly}
        cipher-null {leave suites without encryption out: add !eNULL to the cipher list}
        cipher-anonymous {leave suites without authentication out: add !aNULL to the cipher list}
        cipher-export {leave suites of export strength out: add !EXPORT to the cipher list}
        cipher-rc4 {leave RC4 out (RFC 7465): add !RC4 to the cipher list}
        cipher-des {leave DES, RC2, IDEA and SEED out: add !DES:!RC2:!IDEA:!SEED to the cipher list}
        cipher-3des {leave 3DES out (Sweet32, CVE-2016-2183): add !3DES to the cipher list}
        cipher-no-forward-secrecy {leave key exchange by RSA out: add !kRSA to the cipher list}
        cipher-cbc {leave the CBC suites out if no old client needs them}
        no-preference {let the server's order decide}
        dh-weak {use a group of 2048 bits or more (RFC 7919), or only elliptic curves}
        compression {switch TLS compression off (CRIME, CVE-2012-4929)}
        renegotiation-insecure {bring the server's library up to date (RFC 5746); OpenSSL 3 refuses such a server}
        no-extended-master-secret {bring the server's library up to date (RFC 7627)}
        certificate-expired {renew the certificate}
        certificate-not-yet-valid {check the clocks of server, client and CA}
        certificate-ends-soon {renew the certificate, and look why that did not happen by itself}
        certificate-long {public certificates may be valid for 398 days at most: clients may refuse it}
        name-mismatch {get a certificate with this name among its alternative names, or use one of its names}
        no-names {put the names into the alternative names: the subject alone does not count for most clients}
        self-signed {get a certificate from an authority, or give it to the clients as trusted (-cafile)}
        chain-incomplete {let the server send the intermediate certificates behind its own; if it does, its CA is not trusted: -cafile}
        untrusted {is that CA meant? Then give it with -cafile or -cadir; else get a certificate from an authority that is trusted}
        chain-order {send the server's own certificate first, then each issuer in turn}
        chain-root {leave the root certificate out: clients have it, or do not trust it anyhow}
        no-trust {install the system's CA certificates, or give -cafile}
        verify {see openssl-verification-options(1)}
        key-weak {make a new key: EC P-256, or RSA with 2048 bits or more}
        signature-weak {get a certificate that is signed with SHA-256 or better}
        pin-mismatch {if the key was changed on purpose, change the pin}
        ocsp-must-staple {switch stapling on in the server: the certificate demands it (RFC 7633)}
        client-certificate {give -certfile and -keyfile if you have one}
        no-resumption {let sessions be resumed (tickets): clients come back faster}
        incomplete {give -timeout more milliseconds, or probe again when the server is less busy}
    }
}

# Once each: a certificate may have been sent twice.
proc ::tls::Probe::Find {run code severity text} {
    upvar #0 $run p
    variable advice
    set finding [dict create code $code severity $severity text $text \
        advice [expr {[dict exists $advice $code] ? [dict get $advice $code] : ""}]]
    if {$finding ni $p(findings)} {
        lappend p(findings) $finding
    }
}

# fine, note, warning or broken: the worst.
proc ::tls::Probe::Verdict {findings} {
    set severities [lmap finding $findings {dict get $finding severity}]
    foreach severity {broken warning note} {
        if {$severity in $severities} {
            return $severity
        }
    }
    return fine
}

proc ::tls::Probe::Judge {run} {
    upvar #0 $run p
    if {[llength $p(failure)]} {
        Find $run [lindex $p(failure) 0] broken [lindex $p(failure) 1]
        return
    }
    JudgeProtocols $run
    JudgeCiphers $run
    JudgeHellos $run
    if {[llength $p(chain)]} {
        JudgeChain $run
        JudgeDates $run
        JudgeNames $run
        JudgeStrength $run
        JudgeTrust $run
        JudgePins $run
    }
    if {$p(realFailure) ne "" && !$p(clientAuth)} {
        Find $run handshake broken $p(realFailure)
    }
    if {[dict size $p(resumption)] && 1 ni [dict values $p(resumption)]} {
        Find $run no-resumption note "no session can be resumed"
    }
    set missed [dict remove $p(missed) "a whole handshake"]
    if {[dict size $missed]} {
        Find $run incomplete warning "not everything could be asked: [join [lmap {what why} $missed {string cat $what ": " $why}] {; }]"
    }
}

proc ::tls::Probe::JudgeProtocols {run} {
    upvar #0 $run p
    set offered [Offered $run]
    if {"tls1.2" ni $offered && "tls1.3" ni $offered} {
        Find $run protocol-old broken "nothing newer than [lindex $offered 0] is spoken"
    } elseif {"tls1.3" ni $offered} {
        Find $run protocol-no-tls1.3 note "TLS 1.3 is not spoken"
    }
    foreach version {tls1.1 tls1 ssl3} {
        if {$version in $offered} {
            Find $run protocol-$version [expr {$version eq "ssl3" ? "broken" : "warning"}] "$version is still spoken"
        }
    }
}

proc ::tls::Probe::JudgeCiphers {run} {
    upvar #0 $run p
    foreach {code severity pattern text} {
        cipher-null broken _WITH_NULL_ "suites without encryption"
        cipher-anonymous broken _anon_ "suites without authentication"
        cipher-export broken _EXPORT_ "suites of export strength"
        cipher-rc4 broken _RC4_128 "suites with RC4"
        cipher-des broken {_WITH_DES_|_WITH_RC2_CBC_1|_IDEA_|_SEED_} "suites with outdated ciphers"
        cipher-3des warning _3DES_ "suites with 3DES, whose blocks are too small"
        cipher-no-forward-secrecy note {^TLS_(RSA|ECDH_ECDSA|ECDH_RSA)_} "suites without forward secrecy"
        cipher-cbc note _CBC_ "suites with CBC"
    } {
        set found {}
        dict for {version names} $p(ciphers) {
            lappend found {*}[lsearch -all -inline -regexp $names $pattern]
        }
        set found [lsort -unique $found]
        if {[llength $found]} {
            set shown [join [lrange $found 0 3] {, }]
            append shown [expr {[llength $found] > 4 ? " and [expr {[llength $found] - 4}] more" : ""}]
            Find $run $code $severity "$text: $shown"
        }
    }
    if {"client" in [dict values [dict remove $p(preference) tls1.3]]} {
        Find $run no-preference note "the client's order of cipher suites decides"
    }
    if {$p(dhbits) && $p(dhbits) < 2048} {
        Find $run dh-weak [expr {$p(dhbits) < 1024 ? "broken" : "warning"}] "Diffie-Hellman with a prime of $p(dhbits) bits"
    }
}

proc ::tls::Probe::JudgeHellos {run} {
    upvar #0 $run p
    if {$p(compression)} {
        Find $run compression broken "TLS compression is on"
    }
    if {$p(secureRenegotiation) eq "0"} {
        Find $run renegotiation-insecure broken "no secure renegotiation"
    }
    if {$p(extendedMasterSecret) eq "0"} {
        Find $run no-extended-master-secret note "no extended master secret"
    }
    if {$p(clientAuth)} {
        Find $run client-certificate note "the server asks for a client certificate[expr {$p(realFailure) eq "" ? "" : ": $p(realFailure)"}]"
    }
    set leaf [lindex $p(chain) 0]
    if {[MustStaple $leaf] && $p(staple) ne "1"} {
        Find $run ocsp-must-staple [expr {$p(staple) eq "0" ? "broken" : "warning"}] \
            "the certificate demands a stapled OCSP response, and [expr {$p(staple) eq "0"
                ? "the server sends none" : "with TLS 1.3 alone it cannot be seen whether the server sends one"}]"
    }
}

# ---- certificates

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
