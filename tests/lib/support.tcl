# What test files share. A file begins and ends with
#
#   source [file join [file dirname [file normalize [info script]]] lib support.tcl]
#   support::Load 2.1.0
#   ...
#   support::Finish
#
# (in tests/peers: .. lib support.tcl). `test`, `makeFile` and so on are tcltest's.

package require Tcl 8.6-
package require tcltest 2.3
namespace import -force ::tcltest::*

namespace eval ::support {
    variable here [file dirname [file normalize [info script]]]
    variable root [file dirname [file dirname $here]]
    variable slow 1
    variable preload ""
    variable children {}
    variable background {}
    variable certs ""
    variable package $root
    variable waiting 0
}
foreach file {certs programs} {
    source -encoding utf-8 [file join $::support::here $file.tcl]
}

# ---- the package under test

proc ::support::Setup {} {
    variable root
    variable slow
    variable preload
    variable package
    foreach {name variable} {TLS_TEST_PACKAGE package TLS_TEST_SLOW slow TLS_TEST_PRELOAD preload} {
        if {[info exists ::env($name)] && $::env($name) ne ""} {
            set $variable $::env($name)
        }
    }
    set package [file normalize $package]
    set ::auto_path [linsert $::auto_path 0 $package]
    # What is preloaded is for test processes, not for the programs they start.
    unset -nocomplain ::env(LD_PRELOAD)
    foreach name [concat $::programs::peers $::programs::others] {
        testConstraint [::programs::Constraint $name] [expr {[::programs::Path $name] ne ""}]
    }
    testConstraint ipv6 [HasIpv6]
    testConstraint thread [expr {![catch {package require Thread}]}]
    testConstraint proc [file isdirectory /proc/self/fd]
    testConstraint sanitize [expr {$preload ne ""}]
    testConstraint quick [expr {$slow == 1}]
    testConstraint checkout [file isfile [file join $root build.tcl]]
    interp bgerror {} ::support::Background
    # Run by hand, without tests/all.tcl: a directory for this process.
    if {[temporaryDirectory] eq [workingDirectory]} {
        set dir [file join $root build tests [file tail [file rootname [info script]]].[pid]]
        file mkdir $dir
        configure -tmpdir $dir
    }
}

# Loads the package, and makes sure that it is the one under test.
proc ::support::Load {{version 2.1.0}} {
    package require -exact tls $version
    IsOurs
    return $version
}

# For files that read the checkout itself: in a source tree without the recipes
# (build.tcl tea) they end here, with one test skipped.
proc ::support::NeedsCheckout {} {
    if {![testConstraint checkout]} {
        test checkout-1 {the recipes and the rooms are here} -constraints checkout -body {}
        Finish
        exit 0
    }
}

