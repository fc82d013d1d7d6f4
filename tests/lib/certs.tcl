# Certificates for tests and the demo, made when they are missing or have less than 30 days
# left. Private keys of no worth, kept out of git.
#
#   certs::Ensure ?dir?            makes the set below unless it is there, by tls::x509; returns dir
#   certs::Mint name ?option ...?  makes one more, anywhere, by the openssl command
#
# The set, each as <name>.pem (leaf first, then intermediates) and <name>.key:
#   ca intermediate                the authority, P-256; trust ca.pem
#   server-ec server-rsa server-ed25519
#                                  localhost, 127.0.0.1, ::1, *.example.org
#   client                         for client authentication, "Test Client"
#   expired future wrongname       server certificates that must be refused
#   selfsigned                     server certificate, its own issuer
#   other-ca other                 another authority, and localhost from there
#   server-encrypted               as server-ec, the key encrypted with the password "secret"

namespace eval ::certs {
    variable root [file dirname [file dirname [file dirname [file normalize [info script]]]]]
    variable names {DNS:localhost IP:127.0.0.1 IP:::1 DNS:*.example.org DNS:example.org}
    variable days 397
    variable serial 0
}

proc ::certs::Write {path text {permissions 0644}} {
    set channel [open $path {WRONLY CREAT TRUNC} $permissions]
    puts -nonewline $channel $text
    close $channel
}

proc ::certs::Read {path} {
    set channel [open $path]
    set text [read $channel]
    close $channel
    return $text
}

# Runs openssl in a directory without a configuration of the system's own.
proc ::certs::OpenSSL {args} {
    if {[catch {exec openssl {*}$args 2>@1} output]} {
        return -code error "openssl [lindex $args 0]: $output"
    }
    return $output
}

# A key in PEM. type: ec, rsa, ed25519; bits: for rsa; curve: for ec.
proc ::certs::Key {path type {bits 2048} {curve P-256}} {
    switch -exact -- $type {
        ec { set words [list -algorithm EC -pkeyopt ec_paramgen_curve:$curve] }
        rsa { set words [list -algorithm RSA -pkeyopt rsa_keygen_bits:$bits] }
        default { set words [list -algorithm $type] }
    }
    OpenSSL genpkey {*}$words -out $path
}

# A number no other certificate of this run or an earlier one has.
proc ::certs::Serial {} {
    variable serial
    return [format %012x%04x [clock microseconds] [incr serial]]
}

proc ::certs::Date {seconds} {
    return [clock format $seconds -gmt 1 -format %Y%m%d%H%M%SZ]
}

# Makes dir/name.pem and dir/name.key and returns {cert path key path}. Options:
#   -dir dir            where, and where the issuer is (default: the checkout's certs/)
#   -issuer name        who signs; "" signs itself (default: intermediate)
#   -subject dn         like "/O=Tests/CN=localhost" (default: /CN=<name>)
#   -san list           DNS:x, IP:x, ... (default: the names of the servers above)
#   -type t -bits n     ec, rsa, ed25519
#   -ca bool            an authority (default: 0)
#   -usage list         serverAuth, clientAuth (default: serverAuth)
#   -from s -to s       seconds since the epoch (default: yesterday, and 397 days)
#   -serial hex -digest name
#   -extensions lines   more lines of openssl's extension syntax
#   -key path           take this key, do not make one
proc ::certs::Mint {name args} {
    variable root
    variable names
    variable days
    set now [clock seconds]
    array set o [list -dir [file join $root certs] -issuer intermediate -subject /CN=$name -san $names \
        -type ec -bits 2048 -ca 0 -usage serverAuth -from [expr {$now - 86400}] \
        -to [expr {$now + $days * 86400}] -serial [Serial] -digest sha256 -extensions {} -key {}]
    foreach {option value} $args {
        if {![info exists o($option)]} {
            return -code error "bad option \"$option\": must be one of [lsort [array names o]]"
        }
        set o($option) $value
    }
    set key [file join $o(-dir) $name.key]
    set pem [file join $o(-dir) $name.pem]
    if {$o(-key) ne ""} {
        file copy -force $o(-key) $key
    } else {
        Key $key $o(-type) $o(-bits)
    }
    set work [file join $o(-dir) .$name.[pid]]
    file mkdir $work
    try {
        Sign $work $name $key $pem [array get o]
    } finally {
        file delete -force $work
    }
    return [list cert $pem key $key]
}

