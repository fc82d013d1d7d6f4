# Callbacks that do anything (API section 4), for tests/reentry.test and tests/reentryforms.test: for a form of
# callback, at a moment in which the package calls it, each thing that a script may do.
#
# The cases run in a child process. Its counterpart is another child, so that blocking calls
# have somebody to talk with: it listens on some ports, and what it does there is to serve
# TLS, or to be the client of TLS.

set counterpart {
    # Says hello, and sends back what comes.
    proc Talk {channel options outer} {
        fconfigure $channel -blocking 0 -translation binary -buffering none
        if {[catch {
            tls::import $channel {*}$options
            if {[llength $outer]} { tls::import $channel {*}$outer }
        }]} {
            close $channel
            return
        }
        fileevent $channel readable [list Echo $channel]
        fileevent $channel writable [list Hello $channel]
    }
    proc Hello {channel} {
        fileevent $channel writable {}
        catch {puts -nonewline $channel "hello\n"}
    }
    proc Echo {channel} {
        if {[catch {read $channel} data] || [eof $channel]} {
            catch {close $channel}
            return
        }
        catch {puts -nonewline $channel $data}
    }
    set ports {}
    set client [list {*}[support::Trust] -servername localhost -alpn x]
    foreach {name options} [list \
        good [list -server 1 {*}[support::Identity] -alpn x -request 1 -require 0 {*}[support::Trust]] \
        expired [list -server 1 {*}[support::Identity expired]] \
        client [list {*}$client {*}[support::Identity client]] \
        stapled [list {*}$client -ocsp request] \
        pskServer {-server 1 -pskcommand {apply {identity {return "a key of both"}}}} \
        pskClient [list {*}[support::Trust] -psk {bob "a key of both"}] \
        back [list {*}$client -resume 1 -session_peer reentry] \
        later [list {*}$client {*}[support::Identity client] -post_handshake 1] \
        goodNested [list -server 1 {*}[support::Identity] -alpn x] \
        clientNested [list {*}$client {*}[support::Identity client]] \
    ] {
        set outer [dict get [dict merge [list $name {}] \
            [list goodNested [list -server 1 {*}[support::Identity]] clientNested [list {*}[support::Trust] -servername localhost]]] $name]
        lappend ports $name [support::Port [socket -server [list apply {{options outer channel args} {Talk $channel $options $outer}} $options $outer] \
            -myaddr 127.0.0.1 0]]
    }
    puts $ports
    fconfigure stdin -blocking 0
    fileevent stdin readable {if {[gets stdin] < 0 && [eof stdin]} {exit}}
    vwait forever
}

