# The questions of tls::probe: what protocols, suites and groups a server takes, one hello
# at a time, and what a real connection to it is like.

if {![namespace exists ::tls::Probe]} {
    return
}

namespace eval ::tls::Probe {
    variable suiteLimit 48 ;# questions for the suites of one protocol
    variable alpnNames {"" {h2 http/1.1} ftp ftp imap imap ldap {} pop3 pop3 postgres postgresql smtp {} xmpp xmpp-client}
    # A word that makes a server answer, and with TLS 1.3 send its tickets.
    variable goodbyes {"" "HEAD / HTTP/1.0\r\n\r\n" ftp "QUIT\r\n" imap "a2 LOGOUT\r\n" ldap "" pop3 "QUIT\r\n" postgres ""
        smtp "QUIT\r\n" xmpp ""}
}

# Sends a hello; returns the answer, see NewAnswer. A connection that cannot be made is an
# error, {PROBE FINDING code}; one that ends is an answer.
proc ::tls::Probe::Ask {run version isWhole args} {
    upvar #0 $run p
    variable suites12
    variable suites13
    variable groups12
    variable groups13
    set is13 [expr {$version eq "tls1.3"}]
    set hello [dict create version $version servername $p(servername) ciphers [expr {$is13 ? [dict keys $suites13] : $suites12}] \
        groups [expr {$is13 ? $groups13 : $groups12}]]
    set channel [Connect $run]
    set answer [NewAnswer $isWhole]
    try {
        Send $channel [ClientHello [dict merge $hello $args]]
        while {[dict get $answer outcome] eq ""} {
            Digest answer [Receive $run $channel 16384]
        }
    } trap {PROBE FINDING} {message details} {
        set code [lindex [dict get $details -errorcode] 2]
        dict set answer outcome $code
        dict set answer text $message
        # Text without a line of TLS, and then the end.
        if {[dict get $answer data] ne "" && [dict get $answer handshake] eq "" && ![string match "\[\x14-\x17\]\x03*" [dict get $answer data]]} {
            dict set answer outcome notls
            dict set answer text [Printable [dict get $answer data]]
        }
    } finally {
        Close $run $channel
    }
    return $answer
}

# Which protocols there are. False: this is no TLS server, and p(failure) says what it is.
proc ::tls::Probe::ScanProtocols {run} {
    upvar #0 $run p
    set failures {}
    foreach version {tls1.3 tls1.2 tls1.1 tls1 ssl3} {
        set p(protocols) [linsert $p(protocols) 0 $version ""]
        try {
            set answer [Ask $run $version 1]
        } trap {PROBE FINDING} {message details} {
            set answer [dict create outcome [lindex [dict get $details -errorcode] 2] text $message]
            if {![dict size $failures] && ![dict size $p(server)]} {
                set p(reachable) [expr {[dict get $answer outcome] ne "unreachable"}]
                set p(failure) [list [dict get $answer outcome] $message]
                return 0
            }
        }
        set p(reachable) 1
        set outcome [dict get $answer outcome]
        if {$outcome eq "hello" && [dict get $answer version] eq $version} {
            dict set p(protocols) $version 1
            dict set p(server) $version $answer
            Learn $run $version $answer
            continue
        }
        # Silence is no answer to this question, once there was one to another.
        if {$outcome in {alert closed bad hello}} {
            dict set p(protocols) $version 0
        } else {
            dict set p(missed) $version [dict get $answer text]
        }
        dict set failures $version $answer
        if {$outcome eq "notls" || ($outcome in {silent unreachable timeout} && [dict size $failures] > 1 && ![dict size $p(server)])} {
            break
        }
    }
    set p(isTls) [expr {[dict size $p(server)] > 0}]
    if {!$p(isTls)} {
        set p(failure) [WhyNoProtocol $failures]
        return 0
    }
    return 1
}

# The most telling of the failures: {code text}.
proc ::tls::Probe::WhyNoProtocol {failures} {
    foreach {outcome code} {notls plaintext alert protocol-none bad bad-answer hello bad-answer silent silent
            starttls-refused starttls-refused starttls-plaintext starttls-plaintext unreachable unreachable closed closed} {
        dict for {version answer} $failures {
            if {[dict get $answer outcome] eq $outcome} {
                set text [dict get $answer text]
                if {$outcome eq "alert"} {
                    set text "to $version the server answers with the alert [dict get $answer alert]"
                }
                return [list $code $text]
            }
        }
    }
    return [list timeout "the time is up"]
}

