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
