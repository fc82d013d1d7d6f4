# tls::probe: what a server offers, and everything that is wrong with it (API 8.5).
#
# When the package is loaded this file only leaves a proc that reads it again, and its
# companions, at the first call: most programs never probe anything.
#
#   probe        the command: options, time, connections, and the order of the questions
#   probehello   ClientHellos of our own making, and the answers
#   probesuites  numbers and names of cipher suites and groups
#   probescan    the questions: protocols, suites, groups, and one real connection
#   probejudge   what is wrong with the answers
#   probechain   what is wrong with the certificates
#   starttls     the plain dialogues before TLS

if {![namespace exists ::tls::Probe]} {
    namespace eval ::tls {
        variable probeHome
        if {![interp issafe]} {
            set probeHome [file dirname [file normalize [info script]]]
        }
    }
    proc ::tls::probe {args} {
        variable probeHome
        if {[interp issafe]} {
            return -code error -errorcode {TLS CONFIG probe {not allowed in a safe interpreter}} \
                "not allowed in a safe interpreter"
        }
        namespace eval Probe {}
        foreach name {probe probehello probesuites probescan probejudge probechain starttls} {
            uplevel #0 [list source -encoding utf-8 [file join $probeHome $name.tcl]]
        }
        tailcall ::tls::probe {*}$args
    }
    return
}

namespace eval ::tls::Probe {
    variable serial 0
    variable woken
    variable seed [expr {[clock clicks] & 0x7fffffff}]
    variable patience 10000 ;# ms for one answer, at most; a quarter of -timeout if that is less
    # Options of tls::import that make sense here. Those of verification do for tls::x509
    # verify too, some under another name.
    variable options {
        -alpn -cadata -cadir -cafile -castore -cert -certfile -crlcheck -crlfile -key -keyfile -p12 -p12file -password
        -pin -servername -verifydepth -verifyname -wildcards
    }
}

# tls::probe host port ?-starttls protocol? ?-timeout ms? ?options?
proc ::tls::probe {args} {
    if {[llength $args] < 2 || [llength $args] % 2} {
        return -code error -errorcode {TCL WRONGARGS} \
            "wrong # args: should be \"tls::probe host port ?-starttls protocol? ?-timeout ms? ?options?\""
    }
    set run ::tls::Probe::run[incr Probe::serial]
    upvar #0 $run p
    try {
        Probe::Parse $run {*}$args
        Probe::Run $run
        return [Probe::Report $run]
    } finally {
        foreach channel $p(channels) {
            catch {close $channel}
        }
        unset p
    }
}

proc ::tls::Probe::Bad {option text} {
    return -code error -errorcode [list TLS CONFIG $option $text] $text
}

proc ::tls::Probe::Parse {run host port args} {
    upvar #0 $run p
    variable options
    variable dialogues
    variable patience
    array set p {channels {} starttls "" timeout 30000 findings {} missed {} connections 0 buffer "" lines 0 heard 0}
    set p(host) $host
    set p(port) $port
    if {[string trim $port] eq "" || ([string is entier $port] && ($port < 1 || $port > 65535))} {
        Bad port "bad port \"$port\": must be a number from 1 to 65535, or the name of a service"
    }
    set p(options) {}
    foreach {option value} $args {
        switch -exact -- $option {
            -starttls {
                if {$value ne "" && ![dict exists $dialogues $value]} {
                    Bad $option "bad value \"$value\" for \"-starttls\": must be [OneOf [dict keys $dialogues]]"
                }
                set p(starttls) $value
            }
            -timeout {
                if {![string is integer -strict $value] || $value < 1} {
                    Bad $option "bad value \"$value\" for \"-timeout\": must be a number of milliseconds from 1 on"
                }
                set p(timeout) $value
            }
            default {
                if {$option ni $options} {
                    Bad $option "bad option \"$option\": must be [OneOf [lsort [concat -starttls -timeout $options]]]"
                }
                if {$value ne ""} {
                    dict set p(options) $option $value
                }
            }
        }
    }
    ::tls::CheckOptions {*}$p(options)
    set p(began) [clock milliseconds]
    set p(until) [expr {$p(began) + $p(timeout)}]
    set p(patience) [expr {min($patience, max(1, $p(timeout) / 4))}]
    set p(name) $host
    if {[dict exists $p(options) -servername]} {
        set p(name) [dict get $p(options) -servername]
    }
    if {![string is ascii $p(name)]} {
        set message "bad host name \"$p(name)\": international names are given as xn--..."
        return -code error -errorcode [list TLS CONFIG host $message] $message
    }
    # An address is checked, but not sent (RFC 6066 3).
    set p(servername) ""
    if {![regexp {^[0-9.]+$|:} $p(name)]} {
        set p(servername) [string trimright $p(name) .]
    }
    # Files that cannot be read are the caller's mistake, and found before anything is connected.
    ::tls::Prepare "" {*}[Options $run tls1.2]
}