proc ::certs::Sign {work name key pem options} {
    array set o $options
    Write $work/index {}
    Write $work/serial "[string repeat 0 [expr {[string length $o(-serial)] % 2}]]$o(-serial)\n"
    Write $work/config [subst -nocommands {
        [req]
        distinguished_name = dn
        [dn]
        [ca]
        default_ca = here
        [here]
        database = $work/index
        serial = $work/serial
        new_certs_dir = $work
        unique_subject = no
        policy = any
        preserve = yes
        email_in_dn = yes
        string_mask = utf8only
        [any]
        countryName = optional
        organizationName = optional
        organizationalUnitName = optional
        commonName = optional
        emailAddress = optional
    }]
    set lines [list "subjectKeyIdentifier = hash" "authorityKeyIdentifier = keyid"]
    if {$o(-ca)} {
        lappend lines "basicConstraints = critical, CA:true" "keyUsage = critical, keyCertSign, cRLSign"
    } else {
        set usage [expr {$o(-type) eq "rsa" ? "digitalSignature, keyEncipherment" : "digitalSignature"}]
        lappend lines "basicConstraints = CA:false" "keyUsage = critical, $usage"
        if {[llength $o(-usage)]} {
            lappend lines "extendedKeyUsage = [join $o(-usage) {, }]"
        }
        if {[llength $o(-san)]} {
            lappend lines "subjectAltName = [join $o(-san) ,]"
        }
    }
    Write $work/extensions [join [concat $lines $o(-extensions)] \n]\n
    set digest [expr {$o(-type) eq "ed25519" ? "default" : $o(-digest)}]
    OpenSSL req -new -utf8 -config $work/config -key $key -subj $o(-subject) -out $work/request
    set words [list -batch -notext -utf8 -config $work/config -in $work/request -out $work/cert \
        -startdate [Date $o(-from)] -enddate [Date $o(-to)] -extfile $work/extensions]
    if {$o(-issuer) eq ""} {
        OpenSSL ca {*}$words -md $digest -selfsign -keyfile $key
        Write $pem [Read $work/cert]
        return
    }
    set issuer [file join $o(-dir) $o(-issuer)]
    OpenSSL ca {*}$words -md $o(-digest) -keyfile $issuer.key -cert $issuer.pem
    # What a server sends: its own, then those between it and the trust anchor.
    set chain [Read $work/cert]
    if {![IsSelfSigned $issuer.pem]} {
        append chain [Read $issuer.pem]
    }
    Write $pem $chain
}

proc ::certs::IsSelfSigned {pem} {
    set output [OpenSSL x509 -in $pem -noout -subject -issuer -nameopt RFC2253]
    return [regexp {subject=(.*)\nissuer=\1$} [string trim $output]]
}

# The words that run tls::x509: here, or in an interpreter with the package under test or,
# outside the tests, that of the checkout.
proc ::certs::Tool {} {
    variable root
    variable helper
    if {[llength [info commands ::tls::x509]]} {
        return ::tls::x509
    }
    if {![info exists helper]} {
        set helper [interp create]
        interp eval $helper [list set auto_path $::auto_path]
        interp eval $helper [list lappend auto_path [expr {[info exists ::env(TLS_TEST_PACKAGE)] ? $::env(TLS_TEST_PACKAGE) : $root}]]
        interp eval $helper {package require tls}
        interp alias {} ::certs::X509 $helper ::tls::x509
    }
    return ::certs::X509
}