# What the answer says besides the protocol.
proc ::tls::Probe::Learn {run version answer} {
    upvar #0 $run p
    if {$version eq "tls1.3"} {
        return
    }
    set extensions [dict get $answer extensions]
    set p(secureRenegotiation) [expr {$p(secureRenegotiation) ne "0" && [dict exists $extensions 65281]}]
    if {$version ne "ssl3"} {
        set p(extendedMasterSecret) [expr {$p(extendedMasterSecret) ne "0" && [dict exists $extensions 23]}]
        set p(staple) [expr {$p(staple) eq "1" || [dict get $answer staple]}]
    }
    foreach key {clientAuth compression} {
        if {[dict get $answer $key]} {
            set p($key) 1
        }
    }
    if {![llength $p(raw)]} {
        set p(raw) [dict get $answer certificates]
    }
}

# The suites of a protocol, in the order in which the server takes them.
proc ::tls::Probe::ScanCiphers {run version} {
    upvar #0 $run p
    variable suites12
    variable suites13
    variable suiteLimit
    set left [expr {$version eq "tls1.3" ? [dict keys $suites13] : $suites12}]
    set taken {}
    dict set p(ciphers) $version {}
    while {[llength $left] && [llength $taken] < $suiteLimit} {
        set answer [Ask $run $version 0 ciphers $left]
        Unanswered $answer $taken
        set cipher [string toupper [dict get $answer cipher]]
        if {[dict get $answer outcome] ne "hello" || $cipher ni $left} {
            break
        }
        set left [lsearch -all -inline -not -exact $left $cipher]
        lappend taken $cipher
        dict set p(ciphers) $version [lmap number $taken {SuiteName $number}]
    }
    set p(suites,$version) $taken
    if {[llength $taken] > 1} {
        set answer [Ask $run $version 0 ciphers [lreverse $taken]]
        if {[dict get $answer outcome] eq "hello"} {
            dict set p(preference) $version [expr {[string toupper [dict get $answer cipher]] eq [lindex $taken 0] ? "server" : "client"}]
        } else {
            dict set p(missed) "whose order counts in $version" [dict get $answer text]
        }
    }
}

# A server that has answered and then keeps silent, or closes at once, is tired of us: what
# it would have said is not known.
proc ::tls::Probe::Unanswered {answer taken} {
    if {[dict get $answer outcome] in {silent timeout unreachable} || (![llength $taken] && [dict get $answer outcome] eq "closed")} {
        Fail [dict get $answer outcome] [dict get $answer text]
    }
}

# The key exchange groups, in the order in which the server takes them; and the size of its
# Diffie-Hellman prime.
proc ::tls::Probe::ScanGroups {run version} {
    upvar #0 $run p
    variable groups12
    variable groups13
    if {$version eq "ssl3" || ![info exists p(suites,$version)]} {
        return
    }
    set words {}
    set left $groups13
    if {$version ne "tls1.3"} {
        ScanPrime $run $version
        set left $groups12
        set ephemeral [lsearch -all -inline -regexp $p(suites,$version) {^(C00[6-9A]|C01|C02[3478BCF]|C03|C07|CCA[89]|C0A[CDEF]|C04[89]|C05[CD]|C06[01])}]
        if {![llength $ephemeral]} {
            return
        }
        set words [list ciphers $ephemeral]
    }
    set taken {}
    dict set p(groups) $version {}
    while {[llength $left]} {
        set answer [Ask $run $version 1 {*}$words groups $left]
        Unanswered $answer $taken
        set group [dict get $answer group]
        if {[dict get $answer outcome] ne "hello" || $group ni $left} {
            break
        }
        set left [lsearch -all -inline -not -exact $left $group]
        lappend taken $group
        dict set p(groups) $version [lmap number $taken {GroupName $number}]
    }
}

proc ::tls::Probe::ScanPrime {run version} {
    upvar #0 $run p
    # Not by expr: 0033 is a number to it, and another one.
    set ephemeral {}
    foreach number $p(suites,$version) {
        if {[string match TLS_DHE* [SuiteName $number]]} {
            lappend ephemeral $number
        }
    }
    if {[llength $ephemeral]} {
        set bits [dict get [Ask $run $version 1 ciphers $ephemeral] dhbits]
        if {$bits && (!$p(dhbits) || $bits < $p(dhbits))} {
            set p(dhbits) $bits
        }
    }
}

# ---- real connections