proc ::support::IsOurs {} {
    variable package
    set cache [file join [expr {[info exists ::env(TMPDIR)] ? $::env(TMPDIR) : "/tmp"}] tls-build-]
    foreach entry [info loaded] {
        lassign $entry file name
        if {$name eq "Tls" && ![string match $package/* $file] && ![string match $cache* $file]} {
            return -code error "not the package under test: $file"
        }
    }
}

# Ends a test file: its last command. A background error that no test asked for with
# BackgroundErrors is a failure.
proc ::support::Finish {} {
    variable background
    StopAll
    if {[llength $background]} {
        puts "background errors:\n[join $background \n]"
        incr ::tcltest::numTests(Failed)
        incr ::tcltest::numTests(Total)
    }
    IsOurs
    set dir [temporaryDirectory]
    if {[string match */build/tests/* $dir]} {
        file delete -force {*}[glob -nocomplain -directory $dir *]
    }
    cleanupTests
    catch {file delete $dir}
}

proc ::support::Background {message options} {
    variable background
    lappend background "$message\n[dict get $options -errorinfo]"
}

# The messages of background errors so far; forgets them.
proc ::support::BackgroundErrors {} {
    variable background
    set result [lmap entry $background {lindex [split $entry \n] 0}]
    set background {}
    return $result
}

# ---- what differs between libraries and between Tcl versions

# The library of an installed package, for this Tcl.
proc ::support::LibraryName {} {
    return lib[expr {[package vsatisfies [package provide Tcl] 9-] ? "tcl9" : ""}]tls2.1.0[info sharedlibextension]
}

# True if the linked OpenSSL is at least that version: 3.5.
proc ::support::HasOpenSsl {version} {
    return [expr {[package vcompare [lindex [tls::version] 1] $version] >= 0}]
}

# The library's words for an alert or a verify result, from those of OpenSSL 3.0.
proc ::support::Alert {text} {
    if {[HasOpenSsl 3.2]} {
        set text [string map {"sslv3 alert" "ssl/tls alert"} $text]
    }
    if {[HasOpenSsl 3.6]} {
        set text [string map {"is not yet valid" "is not yet valid or the system clock is incorrect"} $text]
    }
    return $text
}

# Tcl 8's own words for a POSIX error, or the system's, which Tcl 9 has.
proc ::support::Posix {eight nine} {
    return [expr {[package vsatisfies [package provide Tcl] 9-] ? $nine : $eight}]
}

# ---- time

# Waits until the variable (global, or qualified) is written; an error after ms.
proc ::support::Wait {name {ms 10000}} {
    variable slow
    variable late
    variable waiting
    set id [incr waiting]
    upvar #0 $name variable
    set late($id) 0
    set timer [after [expr {int($ms * $slow)}] [list ::support::TooLate $name $id]]
    vwait $name
    after cancel $timer
    set isLate $late($id)
    unset late($id)
    if {$isLate} {
        unset -nocomplain variable
        return -code error "nothing after $ms ms: $name"
    }
    return $variable
}

proc ::support::TooLate {name id} {
    variable late
    set late($id) 1
    upvar #0 $name variable
    set variable ""
}

# Runs the event loop until the expression (of the caller) is true; an error after ms.
proc ::support::Until {expression {ms 10000}} {
    variable slow
    set end [expr {[clock milliseconds] + int($ms * $slow)}]
    while {![uplevel 1 [list expr $expression]]} {
        if {[clock milliseconds] > $end} {
            return -code error "not after $ms ms: $expression"
        }
        Sleep 5
    }
}

# Runs the event loop for ms, exactly that (no factor for slow runs).
proc ::support::Sleep {ms} {
    variable waiting
    set name ::support::slept[incr waiting]
    after $ms [list set $name 1]
    vwait $name
    unset $name
}

# ---- files

# A path in this file's temporary directory; with text, written.
proc ::support::Path {name args} {
    set path [file join [temporaryDirectory] $name]
    if {[llength $args]} {
        set channel [open $path wb]
        puts -nonewline $channel [lindex $args 0]
        close $channel
    }
    return $path
}

proc ::support::Read {path} {
    set channel [open $path rb]
    try {
        return [read $channel]
    } finally {
        close $channel
    }
}

# Bytes that look random and are the same each time.
proc ::support::Bytes {count {seed 1}} {
    set block ""
    expr {srand($seed)}
    for {set i 0} {$i < 16384} {incr i} {
        append block [binary format i [expr {int(rand() * 0x7fffffff)}]]
    }
    # Not a multiple of a record, so that mistakes of position show.
    set block [string range $block 0 65520]
    return [string range [string repeat $block [expr {$count / 65521 + 1}]] 0 $count-1]
}

proc ::support::Sha256File {path} {
    set output [exec {*}[::programs::Command openssl] dgst -sha256 -r $path]
    return [lindex $output 0]
}

proc ::support::Sha256 {bytes} {
    set path [Path sha256.[pid] $bytes]
    try {
        return [Sha256File $path]
    } finally {
        file delete $path
    }
}

# ---- certificates (see certs.tcl for the names)

proc ::support::Certs {} {
    variable certs
    if {$certs eq ""} {
        set certs [::certs::Ensure]
    }
    return $certs
}

proc ::support::Cert {name} {
    return [file join [Certs] $name.pem]
}

proc ::support::Key {name} {
    return [file join [Certs] $name.key]
}

# The options of a server with that certificate, and those of a client that trusts it.
proc ::support::Identity {{name server-ec}} {
    return [list -certfile [Cert $name] -keyfile [Key $name]]
}

proc ::support::Trust {{name ca}} {
    return [list -cafile [Cert $name]]
}

# One more certificate, in the temporary directory: see certs::Mint. Issuers are those of
# the set, or minted before. Returns {cert path key path}.
proc ::support::Mint {name args} {
    set issuer intermediate
    if {[dict exists $args -issuer]} {
        set issuer [dict get $args -issuer]
    }
    if {$issuer ne "" && ![file exists [Path $issuer.pem]]} {
        set issuer [file join [Certs] $issuer]
    }
    return [::certs::Mint $name -dir [temporaryDirectory] {*}$args -issuer $issuer]
}

# ---- channels

# Two ends of a TCP connection: {client server}, non-blocking and binary.
proc ::support::Tcp {} {
    variable accepted
    set listener [socket -server {apply {{channel address port} {set ::support::accepted $channel}}} \
        -myaddr 127.0.0.1 0]
    try {
        set client [socket 127.0.0.1 [Port $listener]]
        set server [Wait ::support::accepted]
    } finally {
        close $listener
    }
    foreach channel [list $client $server] {
        fconfigure $channel -blocking 0 -translation binary -buffering none
    }
    return [list $client $server]
}

# The port of a listening socket.
proc ::support::Port {listener} {
    return [lindex [fconfigure $listener -sockname] 2]
}

# A TCP port that nobody listens on, below those the system gives by itself: nobody takes it
# before the caller does, and no two calls of a process have the same. rand() is the tests' own.
proc ::support::FreePort {} {
    variable given
    while 1 {
        set port [expr {10000 + ([pid] * 7919 + [clock microseconds]) % 22000}]
        if {[info exists given($port)] || [catch {socket -server {apply {args {}}} -myaddr 127.0.0.1 $port} listener]} {
            continue
        }
        close $listener
        set given($port) 1
        return $port
    }
}

# TLS over Tcp: {client server}. -client, -server: options added to those of a pair that
# works; -handshake 0 leaves that to the caller; -name: certificate of the server.
proc ::support::Pair {args} {
    set options [dict merge {-client {} -server {} -handshake 1 -name server-ec} $args]
    lassign [Tcp] client server
    try {
        ::tls::import $server -server 1 {*}[Identity [dict get $options -name]] {*}[dict get $options -server]
        ::tls::import $client {*}[Trust] -servername localhost {*}[dict get $options -client]
        if {[dict get $options -handshake]} {
            Handshake $client $server
        }
    } on error {message details} {
        Close $client $server
        return -options $details $message
    }
    return [list $client $server]
}

# A directory with certificates under their hashed names, as -cadir wants it.
proc ::support::HashDir {name certs} {
    set dir [Path $name]
    file mkdir $dir
    foreach cert $certs {
        set hash [exec {*}[programs::Command openssl] x509 -in $cert -noout -subject_hash]
        file copy -force $cert [file join $dir [string trim $hash].0]
    }
    return $dir
}

# A CA, and a certificate for localhost of which it is said to be the issuer, with its key: the
# RSA signature has a byte changed.
proc ::support::BrokenSignature {} {
    set key [::tls::x509 key -type rsa]
    set ca [::tls::x509 create -subject CN=Issuer -key $key -ca 1]
    set good [::tls::x509 create -subject CN=localhost -san localhost -key $key -issuer $ca -issuerkey $key]
    set der [binary decode base64 [regsub -all -line {^-----.*$} $good {}]]
    binary scan [string index $der end-9] cu byte
    return [list $ca [string replace $der end-9 end-9 [binary format c [expr {$byte ^ 1}]]] $key]
}

# Drives the handshakes of non-blocking channels of this process to the end; the first
# error is thrown, once the others have had the time to notice.
proc ::support::Handshake {args} {
    variable slow
    set end [expr {[clock milliseconds] + int(10000 * $slow)}]
    set open $args
    set failure {}
    while {[llength $open]} {
        foreach channel $open {
            if {[catch {::tls::handshake $channel} isDone options]} {
                if {$failure eq ""} {
                    set failure [list $isDone $options]
                    set end [expr {min($end, [clock milliseconds] + 500)}]
                }
                set isDone 1
            }
            if {$isDone} {
                set open [lsearch -all -inline -not -exact $open $channel]
            }
        }
        if {[clock milliseconds] > $end} {
            break
        }
        Sleep 1
    }
    if {$failure ne ""} {
        return -options [dict remove [lindex $failure 1] -level -code] -code error [lindex $failure 0]
    }
    if {[llength $open]} {
        return -code error "handshake not done in time"
    }
}

# Closes what is open of these channels, without a word about errors.
proc ::support::Close {args} {
    foreach channel $args {
        catch {close $channel}
    }
}

# Reads from a non-blocking channel until there are count bytes, or the end.
proc ::support::ReadBytes {channel count {ms 10000}} {
    set data ""
    Until {
        [string length [append data [read $channel [expr {$count - [string length $data]}]]]] >= $count || [eof $channel]
    } $ms
    return $data
}

# Reads from a non-blocking channel until the end.
proc ::support::ReadAll {channel {ms 10000}} {
    set data ""
    Until {[append data [read $channel]; eof $channel]} $ms
    return $data
}

# ---- what is left behind

# Channels, open files and package counters, to compare before and after.
proc ::support::Residue {} {
    set result [list channels [lsort [chan names]]]
    if {[file isdirectory /proc/self/fd]} {
        # One is the directory itself, while it is read.
        lappend result files [llength [glob -nocomplain -directory /proc/self/fd *]]
    }
    return $result
}

# Resident memory of this process in KiB, 0 where the system does not tell.
proc ::support::Memory {} {
    if {![file readable /proc/self/status]} {
        return 0
    }
    return [lindex [regexp -inline {VmRSS:\s+([0-9]+)} [Read /proc/self/status]] 1]
}

# ---- other processes

# The words that start this tclsh with variables of the environment, words name=value, and what
# is preloaded in this process.
proc ::support::Tclsh {args} {
    variable preload
    if {$preload ne ""} {
        lappend args LD_PRELOAD=$preload
    }
    return [list env {*}$args [info nameofexecutable]]
}

# Starts a Tcl script in a process of its own, with this file and the package loaded.
# The script has the words in the list `words`. Returns a channel to its stdin and from
# its stdout; stderr is this process's.
proc ::support::Child {script args} {
    variable here
    variable children
    variable preload
    set path [Path child[llength $children].[pid].tcl [encoding convertto utf-8 [join [list \
        [list source -encoding utf-8 [file join $here support.tcl]] \
        [list set words $args] \
        {interp bgerror {} {apply {{message options} {
            puts stderr "background: [dict get $options -errorinfo]"
            exit 70
        }}}} \
        {fconfigure stdout -buffering line} \
        {support::Load} \
        $script] \n]]]
    set command [list [info nameofexecutable] $path -tmpdir [temporaryDirectory]]
    if {[info exists ::env(TLS_TEST_PREFIX)]} {
        set command [list {*}$::env(TLS_TEST_PREFIX) {*}$command]
    }
    if {$preload ne ""} {
        set command [list env LD_PRELOAD=$preload {*}$command]
    }
    set child [open |[concat $command {2>@stderr}] r+]
    fconfigure $child -blocking 0 -buffering line -encoding utf-8
    lappend children $child
    return $child
}

# The next line that a child printed.
proc ::support::Line {child {ms 20000}} {
    set line ""
    Until {[gets $child line] >= 0 || [eof $child]} $ms
    if {[eof $child] && $line eq ""} {
        return -code error "the child ended"
    }
    return $line
}

# Starts a program of others, its output going to a file. Returns a handle, a dict with
# pid and output. With -ready pattern: waits until the output matches; with -port n: until
# somebody listens there. -input text: what it gets on stdin, which then stays open.
proc ::support::Start {options name args} {
    variable children
    set options [dict merge {-ready {} -port {} -ms 10000} $options]
    set output [Path $name.[llength $children].[clock microseconds].out {}]
    set pipe [open |[list {*}[::programs::Command $name] {*}$args >& $output] w]
    fconfigure $pipe -blocking 0 -buffering none -translation binary
    lappend children $pipe
    set handle [dict create pid [pid $pipe] output $output input $pipe]
    set ready [dict get $options -ready]
    set port [dict get $options -port]
    try {
        if {$ready ne ""} {
            Until {[regexp $ready [Read $output]]} [dict get $options -ms]
        }
        if {$port ne ""} {
            Until {[IsListening $port]} [dict get $options -ms]
        }
    } on error {message} {
        Stop $handle
        return -code error "$message\n[Read $output]"
    }
    return $handle
}

proc ::support::IsListening {port} {
    if {[catch {socket 127.0.0.1 $port} channel]} {
        return 0
    }
    # A port that nobody has may be given to the connecting socket, which then meets itself.
    set isSelf [expr {[lindex [fconfigure $channel -sockname] 2] == $port}]
    close $channel
    return [expr {!$isSelf}]
}

# What a program has printed so far.
proc ::support::Output {handle} {
    return [Read [dict get $handle output]]
}

# Ends a program or a child (a handle of Start, a channel of Child).
proc ::support::Stop {handle} {
    variable children
    set channel $handle
    if {[llength $handle] > 1} {
        set channel [dict get $handle input]
    }
    set children [lsearch -all -inline -not -exact $children $channel]
    if {$channel ni [chan names]} {
        return
    }
    foreach pid [pid $channel] {
        catch {exec kill $pid 2>@1}
    }
    fconfigure $channel -blocking 1
    catch {close $channel}
}

# Waits for the end of a child that ends by itself; an error if it ended badly.
proc ::support::Reap {child {ms 20000}} {
    variable children
    Until {[read $child; eof $child]} $ms
    set children [lsearch -all -inline -not -exact $children $child]
    fconfigure $child -blocking 1
    close $child
}

proc ::support::StopAll {} {
    variable children
    foreach child $children {
        Stop $child
    }
}

proc ::support::HasIpv6 {} {
    if {[catch {socket -server {apply {args {}}} -myaddr ::1 0} listener]} {
        return 0
    }
    close $listener
    return 1
}

::support::Setup