# One of the set: its key and certificate, signed with its own key or by an issuer of the
# set. What a server sends is its own, then those between it and the trust anchor.
proc ::certs::MakeOne {dir name issuer type options} {
    variable days
    set password [list -password {apply {args {return secret}}}]
    set now [clock seconds]
    set tool [Tool]
    set key [{*}$tool key -type $type {*}[expr {$name eq "server-encrypted" ? $password : {}}]]
    set words [dict merge [list -key $key -notbefore [expr {$now - 86400}] -notafter [expr {$now + $days * 86400}]] $password $options]
    set chain ""
    if {$issuer ne ""} {
        set pem [Read [file join $dir $issuer.pem]]
        dict set words -issuer $pem
        dict set words -issuerkey [Read [file join $dir $issuer.key]]
        set chain [expr {$issuer eq "intermediate" ? $pem : ""}]
    }
    Write [file join $dir $name.key] $key 0600
    Write [file join $dir $name.pem] [{*}$tool create {*}$words]$chain
}

proc ::certs::MakeSet {dir} {
    variable names
    set now [clock seconds]
    set day 86400
    set ca {-ca 1 -subject}
    set server [list -usage server -san $names -subject "/O=TLS Tests/CN=localhost"]
    foreach {name issuer type options} [list \
        ca {} ec [list {*}$ca "/O=TLS Tests/CN=Test CA"] \
        intermediate ca ec [list {*}$ca "/O=TLS Tests/CN=Test Intermediate"] \
        server-ec intermediate ec $server \
        server-rsa intermediate rsa $server \
        server-ed25519 intermediate ed25519 $server \
        server-encrypted intermediate ec $server \
        client intermediate ec {-usage client -san email:client@example.org -subject "/O=TLS Tests/CN=Test Client"} \
        expired intermediate ec [list {*}$server -notbefore [expr {$now - 60 * $day}] -notafter [expr {$now - $day}]] \
        future intermediate ec [list {*}$server -notbefore [expr {$now + 396 * $day}]] \
        wrongname intermediate ec {-usage server -san DNS:www.example.net -subject "/O=TLS Tests/CN=www.example.net"} \
        selfsigned {} ec $server \
        other-ca {} ec [list {*}$ca "/O=TLS Tests/CN=Other CA"] \
        other other-ca ec $server
    ] {
        MakeOne $dir $name $issuer $type $options
    }
}

# Sets are remade when the way of making them changes, and 30 days before they expire.
proc ::certs::IsFresh {dir} {
    variable days
    if {[catch {Read [file join $dir made]} made] || [llength $made] != 2} {
        return 0
    }
    lassign $made sum seconds
    set age [expr {[clock seconds] - $seconds}]
    return [expr {$sum eq [Sum] && $age >= 0 && $age < ($days - 30) * 86400}]
}

proc ::certs::Sum {} {
    variable root
    return [format %08x [zlib crc32 [Read [file join $root tests lib certs.tcl]]]]
}

# Makes the set: file by file into place, "made" last. One process at a time: keys and
# certificates of two sets must not mix.
proc ::certs::Make {dir} {
    file mkdir $dir
    set fresh [file join $dir .new.[pid]]
    file delete -force $fresh
    file mkdir $fresh
    try {
        MakeSet $fresh
        file delete [file join $dir made]
        foreach file [lsort [glob -directory $fresh *]] {
            file rename -force $file [file join $dir [file tail $file]]
        }
        Write [file join $dir made] [list [Sum] [clock seconds]]
    } finally {
        file delete -force $fresh
    }
}

proc ::certs::Lock {dir} {
    file mkdir $dir
    set path [file join $dir .lock]
    if {[catch {open $path {WRONLY CREAT EXCL} 0600} channel]} {
        if {![file writable $dir]} {
            return -code error $channel
        }
        if {[file exists $path] && [clock seconds] - [file mtime $path] > 60} {
            file delete $path
        }
        return 0
    }
    close $channel
    return 1
}

proc ::certs::Ensure {{dir {}}} {
    variable root
    if {$dir eq ""} {
        set dir [file join $root certs]
    }
    while {![IsFresh $dir]} {
        if {[Lock $dir]} {
            try {
                if {![IsFresh $dir]} {
                    Make $dir
                }
            } finally {
                file delete [file join $dir .lock]
            }
        } else {
            after 50
        }
    }
    return $dir
}