proc ::tls::Probe::OneOf {words} {
    return "[join [lrange $words 0 end-1] {, }], or [lindex $words end]"
}

# ---- time

# Waits for an event of a channel until the time given: 1, or 0 if it did not come. Other
# events are served meanwhile. In a coroutine that waits, and not the whole program.
proc ::tls::Probe::Wait {channel event until} {
    variable woken
    variable serial
    set id [incr serial]
    set script [list ::tls::Probe::Wake $id [info coroutine] $channel $event]
    set timer [after [expr {max(0, $until - [clock milliseconds])}] [list {*}$script 0]]
    fileevent $channel $event [list {*}$script 1]
    if {[info coroutine] ne ""} {
        while {![info exists woken($id)]} {
            yield
        }
    } else {
        vwait ::tls::Probe::woken($id)
    }
    after cancel $timer
    catch {fileevent $channel $event {}}
    set result $woken($id)
    unset woken($id)
    return $result
}

proc ::tls::Probe::Wake {id coroutine channel event how} {
    variable woken
    catch {fileevent $channel $event {}}
    set woken($id) $how
    if {$coroutine eq ""} {
        return
    }
    if {[llength [info commands $coroutine]]} {
        $coroutine
    } else {
        unset woken($id)
    }
}

# Until when the next answer must be there.
proc ::tls::Probe::StepEnd {run} {
    upvar #0 $run p
    return [expr {min($p(until), [clock milliseconds] + $p(patience))}]
}

proc ::tls::Probe::IsOver {run} {
    upvar #0 $run p
    return [expr {[clock milliseconds] >= $p(until)}]
}

# ---- connections