# The options of a connection in that protocol: whatever the server is like, it shall come
# to stand, and what is wrong is found later.
proc ::tls::Probe::Options {run version} {
    upvar #0 $run p
    set result [dict remove $p(options) -pin -servername -verifyname -alpn]
    if {$p(servername) ne ""} {
        dict set result -servername $p(servername)
    }
    return [dict merge $result [list -require 0 -request 1 -security_level 0 -minversion $version -maxversion $version] \
        [expr {$version eq "tls1.3" ? "" : {-cipher ALL:COMPLEMENTOFALL}}]]
}

# The newest protocol that both have.
proc ::tls::Probe::Common {run} {
    set known [::tls::protocols]
    foreach version [Offered $run] {
        if {$version in $known} {
            return $version
        }
    }
    Fail library "the library here has none of the server's protocols"
}

# A TLS channel on which the handshake is done.
proc ::tls::Probe::Secured {run version args} {
    upvar #0 $run p
    set channel [Connect $run]
    try {
        ::tls::import $channel {*}[dict merge [Options $run $version] $args]
        set until [StepEnd $run]
        while {![::tls::handshake $channel]} {
            if {![Wait $channel writable $until]} {
                Fail silent "the server is silent"
            }
        }
    } trap {PROBE} {message details} {
        Close $run $channel
        return -options $details $message
    } on error {message} {
        Close $run $channel
        Fail handshake $message
    }
    return $channel
}

# Certificates come from a connection of today's protocols, else from a hello of older. No more
# than anybody verifies: the rest of a longer list is not looked at.
proc ::tls::Probe::RealConnection {run} {
    upvar #0 $run p
    if {![Try $run "a whole handshake" { set channel [Secured $run [Common $run]] }]} {
        set p(realFailure) [dict get $p(missed) "a whole handshake"]
        set pem [join [lmap der $p(raw) {
            string cat "-----BEGIN CERTIFICATE-----\n" [binary encode base64 -maxlen 64 $der] "\n-----END CERTIFICATE-----\n"
        }] ""]
        catch {set p(chain) [::tls::x509 parse $pem]}
        return
    }
    set p(connection) [::tls::connection $channel]
    set p(chain) [lrange [::tls::chain $channel] 0 99]
    set p(verified) [::tls::chain -verified $channel]
    if {[llength [dict get [::tls::status $channel] ca_names]]} {
        set p(clientAuth) 1
    }
    Close $run $channel
}

# Which application protocols the server takes, each asked for alone.
proc ::tls::Probe::ScanAlpn {run} {
    upvar #0 $run p
    variable alpnNames
    set names [expr {[dict exists $p(options) -alpn] ? [dict get $p(options) -alpn] : [dict get $alpnNames $p(starttls)]}]
    if {$p(realFailure) ne ""} {
        return
    }
    foreach name $names {
        try {
            set channel [Secured $run [Common $run] -alpn [list $name]]
        } trap {PROBE FINDING handshake} {} {
            # That is how a server says no (RFC 7301 3.2).
            continue
        }
        if {[dict get [::tls::connection $channel] alpn] eq $name} {
            lappend p(alpn) $name
        }
        Close $run $channel
    }
}

# Whether a second connection may go on with the session of the first, per protocol.
proc ::tls::Probe::ScanResumption {run} {
    upvar #0 $run p
    variable goodbyes
    if {$p(realFailure) ne ""} {
        return
    }
    foreach version [lrange [lmap name [Offered $run] {expr {$name in [::tls::protocols] ? $name : [continue]}}] 0 1] {
        set words [list -resume 1 -session_peer $run]
        set channel [Secured $run $version {*}$words]
        set goodbye [dict get $goodbyes $p(starttls)]
        if {$version eq "tls1.3"} {
            catch {puts -nonewline $channel $goodbye}
            # A server that wants a certificate says so only now (RFC 8446 4.4.2.4).
            if {[lrange [Linger $run $channel [expr {$goodbye eq "" ? 300 : 1500}]] 0 2] eq {TLS ALERT certificate_required}} {
                set p(clientAuth) 1
                set p(realFailure) "without one it breaks off in TLS 1.3"
                Close $run $channel
                return
            }
        }
        Close $run $channel
        set channel [Secured $run $version {*}$words]
        dict set p(resumption) $version [dict get [::tls::connection $channel] session_reused]
        Close $run $channel
    }
}

# Reads until something has come, or the end. Tickets come before it, or with it. Returns the
# code of an error.
proc ::tls::Probe::Linger {run channel ms} {
    upvar #0 $run p
    set until [expr {min($p(until), [clock milliseconds] + $ms)}]
    while {[Wait $channel readable $until]} {
        if {[catch {read $channel 4096} bytes details]} {
            return [dict get $details -errorcode]
        }
        if {$bytes ne "" || [eof $channel]} {
            return
        }
    }
}
