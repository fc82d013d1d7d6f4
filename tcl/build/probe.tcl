# The recipe probe: a report on what a server offers and what is wrong with it, for people or,
# with -json, for programs. The status tells a monitor: 0 fine, 1 a warning, 2 broken.

namespace eval ::build {
    variable probeStatus {fine 0 note 0 warning 1 broken 2}
}

proc ::build::Probe {args} {
    variable root
    variable probeStatus
    set usage "usage: probe host:port ?-json? ?option value ...? (the options of tls::probe, -starttls and -timeout among them)"
    if {![regexp {^\[?(.+?)\]?:(\d+)$} [lindex $args 0] - host port]} {
        return [ProbeMistake $usage]
    }
    set options [lrange $args 1 end]
    set json [lsearch -exact $options -json]
    set options [expr {$json < 0 ? $options : [lreplace $options $json $json]}]
    # Nothing was asked yet: a monitor must not take that for a verdict.
    if {[catch {
        Setup base
        lappend ::auto_path $root
        package require -exact tls 2.1.0
        if {$json >= 0} {
            package require json::write
        }
    } message]} {
        return [ProbeMistake $message]
    }
    ProbeResolver $options
    if {[catch {::tls::probe $host $port {*}$options} report]} {
        return [ProbeMistake "$report\n$usage"]
    }
    puts [expr {$json < 0 ? [ProbeText $report] : [ProbeJson $report]}]
    return [dict get $probeStatus [dict get $report verdict]]
}

proc ::build::ProbeMistake {message} {
    puts stderr "build.tcl probe: $message"
    return 3
}

# A look-up of the name blocks, and knows nothing of -timeout: glibc is told to be done in
# half of that (resolv.conf(5)), unless the user has told it something else.
proc ::build::ProbeResolver {options} {
    set ms [expr {[dict exists $options -timeout] ? [dict get $options -timeout] : 30000}]
    if {![info exists ::env(RES_OPTIONS)] && [string is integer -strict $ms]} {
        set ::env(RES_OPTIONS) "attempts:2 timeout:[expr {max(1, min(5, $ms / 4000))}]"
    }
}

proc ::build::ProbeText {report} {
    dict with report {}
    set lines [list "$host:$port ([expr {$address eq "" ? "no address" : $address}]): $verdict"]
    set spoken [dict keys [dict filter $protocols value 1]]
    set refused [dict keys [dict filter $protocols value 0]]
    if {$tls} {
        lappend lines "" [ProbeRow protocols "[join $spoken {, }][expr {[llength $refused] ? "; not [join $refused {, }]" : ""}]"]
        foreach name $spoken {
            set order [expr {[dict exists $preference $name] ? " (the [dict get $preference $name]'s order)" : ""}]
            lappend lines [ProbeRow "$name ciphers" "[join [dict get $ciphers $name] {, }]$order"]
            if {[dict exists $groups $name]} {
                lappend lines [ProbeRow "$name groups" [join [dict get $groups $name] {, }]]
            }
        }
        foreach {title value} [list alpn [join $alpn {, }] verification $verify resumption [ProbeYesNo $resumption] names [join $names {, }]] {
            if {$value ne ""} {
                lappend lines [ProbeRow $title $value]
            }
        }
        lappend lines {*}[ProbeChain $chain $pins]
    }
    foreach finding $findings {
        lappend lines "" "[dict get $finding severity]: [dict get $finding text]" "    [dict get $finding advice]"
    }
    foreach {what why} $missed {
        lappend lines "" "not asked: $what: $why"
    }
    lappend lines "" "$connections connections, $milliseconds ms"
    return [join $lines \n]
}

# A title, and a list that may go on below in the same column.
proc ::build::ProbeRow {title text} {
    set lines {}
    set line ""
    foreach word [split [ProbePlain $text]] {
        if {$line ne "" && [string length $line] + [string length $word] > 82} {
            lappend lines $line
            set line ""
        }
        append line [expr {$line eq "" ? "" : " "}] $word
    }
    return [format "%-16s %s" $title [join [lappend lines $line] "\n[string repeat " " 17]"]]
}

proc ::build::ProbeYesNo {resumption} {
    return [join [lmap {version is} $resumption {string cat "$version " [expr {$is ? "yes" : "no"}]}] {, }]
}

# The chain as it was sent, each certificate below the one that it signs.
proc ::build::ProbeChain {chain pins} {
    set lines [list "" "chain"]
    set depth 0
    foreach certificate $chain pin $pins {
        set until [clock scan [dict get $certificate notAfter] -format {%b %d %H:%M:%S %Y GMT} -gmt 1]
        set days [expr {($until - [clock seconds]) / 86400}]
        set margin [string repeat "  " [incr depth]]
        lappend lines "$margin[ProbePlain [dict get $certificate subject]]"
        lappend lines "$margin  issued by [ProbePlain [dict get $certificate issuer]], $days days left,\
            [dict get $certificate bits] bits, [dict get $certificate signatureAlgorithm]"
        lappend lines "$margin  pin $pin"
    }
    return $lines
}

# What a peer has named is shown without control characters: a terminal may act on them.
proc ::build::ProbePlain {text} {
    return [regsub -all {[[:cntrl:]\u0080-\u009f]} $text ?]
}

# ---- JSON (RFC 8259)

proc ::build::ProbeJson {report} {
    fconfigure stdout -encoding utf-8
    ::json::write indented 1
    return [ProbeJsonObject $report]
}

proc ::build::ProbeJsonObject {dictionary} {
    return [::json::write object {*}[dict map {key value} $dictionary {ProbeJsonValue $key $value}]]
}

# What kind a value is of is told by its key, in the report or in a certificate.
proc ::build::ProbeJsonValue {key value} {
    switch -exact -- $key {
        findings - chain - verified {
            return [::json::write array {*}[lmap row $value {ProbeJsonObject $row}]]
        }
        protocols - resumption {
            return [::json::write object {*}[dict map {name is} $value {ProbeJsonBoolean $is}]]
        }
        preference - missed {
            return [::json::write object {*}[dict map {name text} $value {ProbeJsonString $text}]]
        }
        ciphers - groups {
            return [::json::write object {*}[dict map {name list} $value {ProbeJsonList $list}]]
        }
        names - pins - alpn - extensions - subjectAltName - keyUsage - extendedKeyUsage - ocsp - ocspResponders -
        crlDistributionPoints - caIssuers {
            return [ProbeJsonList $value]
        }
        reachable - tls - clientAuth - stapled - mustStaple - secureRenegotiation - extendedMasterSecret - self_signed - selfSigned - basicConstraintsCA - isCACert {
            return [ProbeJsonBoolean $value]
        }
        port - days - dhbits - connections - milliseconds - bits {
            return [expr {[string is wideinteger -strict $value] ? $value : "null"}]
        }
    }
    return [ProbeJsonString $value]
}

# An empty one is not known.
proc ::build::ProbeJsonBoolean {value} {
    return [expr {$value eq "" ? "null" : $value ? "true" : "false"}]
}

proc ::build::ProbeJsonList {list} {
    return [::json::write array {*}[lmap each $list {ProbeJsonString $each}]]
}

proc ::build::ProbeJsonString {text} {
    set result ""
    foreach character [split $text ""] {
        append result [expr {[regexp {[\"\\[:cntrl:]\u0080-\u009f]} $character] ? [format {\u%04x} [scan $character %c]] : $character}]
    }
    return "\"$result\""
}
