# Small programs as they are written for the family. Each runs, in a process of its own,
# once under Debian's tcl-tls (1.7.22, 1.8.0 or 2.0.1: whichever is installed) and once under
# this package at the level that stands for it, and prints a dict of what it observed:
# differential.test compares them, key by key.
#
#   differential::Define name what body     one more program
#   differential::Programs                  their names
#   differential::Observe version name      runs one; returns the dict
#
# A program sees the variables host, ports (a dict: echo, old, expired, wrong, plain,
# starttls, first, clientcert), cert and key (dicts by name of certs.tcl), dir; and the
# procs of `prelude`.

namespace eval ::differential {
    # Level 2 verifies: what the programs, which are written for 1.7, do not say is put
    # before what they say. So they get on, and there is more to compare.
    variable trusting {
        tls::init -cafile [dict get $::cert ca]
        rename ::tls::import ::plainImport
        proc ::tls::import {args} {
            if {[llength $args] > 0} {
                set args [linsert $args 1 -cafile [dict get $::cert ca]]
            }
            tailcall ::plainImport {*}$args
        }
    }
    variable programs {}
    variable theirs ""
    variable ours ""
    # Versions of theirs, and the one of ours that a program of that line gets.
    variable relatives {1.7.22 1.9.0 1.8.0 1.9.0 2.0.1 2.1.0}
    variable prelude {
        package require Tcl 8.6-
        set background {}
        interp bgerror {} {apply {{message options} {lappend ::background $message}}}
        set seen {}
        proc see {key value} {
            dict set ::seen $key $value
        }
        # Sees whether the script fails, and how.
        proc try_ {key script} {
            set failed [catch {uplevel #0 $script} result]
            see $key [list $failed [string map [list $::dir DIR] $result]]
            return $failed
        }
        proc ask {channel {text abc}} {
            puts $channel $text
            flush $channel
            return [gets $channel]
        }
        proc connect {name args} {
            return [tls::socket {*}$args $::host [dict get $::ports $name]]
        }
        proc plain {name} {
            set channel [socket $::host [dict get $::ports $name]]
            fconfigure $channel -buffering line -translation lf
            return $channel
        }
        proc sleep {ms} {
            after $ms {set ::slept 1}
            vwait ::slept
        }
        proc identity {name} {
            return [list -certfile [dict get $::cert $name] -keyfile [dict get $::key $name]]
        }
        # A server in this process, and a client that asks it once, both event-driven.
        proc serve {serverOptions clientOptions {look {}}} {
            set ::look $look
            set listener [tls::socket -server accept {*}$serverOptions -myaddr 127.0.0.1 0]
            set channel [tls::socket {*}$clientOptions 127.0.0.1 [lindex [fconfigure $listener -sockname] 2]]
            fconfigure $channel -blocking 0 -buffering line
            fileevent $channel readable [list answered $channel]
            fileevent $channel writable [list write $channel]
            set timer [after 5000 {set ::answer late}]
            vwait ::answer
            after cancel $timer
            close $listener
            return $channel
        }
        proc write {channel} {
            fileevent $channel writable {}
            if {[catch {while {![tls::handshake $channel]} {after 5; update}; puts $channel hello; flush $channel} message]} {
                see clientError $message
                set ::answer failed
            }
        }
        proc answered {channel} {
            if {[catch {gets $channel line} count]} {
                see clientRead $count
                set ::answer failed
            } elseif {$count >= 0} {
                set ::answer $line
            } elseif {[eof $channel]} {
                set ::answer eof
            }
        }
        proc accept {channel address port} {
            fconfigure $channel -blocking 0 -buffering line
            fileevent $channel readable [list served $channel]
        }
        proc served {channel} {
            if {[catch {gets $channel line} count]} {
                see serverError $count
                catch {close $channel}
            } elseif {$count >= 0} {
                eval $::look
                puts $channel [string toupper $line]
            } elseif {[eof $channel]} {
                catch {close $channel}
            }
        }
    }
}

proc ::differential::Define {name what body} {
    variable programs
    dict set programs $name [dict create what $what body $body]
}

proc ::differential::Programs {} {
    variable programs
    return [dict keys $programs]
}

proc ::differential::What {name} {
    variable programs
    return [dict get $programs $name what]
}

# Finds the relative that is installed; returns its version, or "".
proc ::differential::Find {} {
    variable relatives
    variable theirs
    variable ours
    foreach {version level} $relatives {
        # In a process of its own, with nothing of ours on the path.
        set script [support::Path probe.tcl "package require -exact tls $version"]
        if {![catch {exec {*}[programs::Command timeout] 10 [info nameofexecutable] $script 2>@1}]} {
            set theirs $version
            set ours $level
            return $version
        }
    }
    return ""
}

# Runs a program under a version; what it saw. One that hangs or dies has `end`.
proc ::differential::Observe {version name setting} {
    variable programs
    variable prelude
    set script "set host localhost\n"
    if {$version eq $::differential::ours} {
        append script [list set auto_path [linsert $::auto_path 0 $::support::package]] \n
    }
    dict for {variable value} $setting {
        append script [list set $variable $value] \n
    }
    append script [list set dir [temporaryDirectory]] \n $prelude \n
    append script [list package require -exact tls $version] \n
    if {$::differential::ours eq "2.1.0"} {
        append script $::differential::trusting \n
    }
    append script [dict get $programs $name body] \n
    append script "puts \[list SEEN \$seen\]\nflush stdout\nexit 0\n"
    set path [support::Path $name.$version.tcl $script]
    set command [programs::Command timeout]
    if {$version eq $::differential::ours && $::support::preload ne ""} {
        set command [list env LD_PRELOAD=$::support::preload [programs::Path timeout]]
    }
    lappend command 20 [info nameofexecutable] $path
    set failed [catch {exec {*}$command 2>@1} output details]
    if {[regexp {(?:^|\n)SEEN (.*)$} $output -> seen]} {
        return [lindex $seen 0]
    }
    set code [dict get $details -errorcode]
    return [dict create end "[lindex $code 0] [lindex $code 2]: [string range $output 0 600]"]
}

namespace eval ::differential {

# ---- connecting

Define connect "a client without any option" {
    set channel [connect echo]
    see handshake [tls::handshake $channel]
    see again [tls::handshake $channel]
    see answer [ask $channel]
    see version [dict get [tls::status $channel] version]
}

Define trusted "a client that trusts the CA and requires a valid certificate" {
    set channel [connect echo -require 1 -cafile [dict get $cert ca]]
    try_ handshake {tls::handshake $channel}
    see answer [ask $channel]
}

foreach {name options} {
    tls1 {-ssl2 0 -ssl3 0 -tls1 1}
    only12 {-tls1 0 -tls1.1 0 -tls1.2 1 -tls1.3 0}
    only13 {-tls1 0 -tls1.1 0 -tls1.2 0 -tls1.3 1}
    no12 {-tls1.2 0}
    from12 {-tls1 0 -tls1.1 0 -tls1.2 1}
    pop3 {-ssl2 0 -ssl3 1 -tls1 1 -cipher SSLv3,TLSv1}
    repeated {-tls1 0 -tls1 1 -servername nonsense -servername localhost}
    booleans {-ssl2 no -ssl3 false -tls1 on -tls1.1 yes -tls1.2 true -request t}
    cipher {-cipher ECDHE-ECDSA-AES128-GCM-SHA256 -tls1.3 0}
    ciphersuites {-ciphersuites TLS_CHACHA20_POLY1305_SHA256}
    sni {-servername www.example.org}
    autosni {-autoservername 1}
} {
    Define $name "a client with $options" [string map [list OPTIONS $options] {
        set failed [try_ socket {set channel [connect echo OPTIONS]; set x ok}]
        if {!$failed && ![try_ handshake {tls::handshake $channel}]} {
            see answer [ask $channel]
            see version [dict get [tls::status $channel] version]
            see cipher [dict get [tls::status $channel] cipher]
        }
    }]
}

Define to12 "the same, to a server that has TLS 1.2 alone" {
    foreach {key options} {
        default {} no12 {-tls1.2 0} only13 {-tls1 0 -tls1.1 0 -tls1.2 0 -tls1.3 1}
    } {
        try_ $key {
            set channel [connect old {*}$options]
            tls::handshake $channel
            dict get [tls::status $channel] version
        }
    }
}

Define refused "nobody listens there" {
    try_ socket {tls::socket 127.0.0.1 $closed}
    see code [lrange $errorCode 0 1]
}

Define async "a non-blocking client, driven by writable" {
    set channel [connect echo -async]
    fconfigure $channel -blocking 0
    fileevent $channel writable {
        if {[catch {tls::handshake $channel} done] || $done} {
            fileevent $channel writable {}
            set ready $done
        }
    }
    after 5000 {set ready late}
    vwait ready
    fconfigure $channel -blocking 1
    see ready $ready
    see answer [ask $channel]
}

Define busyloop "while {!\[tls::handshake\]} {} on a non-blocking socket" {
    set channel [connect echo -async]
    fconfigure $channel -blocking 0
    try_ loop {while {![tls::handshake $channel]} {after 1}}
    fconfigure $channel -blocking 1
    see answer [ask $channel]
}

Define nohandshake "the first write does the handshake" {
    set channel [connect echo]
    see answer [ask $channel]
}

Define speaksfirst "the server speaks first" {
    set channel [connect first]
    tls::handshake $channel
    see greeting [gets $channel]
    see answer [ask $channel]
}

# ---- status

Define statuskeys "the keys of tls::status" {
    set channel [connect echo]
    tls::handshake $channel
    see keys [lsort [dict keys [tls::status $channel]]]
}

Define statusvalues "the values of tls::status that programs read" {
    set channel [connect echo -cafile [dict get $cert ca]]
    tls::handshake $channel
    set status [tls::status $channel]
    foreach key {subject issuer notBefore notAfter serial sha1_hash sbits cipher version} {
        see $key [dict get $status $key]
    }
    see even [expr {[llength $status] % 2}]
}

Define statusbefore "tls::status before the handshake" {
    set channel [connect echo -async]
    fconfigure $channel -blocking 0
    try_ status {tls::status $channel}
}

Define statuslocal "tls::status -local" {
    see channel [serve [identity server-ec] {} {
        set status [tls::status -local $channel]
        see keys [lsort [dict keys $status]]
        foreach key {subject issuer serial sbits} {
            see $key [dict get $status $key]
        }
        see peer [lsort [dict keys [tls::status $channel]]]
    }]
    see channel ""
    see answer $answer
}

Define clientcert "a server that demands a certificate and gets one" {
    serve [list {*}[identity server-ec] -cafile [dict get $cert ca] -request 1 -require 1] \
        [list {*}[identity client] -cafile [dict get $cert ca]] {
            see subject [dict get [tls::status $channel] subject]
            see version [dict get [tls::status $channel] version]
        }
    see answer $answer
}

Define alpn "ALPN on both sides" {
    serve [list {*}[identity server-ec] -alpn {h2 http/1.1}] {-alpn {http/1.1 h3}} {
        see server [dict get [tls::status $channel] alpn]
    }
    see answer $answer
}

# ---- refusals

Define expired "an expired certificate, required" {
    set channel [connect expired -require 1 -cafile [dict get $cert ca]]
    try_ handshake {tls::handshake $channel}
    see code $errorCode
    try_ again {tls::handshake $channel}
    try_ close {close $channel}
    sleep 20
    see background $background
}

Define expiredwrite "an expired certificate, met by the first flush" {
    set channel [connect expired -require 1 -cafile [dict get $cert ca]]
    try_ flush {puts $channel hello; flush $channel}
    try_ gets {gets $channel}
}

Define unknownca "a certificate of an authority that is not trusted" {
    set channel [connect echo -require 1 -cafile [dict get $cert other-ca]]
    try_ handshake {tls::handshake $channel}
}

Define lenient "an expired certificate where none is required" {
    set channel [connect expired -cafile [dict get $cert ca]]
    try_ handshake {tls::handshake $channel}
    see answer [ask $channel]
}

Define wrongname "a wrong name alone does not matter" {
    set channel [connect wrong -require 1 -cafile [dict get $cert ca]]
    try_ handshake {tls::handshake $channel}
    see answer [ask $channel]
}

Define plaintext "a server that does not speak TLS" {
    set channel [connect plain]
    try_ handshake {tls::handshake $channel}
    sleep 20
    see background $background
}

Define goesaway "a server that closes during the handshake" {
    set channel [connect gone]
    try_ handshake {tls::handshake $channel}
}

Define nocert "a server demands a certificate and gets none" {
    set channel [connect clientcert -tls1.3 0]
    try_ handshake {tls::handshake $channel}
}

# ---- bad input

Define badoption "an unknown option" {
    try_ socket {tls::socket -nonsense 1 $host 1}
    try_ init {tls::init -nonsense 1}
    set channel [plain starttls]
    try_ import {tls::import $channel -nonsense 1}
    see same [expr {$channel in [chan names]}]
}

Define usage "wrong numbers of arguments" {
    foreach command {
        {tls::socket localhost} {tls::socket} {tls::handshake} {tls::status} {tls::import} {tls::unimport} {tls::version 1}
        {tls::ciphers a b c d} {tls::socket -server accept}
    } {
        try_ $command $command
    }
}

Define nochannel "a channel that is not there, and one that is not TLS" {
    foreach command {tls::handshake tls::status tls::import tls::unimport} {
        try_ "$command nothing" [list $command nothing]
    }
    set channel [plain starttls]
    foreach command {tls::handshake tls::status tls::unimport} {
        try_ $command "string map \[list \$channel CHANNEL\] \[catch {$command \$channel} x; set x\]"
    }
}

foreach {name options} {
    cafile {-cafile /nonexistent/ca.pem}
    certfile {-certfile /nonexistent/cert.pem}
    keyfile {-certfile [dict get $cert server-ec] -keyfile /nonexistent/key.pem}
    mismatch {-certfile [dict get $cert server-ec] -keyfile [dict get $key server-rsa]}
    nopem {-certfile $readme -keyfile $readme}
    dhparams {-dhparams /nonexistent/dh.pem}
    badboolean {-require maybe}
    badcipher {-cipher NONSENSE -tls1.3 0}
    noprotocol {-tls1 0 -tls1.1 0 -tls1.2 0 -tls1.3 0}
    badmodel {-model nothing}
    empty {-cafile {} -certfile {} -keyfile {} -cadir {} -cipher {} -command {} -password {}}
} {
    Define bad-$name "tls::import with $options" [string map [list OPTIONS $options] {
        set readme [info script]
        set channel [plain echo]
        try_ import {string map [list $channel CHANNEL] [catch {tls::import $channel OPTIONS} x; set x]}
    }]
}

Define password "passwords: right, wrong, a proc without words" {
    proc right {} {return secret}
    proc wrong {} {return guess}
    foreach name {right wrong} {
        set channel [plain echo]
        try_ $name {
            string map [list $channel CHANNEL] [catch {
                tls::import $channel {*}[identity server-encrypted] -password $name
            } x; set x]
        }
    }
}

# ---- callbacks

set callback {
    proc callback {option args} {
        dict incr ::words $option
        switch -- $option {
            info {
                lassign $args channel major minor message
                if {$major ne "connect" && $major ne "accept"} {
                    dict incr ::infos "$major $minor"
                }
            }
            verify {
                lassign $args channel depth certificate status error
                lappend ::chain [list $depth $status $error]
                set ::certkeys [lsort [dict keys $certificate]]
                return $::verdict
            }
            error {
                lassign $args channel message
                lappend ::errors $message
            }
            default {
                return -code error "bad option \"$option\": must be one of error, info, or verify"
            }
        }
    }
    foreach name {words infos chain certkeys errors} {
        set $name {}
    }
}


Define callbackwords "-command: which words come" [string cat $callback {
    set verdict 1
    set channel [connect echo -cafile [dict get $cert ca] -command callback]
    tls::handshake $channel
    ask $channel
    close $channel
    sleep 20
    see words [lsort [dict keys $words]]
    see infos [lsort [dict keys $infos]]
    see chain $chain
    see certkeys $certkeys
    see background $background
}]

foreach {name verdict target} {
    accept 1 expired
    reject 0 echo
    rejectexpired 0 expired
    silent {} echo
    silentexpired {} expired
} {
    Define verify-$name "-command answers \"$verdict\" to verify, -require 1, server $target" \
        [string cat $callback [list set verdict $verdict] \n [list set target $target] {
            set channel [connect $target -require 1 -cafile [dict get $cert ca] -command callback]
            try_ handshake {tls::handshake $channel}
            sleep 20
            see chain [lsort -unique $chain]
            see background $background
            see errors $errors
        }]
}

# ---- data

Define closing "the server closes" {
    set channel [connect echo]
    fconfigure $channel -buffering line
    ask $channel
    puts $channel bye
    try_ gets {gets $channel}
    see eof [eof $channel]
    try_ read {read $channel}
    try_ close {close $channel}
}

Define bulk "500,000 bytes" {
    set channel [connect echo]
    fconfigure $channel -translation binary
    puts $channel "big 500000"
    flush $channel
    set data [read $channel]
    see size [string length $data]
    see sum [zlib crc32 $data]
    see eof [eof $channel]
}

Define fcopy "fcopy to a file" {
    set channel [connect echo]
    fconfigure $channel -translation binary
    puts $channel "big 300000"
    flush $channel
    set file [open [file join $dir fcopy.[pid]] wb]
    fcopy $channel $file -command {set copied}
    vwait copied
    close $file
    see copied $copied
    see size [file size [file join $dir fcopy.[pid]]]
}

Define starttls "STARTTLS, and what is left of the channel's options" {
    set channel [plain starttls]
    fconfigure $channel -encoding utf-8 -eofchar {}
    puts $channel STARTTLS
    see plain [gets $channel]
    set before [fconfigure $channel]
    see same [expr {[tls::import $channel] eq $channel}]
    try_ handshake {tls::handshake $channel}
    foreach option {-blocking -buffering -encoding -translation -eofchar} {
        see $option [list [dict get $before $option] [fconfigure $channel $option]]
    }
    fconfigure $channel -translation lf
    see answer [ask $channel]
    see keys [lsort [dict keys [fconfigure $channel]]]
    see -buffersize [fconfigure $channel -buffersize]
}

Define unimport "TLS is taken off again" {
    set channel [plain starttls]
    puts $channel STARTTLS
    gets $channel
    tls::import $channel
    fconfigure $channel -translation lf -buffering line
    tls::handshake $channel
    see answer [ask $channel]
    try_ unimport {tls::unimport $channel; set x done}
    try_ status {catch {tls::status $channel} message; string map [list $channel CHANNEL] $message}
}

Define server "a server of one's own" {
    serve [identity server-ec] {}
    see answer $answer
    sleep 20
    see background $background
}

Define servererror "an error in the accept command" {
    proc accept {channel address port} {
        error "not this one"
    }
    set listener [tls::socket -server accept {*}[identity server-ec] -myaddr 127.0.0.1 0]
    set channel [socket 127.0.0.1 [lindex [fconfigure $listener -sockname] 2]]
    fileevent $channel readable {set done [list [gets $channel] [eof $channel]]; close $channel}
    after 3000 {set done late}
    vwait done
    sleep 20
    see done $done
    see background $background
}

Define nolistener "a listener without a usable identity" {
    try_ listen {
        set listener [tls::socket -server accept -certfile /nonexistent/cert.pem -myaddr 127.0.0.1 0]
        set x "listens"
    }
}

Define model "-model" {
    set first [connect echo -cafile [dict get $cert ca] -require 1]
    tls::handshake $first
    set channel [plain echo]
    tls::import $channel -model $first
    try_ handshake {tls::handshake $channel}
    see answer [ask $channel]
    close $first
    close $channel
}

# ---- the rest

Define misc "tls::misc req" {
    set keyfile [file join $dir misc.[pid].key]
    set certfile [file join $dir misc.[pid].pem]
    try_ req {tls::misc req 2048 $keyfile $certfile {CN Unknown O {One Man Band} days 7 serial 12}}
    see x509 [exec openssl x509 -in $certfile -noout -subject -issuer -serial]
    try_ empty {tls::misc req 2048 $keyfile $certfile {CN Unknown O {} C {}}}
    see subject [exec openssl x509 -in $certfile -noout -subject]
    try_ email {tls::misc req 2048 $keyfile $certfile {CN Unknown Email a@example.org}}
}

Define ciphers "tls::ciphers" {
    try_ ssl2 {tls::ciphers ssl2}
    try_ ssl3 {tls::ciphers ssl3}
    try_ nonsense {tls::ciphers nonsense}
    foreach protocol {tls1.2 tls1.3} {
        see $protocol [lsort [tls::ciphers $protocol]]
    }
    see verbose [regexp {TLSv1\.2.*Kx=} [tls::ciphers tls1.2 1]]
    see line [llength [lindex [tls::ciphers tls1.2 1] 0]]
    see kind [list [llength [info procs ::tls::socket]] [llength [info commands ::tls::ciphers]]]
}

Define library "version, commands and variables" {
    see version [string range [tls::version] 0 8]
    see commands [lsort [lmap name {init socket import unimport handshake status ciphers version misc callback password} {
        if {[info commands ::tls::$name] eq ""} continue
        set name
    }]]
    see procs [info procs ::tls::socket]
    see variables [list [info exists tls::debug] [info exists tls::logcmd]]
    see present [expr {[package vcompare [package present tls] 1.7] >= 0}]
}
}