# Connects, and leads the dialogue up to TLS. Returns the channel, non-blocking and binary.
# Errors have the code {PROBE FINDING code}.
proc ::tls::Probe::Connect {run} {
    upvar #0 $run p
    if {[IsOver $run]} {
        Fail timeout "the time is up"
    }
    set command $::tls::socketCmd
    # Other socket commands need not know the option.
    set isOwn [expr {$command in {socket ::socket}}]
    if {$isOwn} {
        lappend command -async
    }
    if {[catch {uplevel #0 [list {*}$command $p(host) $p(port)]} channel]} {
        Fail unreachable $channel
    }
    incr p(connections)
    lappend p(channels) $channel
    try {
        fconfigure $channel -blocking 0 -translation binary -buffering none
        if {$isOwn} {
            Connected $run $channel
        }
        catch {set p(address) [lindex [fconfigure $channel -peername] 0]}
        if {$p(starttls) ne ""} {
            Starttls $run $channel
        }
    } on error {message details} {
        Close $run $channel
        return -options $details $message
    }
    return $channel
}

proc ::tls::Probe::Connected {run channel} {
    upvar #0 $run p
    if {![Wait $channel writable [StepEnd $run]]} {
        Fail unreachable "no connection to $p(host) port $p(port) in time"
    }
    set reason [fconfigure $channel -error]
    if {$reason ne ""} {
        Fail unreachable "couldn't connect to $p(host) port $p(port): $reason"
    }
}

proc ::tls::Probe::Close {run channel} {
    upvar #0 $run p
    set p(channels) [lsearch -all -inline -not -exact $p(channels) $channel]
    catch {close $channel}
}

# The next bytes, at most so many; the end and silence are errors.
proc ::tls::Probe::Receive {run channel limit} {
    upvar #0 $run p
    set until [StepEnd $run]
    while 1 {
        # Who never stops talking is not waited for either.
        if {[IsOver $run]} {
            Fail timeout "the time is up"
        }
        if {[catch {read $channel $limit} bytes]} {
            Fail closed "the connection broke: $bytes"
        }
        if {$bytes ne ""} {
            set p(heard) 1
            return $bytes
        }
        if {[eof $channel]} {
            Fail closed "the server closes the connection"
        }
        if {![Wait $channel readable $until]} {
            Fail silent "the server is silent"
        }
    }
}

# Runs a question that opens connections. What stops it is noted: the answers that are
# there remain.
proc ::tls::Probe::Try {run what script} {
    upvar #0 $run p
    try {
        uplevel 1 $script
    } trap {PROBE FINDING} {message details} {
        dict set p(missed) $what [expr {[IsOver $run] ? "the time is up" : $message}]
        return 0
    }
    return 1
}

# ---- the order of the questions

proc ::tls::Probe::Run {run} {
    upvar #0 $run p
    array set p {
        address "" protocols {} ciphers {} preference {} groups {} alpn {} connection {} chain {} verified {} verify ""
        resumption {} secureRenegotiation "" extendedMasterSecret "" staple "" clientAuth 0 compression 0 dhbits 0
        reachable 0 isTls 0 failure {} realFailure "" raw {} server {}
    }
    if {![ScanProtocols $run]} {
        return
    }
    RealConnection $run
    foreach version [Offered $run] {
        Try $run "cipher suites of $version" { ScanCiphers $run $version }
        Try $run "groups of $version" { ScanGroups $run $version }
    }
    Try $run "ALPN" { ScanAlpn $run }
    Try $run "resumption" { ScanResumption $run }
}

# The protocols that the server speaks, the newest first.
proc ::tls::Probe::Offered {run} {
    upvar #0 $run p
    return [lreverse [lmap {version is} $p(protocols) {expr {$is eq "1" ? $version : [continue]}}]]
}

proc ::tls::Probe::Report {run} {
    upvar #0 $run p
    Judge $run
    set chain $p(chain)
    set leaf [lindex $chain 0]
    set days ""
    if {$leaf ne ""} {
        set days [DaysLeft $leaf]
    }
    return [dict create host $p(host) port $p(port) address $p(address) starttls $p(starttls) servername $p(servername) \
        reachable $p(reachable) tls $p(isTls) verdict [Verdict $p(findings)] \
        protocols $p(protocols) ciphers $p(ciphers) preference $p(preference) groups $p(groups) alpn $p(alpn) \
        protocol [Key $p(connection) protocol] cipher [Key $p(connection) cipher] group [Key $p(connection) group] \
        chain $chain verified $p(verified) verify $p(verify) \
        days $days names [Key $leaf subjectAltName] \
        pins [lmap certificate $chain {::tls::x509 pin [dict get $certificate certificate]}] \
        resumption $p(resumption) secureRenegotiation $p(secureRenegotiation) \
        extendedMasterSecret $p(extendedMasterSecret) dhbits $p(dhbits) \
        stapled $p(staple) mustStaple [MustStaple $leaf] clientAuth $p(clientAuth) \
        findings $p(findings) missed $p(missed) connections $p(connections) \
        milliseconds [expr {[clock milliseconds] - $p(began)}]]
}

proc ::tls::Probe::Key {dictionary key} {
    if {[dict exists $dictionary $key]} {
        return [dict get $dictionary $key]
    }
}