# Reads {number moment kind form action variant turn} from stdin, and prints {number outcome details} for each.
set runner {
    array set ports [lindex $words 0]
    set haveThread [expr {![catch {package require Thread}]}]

    # What the callback does, in the interpreter of the channel, at one call of the form that
    # the case is about. The turn is its number, or a pattern of its words; at "each" it is all calls.
    set ::setup {
        proc Callback {kind form args} {
            global state
            if {$kind eq "accept"} {
                # A connection of the listener: from now on the channel of the case.
                set state(channel) [lindex $args 0]
                fconfigure $state(channel) -blocking 0
            } elseif {$kind in {command validate client server} && [lindex $args 0] ne $state(channel)} {
                return [Answer $kind $form $args]
            }
            incr state(depth)
            set state(deepest) [expr {max($state(depth), $state(deepest))}]
            incr state(calls)
            set code 0
            if {$form eq $state(form) && $kind eq $state(kind) && [IsDue $args]} {
                set state(acted) 1
                set code [catch {Act $state(action)} result options]
            }
            # Whoever has deleted the interpreter does not come back here.
            incr state(depth) -1
            if {$code} {
                return -options [dict incr options -level] $result
            }
            if {[info exists result] && $result ne ""} {
                return $result
            }
            return [Answer $kind $form $args]
        }
        proc IsDue {words} {
            global state
            if {$state(turn) eq "each"} {
                return 1
            }
            if {$state(acted)} {
                return 0
            }
            if {[string is integer $state(turn)]} {
                return [expr {[incr state(turn) -1] == 0}]
            }
            return [string match $state(turn) $words]
        }
        proc Answer {kind form words} {
            switch -exact -- $kind {
                password { return secret }
                pskserver { return "a key of both" }
                pskclient { return {bob "a key of both"} }
                ocsp - command { return "" }
                store { return [expr {$form eq "get" ? [Kept [lindex $words 0]] : ""}] }
                default { return 1 }
            }
        }
        proc Try {args} {
            global state
            set code [catch {uplevel #0 $args} message options]
            lappend state(said) [list $code [string map [list $state(channel) CHANNEL] $message] \
                [expr {$code ? [lrange [dict get $options -errorcode] 0 2] : ""}]]
            return
        }
        proc Act {action} {
            global state
            switch -exact -- $action {
                nothing { }
                closeThis { close $state(channel) }
                closeOther { close $state(other) }
                closeListener { close $state(listener) }
                closeAll { close $state(other); close $state(listener); close $state(channel) }
                update { for {set i 0} {$i < 20} {incr i} { update; after 1 } }
                vwait { after 30 {set ::waited 1}; vwait ::waited }
                closeThisUpdate { close $state(channel); for {set i 0} {$i < 20} {incr i} { update; after 1 } }
                updateCloseThis { for {set i 0} {$i < 20} {incr i} { update; after 1 }; close $state(channel) }
                closeLater { after 10 [list close $state(channel)]; after 30 {set ::waited 1}; vwait ::waited }
                handshake { Try tls::handshake $state(channel) }
                handshakeLater { Try tls::handshake $state(channel) -command list }
                read { Try read $state(channel) 1 }
                puts { Try puts -nonewline $state(channel) xyz; Try flush $state(channel) }
                fcopy { Try fcopy $state(channel) $state(other) -size 1 }
                unimport { Try tls::unimport $state(channel) }
                import { Try tls::import $state(channel) }
                status {
                    tls::status $state(channel); tls::status -local $state(channel); tls::connection $state(channel)
                    fconfigure $state(channel); eof $state(channel)
                }
                events {
                    # Inside a read or write of the core the channel is closed to the script.
                    catch {
                        set before [fileevent $state(channel) readable]
                        fileevent $state(channel) readable [list fileevent $state(channel) readable {}]
                        update
                        fileevent $state(channel) readable $before
                    }
                }
                mode {
                    # Not while an fcopy is going on: Tcl refuses that.
                    catch {
                        set mode [fconfigure $state(channel) -blocking]
                        fconfigure $state(channel) -blocking [expr {!$mode}] -buffersize 100
                        fconfigure $state(channel) -blocking $mode
                    }
                }
                push {
                    zlib push gzip $state(channel)
                    chan pop $state(channel)
                }
                throw { error "thrown by the callback" }
                break { return -code break }
                junk { return "neither yes nor no" }
                rename { rename ::Callback "" }
                redefine { proc ::Callback args { return 1 } }
                deleteInterp { Suicide }
                transfer { Try Transfer transfer $state(channel) }
                detach { Try Transfer detach $state(channel) }
                transferOther { Transfer transfer $state(other) }
                detachOther { Transfer detach $state(other) }
                yield { Try yield; error "thrown by the callback" }
                exit { exit 42 }
                default { error "no such action: $action" }
            }
            return
        }
        # For what runs when nothing of TLS is on the stack: over soon after the callback.
        proc OverSoon {} {
            if {$::state(acted)} {
                after 40 {set ::over ok}
            } else {
                after 5 OverSoon
            }
        }
        proc Out {} {
            return [open /dev/null wb]
        }
    }

    # The moments: scripts in which the package comes to call a callback.
    set ::moments(handshake) { tls::handshake $state(channel); gets $state(channel) }
    set ::moments(write) { puts $state(channel) hi; flush $state(channel); gets $state(channel); gets $state(channel) }
    set ::moments(read) { gets $state(channel); puts $state(channel) hi; flush $state(channel); gets $state(channel) }
    set ::moments(copyIn) {
        set out [Out]
        try { fcopy $state(channel) $out -size 6 } finally { close $out }
    }
    set ::moments(copyOut) {
        set in [open /dev/zero rb]
        try { fcopy $in $state(channel) -size 100000; flush $state(channel) } finally { close $in }
    }
    set ::moments(polled) {
        fconfigure $state(channel) -blocking 0
        set end [expr {[clock milliseconds] + 5000}]
        while {![tls::handshake $state(channel)]} {
            after 1
            update
            if {[clock milliseconds] > $end} { error stuck }
        }
        while {[gets $state(channel)] eq "" && ![eof $state(channel)]} {
            after 1
            update
            if {[clock milliseconds] > $end} { error stuck }
        }
    }
    set ::moments(readable) {
        fconfigure $state(channel) -blocking 0
        fileevent $state(channel) readable {
            if {[catch {gets $state(channel)} line]} { set ::over [list error $line] } elseif {$line ne "" || [eof $state(channel)]} { set ::over ok }
        }
        WaitOver
    }
    set ::moments(writable) {
        fconfigure $state(channel) -blocking 0
        fileevent $state(channel) writable {
            fileevent $state(channel) writable {}
            if {[catch {puts $state(channel) hi; flush $state(channel)} line]} { set ::over [list error $line] }
            fileevent $state(channel) readable {
                if {[catch {gets $state(channel)} line]} { set ::over [list error $line] } elseif {$line ne "" || [eof $state(channel)]} { set ::over ok }
            }
        }
        WaitOver
    }
    # A handler on a blocking channel.
    set ::moments(readableBlocking) {
        fileevent $state(channel) readable {
            if {[catch {gets $state(channel)} line]} { set ::over [list error $line] } elseif {$line ne "" || [eof $state(channel)]} { set ::over ok }
        }
        WaitOver
    }
    set ::moments(copyCommand) {
        fconfigure $state(channel) -blocking 0
        set out [Out]
        fcopy $state(channel) $out -size 6 -command {apply {{count {message ""}} { set ::over [expr {$message eq "" ? "ok" : [list error $message]}] }}}
        try { WaitOver } finally { catch { close $out } }
    }
    set ::moments(copyOutCommand) {
        fconfigure $state(channel) -blocking 0
        set in [open /dev/zero rb]
        fcopy $in $state(channel) -size 100000 -command {apply {{count {message ""}} { set ::over [expr {$message eq "" ? "ok" : [list error $message]}] }}}
        try { WaitOver } finally { catch { close $in } }
    }
    set ::moments(flush) {
        fconfigure $state(channel) -blocking 0 -buffering full
        puts -nonewline $state(channel) [string repeat x 200000]
        flush $state(channel)
        fileevent $state(channel) readable {
            if {[catch {read $state(channel)} line]} { set ::over [list error $line] } elseif {$line ne "" || [eof $state(channel)]} { set ::over ok }
        }
        WaitOver
    }
    set ::moments(closing) {
        fconfigure $state(channel) -blocking 0 -buffering full
        puts -nonewline $state(channel) [string repeat x 200000]
        close $state(channel)
        WaitOver
    }
    set ::moments(later) {
        fconfigure $state(channel) -blocking 0
        tls::handshake $state(channel) -command [list Callback $state(kind) done]
        fileevent $state(channel) readable {
            if {[catch {gets $state(channel)} line]} {
                # A failed channel is readable for ever, and no update would come to its end.
                catch {fileevent $state(channel) readable {}}
                set ::over [list error $line]
            } elseif {$line ne "" || [eof $state(channel)]} { set ::over ok }
        }
        WaitOver
    }
    set ::moments(unimport) {
        tls::handshake $state(channel)
        gets $state(channel)
        fconfigure $state(channel) -blocking 0
        tls::unimport $state(channel) -command {Callback off off}
        OverSoon
        WaitOver
    }
    # The server asks for a certificate when the connection has long been there (RFC 8446 4.6.2).
    set ::moments(authenticate) {
        gets $state(channel)
        tls::authenticate $state(channel)
        puts $state(channel) hi
        flush $state(channel)
        gets $state(channel)
    }
    set ::moments(accept) {
        set state(client) [socket -async 127.0.0.1 [lindex [fconfigure $state(listener) -sockname] 2]]
        OverSoon
        WaitOver
    }
    # Keys that ask for a password: by a connection, by a context, by both again.
    set ::moments(import) {
        tls::import $state(channel) {*}$state(options)
        tls::handshake $state(channel)
        gets $state(channel)
    }
    set ::moments(reload) {
        set state(acted) 1
        set context [tls::context new {*}[lrange $state(options) 2 end]]
        set state(acted) 0
        try {
            $context reload
        } finally {
            catch { $context destroy }
        }
    }
    set ::moments(configure) {
        set state(acted) 1
        set context [tls::context new {*}[lrange $state(options) 2 end]]
        set state(acted) 0
        try {
            $context configure -alpn y
        } finally {
            catch { $context destroy }
        }
    }
    # Waits outside the interpreter, which may go meanwhile, until it says that it is over,
    # or the channel has gone for a while.
    proc WaitOver {interp} {
        set end [expr {[clock milliseconds] + int(600 * $::support::slow)}]
        # On a busy machine the callback itself may be late.
        set late [expr {[clock milliseconds] + int(5000 * $::support::slow)}]
        set gone 0
        while 1 {
            if {![interp exists $interp]} {
                return gone
            }
            set acted [interp eval $interp {set state(acted)}]
            if {[clock milliseconds] >= ($acted ? $end : $late)} {
                break
            }
            if {[interp eval $interp {info exists over}]} {
                set over [interp eval $interp {set over}]
                if {[lindex $over 0] eq "error"} {
                    error [lindex $over 1]
                }
                return $over
            }
            if {[interp eval $interp {expr {$state(depth) == 0 && $state(channel) ni [chan names]}}] && $acted && [incr gone] > 8} {
                return gone
            }
            support::Sleep 3
        }
        return late
    }

    # What a kind of callback needs: with whom to talk, and the options of the connection.
    proc Counterpart {kind form moment} {
        switch -exact -- $kind {
            server { return [expr {$moment eq "authenticate" ? "later" : "client"}] }
            password { return client }
            ocsp { return stapled }
            pskserver { return pskClient }
            pskclient { return pskServer }
            store { return [expr {$form eq "put" ? "client" : "back"}] }
            register - doneFails { return expired }
            default { return [expr {$form eq "error" ? "expired" : "good"}] }
        }
    }
    proc Options {kind form moment} {
        set server [list -server 1 {*}[support::Identity] -alpn x]
        set client [list {*}[support::Trust] -servername localhost -alpn x]
        switch -exact -- $kind {
            command { return [list {*}$client -command [list Callback command]] }
            client { return [list {*}$client -validatecommand [list Callback client]] }
            server {
                set late [expr {$moment eq "authenticate"}]
                return [list {*}$server -request [expr {!$late}] -post_handshake $late {*}[support::Trust] -validatecommand [list Callback server]]
            }
            ocsp { return [list {*}$server -ocspcommand [list Callback ocsp]] }
            pskserver { return [list -server 1 -pskcommand [list Callback pskserver psk]] }
            pskclient { return [list {*}[support::Trust] -pskcommand [list Callback pskclient psk]] }
            store { return [list {*}$server -session_store [list Callback store]] }
            password { return [list -server 1 -certfile [support::Cert server-ec] -keyfile $::sealed -password [list Callback password]] }
            default { return $client }
        }
    }
    # nested: the callbacks are those of a TLS layer below another one.
    set variants [dict create tls1.3 {} tls1.2 {-maxversion tls1.2} level1 {} nested {}]
    set outer [dict create client [list {*}[support::Trust] -servername localhost] server [list -server 1 {*}[support::Identity]]]

    # A connection of a server whose store keeps the session, so that the counterpart has it next time.
    proc Store {verb id args} {
        switch -exact -- $verb {
            get { return [Kept $id] }
            put { dict set ::kept $id [lindex $args 0] }
        }
        return
    }
    proc Kept {id} {
        return [expr {[dict exists $::kept $id] ? [dict get $::kept $id] : ""}]
    }
    set kept {}
    proc Visit {options} {
        set channel [socket 127.0.0.1 $::ports(back)]
        fconfigure $channel -blocking 0 -translation binary -buffering none
        tls::import $channel {*}$options -session_store Store
        support::Handshake $channel
        puts -nonewline $channel x
        # Its answer says that it has the session.
        support::ReadBytes $channel 7
        close $channel
    }

    proc Interp {kind variant} {
        set interp [interp create]
        set level [expr {$variant eq "level1" ? 1 : 2}]
        if {$kind in {password accept}} {
            interp eval $interp [list set ::auto_path $::auto_path]
            interp eval $interp [list package require -exact tls [expr {$level == 1 ? "1.9.0" : "2.1.0"}]]
        } else {
            # Without the Tcl files of the package, which no case here needs: quicker.
            interp eval $interp [list namespace eval ::tls [list variable level $level]]
            load {} Tls $interp
        }
        interp eval $interp $::setup
        interp alias $interp WaitOver {} WaitOver $interp
        interp alias $interp Suicide {} interp delete $interp
        interp alias $interp Transfer {} Transfer $interp
        interp alias $interp Kept {} Kept
        set ::background {}
        interp alias $interp Background {} BackgroundError
        interp bgerror $interp Background
        return $interp
    }

    proc Case {moment kind form action variant turn} {
        set options [concat [Options $kind $form $moment] [dict get $::variants $variant]]
        if {$form eq "error"} {
            # Which level 1 does not say by itself.
            lappend options -require 1
        }
        if {$kind eq "store" && $form ne "put"} {
            Visit [dict merge $options {-session_store {}}]
        }
        set interp [Interp $kind $variant]
        set port [Counterpart $kind $form $moment]
        append port [expr {$variant eq "nested" ? "Nested" : ""}]
        set channel [socket 127.0.0.1 $::ports($port)]
        set other [socket 127.0.0.1 $::ports(good)]
        set listener [socket -server {apply {{channel args} {close $channel}}} -myaddr 127.0.0.1 0]
        foreach name [list $channel $other $listener] {
            interp transfer {} $name $interp
        }
        foreach name [list $channel $other] {
            interp eval $interp [list fconfigure $name -translation binary]
        }
        if {$kind ni {password accept}} {
            interp eval $interp [list ::tls::import $channel {*}$options]
        }
        if {$variant eq "nested"} {
            interp eval $interp [list ::tls::import $channel {*}[dict get $::outer [expr {$kind eq "server" ? "server" : "client"}]]]
        }
        interp eval $interp [list ::tls::import $other {*}[support::Trust] -servername localhost]
        if {$kind eq "register"} {
            interp eval $interp {namespace eval ::http {}; proc ::http::registerError {args} {uplevel #0 [list Callback register register {*}$args]}}
        }
        if {$kind eq "accept"} {
            interp eval $interp [list close $listener]
            set listener [interp eval $interp [list ::tls::socket -server {Callback accept accept} -myaddr 127.0.0.1 {*}[support::Identity] 0]]
        }
        interp eval $interp [list array set state [list channel $channel other $other listener $listener form $form kind $kind \
            action $action options $options turn $turn acted 0 depth 0 deepest 0 calls 0 said {}]]
        set script $::moments($moment)
        if {$action eq "yield"} {
            # Which is where a yield would make sense.
            set script [list coroutine ::Main eval $script]
        }
        set code [catch {interp eval $interp $script} message]
        set result [dict create code $code]
        dict set result message [string map [list $channel CHANNEL] $message]
        set isThere [interp exists $interp]
        if {$isThere && [catch {interp eval $interp {array get state}} state]} {
            set isThere 0
        }
        if {$isThere} {
            dict set result acted [dict get $state acted]
            dict set result deepest [dict get $state deepest]
            dict set result said [dict get $state said]
            interp eval $interp {foreach channel [chan names] { if {$channel ni {stdin stdout stderr}} { fconfigure $channel -blocking 0; catch { close $channel } } }}
            update
            interp delete $interp
        } else {
            dict set result acted 1
            dict set result deepest 1
            dict set result said {}
        }
        dict set result background $::background
        return $result
    }

    proc BackgroundError {message options} {
        lappend ::background [lindex [split $message \n] 0]
    }

    # The channel goes to another thread, where it is used and closed at once.
    proc Transfer {interp how channel} {
        # Which a channel loses on the way, and should have again if it stays.
        set handlers {}
        foreach event {readable writable} {
            catch { dict set handlers $event [interp eval $interp [list fileevent $channel $event]] }
        }
        interp transfer $interp $channel {}
        set words [expr {$how eq "detach" ? [list thread::detach $channel] : [list thread::transfer $::thread $channel]}]
        if {[catch $words message options]} {
            interp transfer {} $channel $interp
            dict for {event script} $handlers {
                interp eval $interp [list fileevent $channel $event $script]
            }
            return -options $options $message
        }
        thread::send $::thread [list apply {{how channel} {
            if {$how eq "detach"} {
                thread::attach $channel
            }
            fconfigure $channel -blocking 0
            fileevent $channel readable [list apply {{channel} {
                if {[catch {read $channel} data] || [eof $channel]} { close $channel }
            }} $channel]
            after 10 [list apply {{channel} { catch {close $channel} }} $channel]
        }} $how $channel]
        return transferred
    }
    if {$haveThread} {
        set thread [thread::create]
    }
    # The key of the server, with a password.
    set sealed [support::Path sealed.[pid].key]
    if {[testConstraint openssl]} {
        exec {*}[programs::Command openssl] ec -in [support::Key server-ec] -aes128 -passout pass:secret -out $sealed 2>@1
    }

    # What is there when nothing is going on. The first cases load what is loaded once.
    proc Rest {before} {
        set end [expr {[clock milliseconds] + int(5000 * $::support::slow)}]
        while {[dict get [tls::Counters] connectionsAlive] > $before || [llength [chan names]] > 3} {
            if {[clock milliseconds] > $end} {
                return "left: [dict get [tls::Counters] connectionsAlive] connections, channels [chan names]"
            }
            support::Sleep 2
        }
        return ""
    }

    fconfigure stdin -blocking 1
    while {[gets stdin line] >= 0} {
        lassign $line number moment kind form action variant turn
        set before [dict get [tls::Counters] connectionsAlive]
        set result [Case $moment $kind $form $action $variant $turn]
        dict set result rest [Rest $before]
        puts [string map [list \n { }] [list $number {*}$result]]
    }
}

# ---- the machinery on this side

set number 0
set runnerChild ""
set partner [support::Child $counterpart]
set ports [support::Line $partner]

# Runs one case; a crash or a hang is its result.
proc run {moment kind form action variant turn {ms 8000}} {
    global runnerChild
    if {$runnerChild eq ""} {
        set runnerChild [support::Child $::runner $::ports]
    }
    puts $runnerChild [list [incr ::number] $moment $kind $form $action $variant $turn]
    if {[catch {support::Line $runnerChild $ms} line]} {
        set child $runnerChild
        set runnerChild ""
        if {[eof $child]} {
            set code [catch {support::Reap $child} message options]
            return [dict create code crash message "[expr {$code ? [dict get $options -errorcode] : "ended"}]"]
        }
        support::Stop $child
        return [dict create code hang message "nothing after $ms ms"]
    }
    if {[lindex $line 0] != $::number} {
        return [dict create code confused message $line]
    }
    return [lrange $line 1 end]
}

# ---- the cases

set blocking {handshake write read copyIn copyOut}
set events {polled readable writable readableBlocking copyCommand copyOutCommand flush closing later}
# What leaves the connection as it was: the moment must end well.
set harmless {nothing closeOther closeListener update vwait status events mode redefine transferOther detachOther}
# What is refused, because the channel is in use.
set nested {handshake read puts fcopy unimport import push}
set quickly {closeThis closeAll closeThisUpdate updateCloseThis closeLater handshakeLater throw break junk rename deleteInterp transfer detach yield}
set harmful [concat $quickly exit]

# How that is said, and the beginning of errorCode. Where the core itself is at work on the channel, what it says
# has no code of ours.
set busy {the channel cannot be used from inside its own callback}
set refusals [list \
    $busy {TLS BUSY callback} \
    "error reading \"CHANNEL\": $busy" {TLS BUSY callback} \
    "error writing \"CHANNEL\": $busy" {TLS BUSY callback} \
    {channel "CHANNEL" wasn't opened for reading} * \
    {channel "CHANNEL" wasn't opened for writing} * \
    {channel "CHANNEL" is not both readable and writable} * \
    {can not find channel named "CHANNEL"} {TCL LOOKUP CHANNEL} \
    {channel "CHANNEL" is busy} *]
foreach verb {reading writing flushing} {
    foreach text {{file busy} {device or resource busy}} {
        lappend refusals "error $verb \"CHANNEL\": $text" {POSIX EBUSY *}
    }
}
# Moments that begin outside the core's read and write: there the package itself refuses, at the first call. A ticket
# (form session) may come in a read after the handshake.
set ours {handshake polled readable writable readableBlocking later}

# What runs when nothing of TLS is on the stack, where the channel may be used and moved.
set outside {done doneFails off accept password}
set yields {{yield can only be called in a coroutine} {cannot yield: C stack busy}}

# Runs the cases of one form at one moment, and returns what is wrong. Variants: tls1.3, tls1.2, level1, nested.
# The action is done at that turn; what is to be refused is tried at each call.
proc problems {moment kind form actions {variant tls1.3} {turn 1}} {
    set result {}
    foreach action $actions {
        # As with plain sockets: Tcl drops the output of a deleted interpreter, and the channel;
        # and what waits to be sent in the background when the mode is changed (fcopy does so).
        if {$moment in {flush closing} && $action in {deleteInterp fcopy mode}} {
            continue
        }
        set outcome [run $moment $kind $form $action $variant [expr {$action in $::nested && $kind ni $::outside ? "each" : $turn}]]
        if {$action eq "exit" && [dict get $outcome code] eq "crash" && [lindex [dict get $outcome message] 0] eq "CHILDSTATUS"
            && [lindex [dict get $outcome message] 2] == 42} {
            continue
        }
        foreach problem [judge $moment $kind $form $action $variant $outcome] {
            lappend result "$action: $problem"
        }
    }
    return $result
}

# Those of the answers that must be refusals. A puts is refused where it would send: buffering, or what a flush in
# the background takes along, is no entry. The answers to puts and flush alternate.
proc refusable {action moment said} {
    if {$action ne "puts"} {
        return $said
    }
    return [lmap {put flush} $said {expr {$moment eq "flush" && [lindex $flush 0] == 0 ? [continue] : $flush}}]
}

# What is wrong with the outcome of one case.
proc judge {moment kind form action variant outcome} {
    set problems {}
    if {[dict get $outcome code] ni {0 1}} {
        return [list "[dict get $outcome code] [dict get $outcome message]"]
    }
    if {![dict get $outcome acted]} {
        lappend problems "the callback was not called"
    }
    if {[dict get $outcome deepest] > 1} {
        lappend problems "entered again"
    }
    if {[dict get $outcome rest] ne ""} {
        lappend problems [dict get $outcome rest]
    }
    set fails [expr {$form eq "error" || $kind in {register doneFails}}]
    if {$action in $::harmless && !$fails && [dict get $outcome code]} {
        lappend problems "ended with [dict get $outcome message]"
    }
    # A channel that is being closed has no name, and so no status.
    if {$action in $::harmless && $moment ne "closing" && [llength [dict get $outcome background]]} {
        lappend problems "background errors: [dict get $outcome background]"
    }
    # An event may concern the lower of two layers alone: then the upper one is free.
    set isFree [expr {$variant eq "nested" && $moment in $::events}]
    if {$action in $::nested && $kind ni $::outside && !$isFree} {
        set answers [refusable $action $moment [dict get $outcome said]]
        foreach said [lsort -unique $answers] {
            lassign $said code message errorCode
            if {!$code || ![dict exists $::refusals $message]} {
                lappend problems "not refused: $message"
            } elseif {![string match [dict get $::refusals $message] $errorCode]} {
                lappend problems "refused with the code $errorCode: $message"
            }
        }
        if {$moment in $::ours && $form ne "session" && $action ni {fcopy push} && $variant ne "nested" && [lindex $answers 0 1] ne $::busy} {
            lappend problems "not refused by the package: [lindex $answers 0]"
        }
    }
    if {$action in {transfer detach}} {
        set expected {{channel is shared} {can not find channel named "CHANNEL"}}
        if {$kind in $::outside && $kind ne "accept"} {
            set expected transferred
        }
        foreach said [dict get $outcome said] {
            if {[lindex $said 1] ni $expected} {
                lappend problems "$action: $said"
            }
        }
    }
    if {$action eq "yield"} {
        foreach said [dict get $outcome said] {
            if {[lindex $said 0] != 1 || [lindex $said 1] ni $::yields} {
                lappend problems "yielded: $said"
            }
        }
    }
    return $problems
}

