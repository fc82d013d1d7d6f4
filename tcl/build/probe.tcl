# The recipe probe: a report on what a server offers and what is wrong with it, for people or,
# with -json, for programs. The status tells a monitor: 0 fine, 1 a warning, 2 broken.

namespace eval ::build {
    variable probeStatus {fine 0 note 0 warning 1 broken 2}
}

proc ::build::Probe {args} {
    variable root
    variable probeStatus
    set usage "usage: probe host:port ?-json? ?option value ...? (the options of tls::probe, -starttls and -timeout among them)"
    if {![llength $args] || ![regexp {^\[?(.+?)\]?:(\d+)$} [lindex $args 0] - host port]} {
        Fail $usage
    }
    set options [lrange $args 1 end]
    set json [lsearch -exact $options -json]
    set options [expr {$json < 0 ? $options : [lreplace $options $json $json]}]
    lappend ::auto_path $root
    package require -exact tls 2.1.0
    if {[catch {::tls::probe $host $port {*}$options} report]} {
        Fail "$report\n$usage"
    }
    puts [expr {$json < 0 ? [ProbeText $report] : [ProbeJson $report]}]
    return [dict get $probeStatus [dict get $report verdict]]
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
        foreach {title value} [list alpn $alpn verification $verify resumption $resumption names [join $names {, }]] {
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

proc ::build::ProbeRow {title text} {
    return [format "%-16s %s" $title $text]
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

proc ::build::ProbeJson {report} {
    package require json::write
    ::json::write indented 1
    set members {}
    dict for {key value} $report {
        lappend members $key [ProbeJsonValue $key $value]
    }
    return [::json::write object {*}$members]
}

proc ::build::ProbeJsonValue {key value} {
    switch -exact -- $key {
        findings - chain - verified {
            set rows [lmap row $value {
                ::json::write object {*}[dict map {name text} $row {::json::write string [ProbePlain $text]}]
            }]
            return [::json::write array {*}$rows]
        }
        protocols - preference - resumption - missed {
            return [::json::write object {*}[dict map {name text} $value {::json::write string $text}]]
        }
        ciphers - groups {
            return [::json::write object {*}[dict map {name list} $value {
                ::json::write array {*}[lmap each $list {::json::write string $each}]
            }]]
        }
        names - pins - alpn {
            return [::json::write array {*}[lmap each $value {::json::write string [ProbePlain $each]}]]
        }
        default {
            return [expr {[string is wideinteger -strict $value] ? $value : [::json::write string [ProbePlain $value]]}]
        }
    }
}
