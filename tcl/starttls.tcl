# The plain dialogues before TLS, one per protocol: they end with the server's go-ahead.
# Whoever sits between can put words into them, so that the lines and their number are
# bounded, and nothing that comes behind the go-ahead is taken for anything but an attack
# (CVE-2011-0411, CVE-2021-23222 and their kin).

if {![namespace exists ::tls::Probe]} {
    return
}

namespace eval ::tls::Probe {
    variable lineLimit 4096  ;# bytes
    variable linesLimit 100  ;# of one dialogue
    variable dialogues {ftp Ftp imap Imap ldap Ldap pop3 Pop3 postgres Postgres smtp Smtp xmpp Xmpp}
}

# Ends the dialogue with a finding.
proc ::tls::Probe::Fail {code text} {
    return -code error -errorcode [list PROBE FINDING $code] $text
}

# Leads the dialogue up to the moment for the ClientHello.
proc ::tls::Probe::Starttls {run channel} {
    upvar #0 $run p
    variable dialogues
    set p(buffer) ""
    set p(lines) 0
    [dict get $dialogues $p(starttls)] $run $channel
    if {$p(buffer) eq ""} {
        catch {set p(buffer) [read $channel 1024]}
    }
    if {$p(buffer) ne ""} {
        Fail starttls-plaintext "behind the go-ahead for TLS comes more plain text: \"[Printable $p(buffer)]\""
    }
}

proc ::tls::Probe::Send {channel bytes} {
    if {[catch {puts -nonewline $channel $bytes; flush $channel} message]} {
        Fail closed "the connection broke: $message"
    }
}

# More bytes into the buffer; never more than the limit of a line beyond what is there.
proc ::tls::Probe::Fill {run channel} {
    upvar #0 $run p
    variable lineLimit
    append p(buffer) [Receive $run $channel $lineLimit]
}

# The next line, without its end.
proc ::tls::Probe::Line {run channel} {
    upvar #0 $run p
    variable lineLimit
    variable linesLimit
    if {[incr p(lines)] > $linesLimit} {
        Fail starttls-protocol "more than $linesLimit lines before TLS"
    }
    while {[set end [string first \n $p(buffer)]] < 0 && [string length $p(buffer)] < $lineLimit} {
        Fill $run $channel
    }
    if {$end < 0 || $end > $lineLimit} {
        Fail starttls-protocol "a line of more than $lineLimit bytes before TLS"
    }
    set line [string trimright [string range $p(buffer) 0 $end-1] \r]
    set p(buffer) [string range $p(buffer) $end+1 end]
    return $line
}

# A reply of SMTP or FTP with all its lines (RFC 5321 4.2.1, RFC 959 4.2). Returns its
# text; another code is the end.
proc ::tls::Probe::Reply {run channel code} {
    set line [Line $run $channel]
    set lines [list $line]
    if {![regexp {^[0-9]{3}([ -]|$)} $line]} {
        Fail starttls-protocol "not the reply of such a server: \"[Printable $line]\""
    }
    set number [string range $line 0 2]
    while {![regexp "^${number}( |\$)" $line]} {
        set line [Line $run $channel]
        lappend lines $line
    }
    if {$number != $code} {
        Fail starttls-refused "the server says: \"[Printable [lindex $lines end]]\""
    }
    return [join $lines \n]
}

# RFC 3207
proc ::tls::Probe::Smtp {run channel} {
    Reply $run $channel 220
    Send $channel "EHLO probe.invalid\r\n"
    if {![regexp -nocase -line {^250[ -]STARTTLS\s*$} [Reply $run $channel 250]]} {
        Fail starttls-missing "the server does not offer STARTTLS"
    }
    Send $channel "STARTTLS\r\n"
    Reply $run $channel 220
}

# RFC 4217
proc ::tls::Probe::Ftp {run channel} {
    Reply $run $channel 220
    Send $channel "AUTH TLS\r\n"
    Reply $run $channel 234
}

# RFC 3501 6.2.1
proc ::tls::Probe::Imap {run channel} {
    set line [Line $run $channel]
    if {[regexp -nocase {^\* PREAUTH} $line]} {
        Fail starttls-missing "the server greets with PREAUTH, which leaves no place for STARTTLS"
    }
    if {![regexp -nocase {^\* OK} $line]} {
        Fail starttls-protocol "not the greeting of IMAP: \"[Printable $line]\""
    }
    Send $channel "a1 STARTTLS\r\n"
    while {![string match {a1 *} [set line [Line $run $channel]]]} {
        continue
    }
    if {![regexp -nocase {^a1 OK} $line]} {
        Fail starttls-refused "the server says: \"[Printable $line]\""
    }
}

# RFC 2595 4
proc ::tls::Probe::Pop3 {run channel} {
    foreach command {"" "STLS\r\n"} code {starttls-protocol starttls-refused} {
        if {$command ne ""} {
            Send $channel $command
        }
        set line [Line $run $channel]
        if {![string match {+OK*} $line]} {
            Fail $code "the server says: \"[Printable $line]\""
        }
    }
}

# Exactly so many bytes.
proc ::tls::Probe::Take {run channel count} {
    upvar #0 $run p
    while {[string length $p(buffer)] < $count} {
        Fill $run $channel
    }
    set result [string range $p(buffer) 0 $count-1]
    set p(buffer) [string range $p(buffer) $count end]
    return $result
}

# RFC 4511 4.14: an extended request, and an extended response with resultCode success.
proc ::tls::Probe::Ldap {run channel} {
    Send $channel [binary format H* 301d02010177188016]1.3.6.1.4.1.1466.20037
    binary scan [Take $run $channel 2] cucu tag length
    if {$tag != 0x30} {
        Fail starttls-protocol "not the answer of an LDAP server"
    }
    if {$length > 127} {
        set width [expr {$length & 127}]
        if {$width < 1 || $width > 4} {
            Fail starttls-protocol "an LDAP message of an absurd length"
        }
        set length [expr "0x[binary encode hex [Take $run $channel $width]]"]
    }
    if {$length < 7 || $length > 4096} {
        Fail starttls-protocol "an LDAP message of an absurd length: $length bytes"
    }
    set message [Take $run $channel $length]
    # Number of the message, [APPLICATION 24], ENUMERATED resultCode.
    if {![regexp {^\x02\x01\x01\x78(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x0a\x01(.)} $message - code]} {
        Fail starttls-protocol "not the answer to StartTLS"
    }
    if {$code ne "\0"} {
        Fail starttls-refused "the server refuses StartTLS with LDAP result [scan $code %c]"
    }
}

# PostgreSQL's frontend/backend protocol, SSLRequest: one byte is the answer.
proc ::tls::Probe::Postgres {run channel} {
    Send $channel [binary format II 8 80877103]
    set answer [Take $run $channel 1]
    if {$answer eq "N"} {
        Fail starttls-refused "the server has TLS switched off"
    }
    if {$answer ne "S"} {
        Fail starttls-protocol "not the answer of PostgreSQL"
    }
}

# Reads until the pattern is there; returns all up to its end.
proc ::tls::Probe::ReadUntil {run channel pattern} {
    upvar #0 $run p
    variable lineLimit
    while {![regexp -indices -- $pattern $p(buffer) found]} {
        if {[string length $p(buffer)] > 4 * $lineLimit} {
            Fail starttls-protocol "more than [expr {4 * $lineLimit}] bytes before TLS"
        }
        Fill $run $channel
    }
    set end [lindex $found 1]
    set result [string range $p(buffer) 0 $end]
    set p(buffer) [string range $p(buffer) $end+1 end]
    return $result
}

# RFC 6120 5.4
proc ::tls::Probe::Xmpp {run channel} {
    upvar #0 $run p
    set to $p(servername)
    if {$to eq ""} {
        set to $p(host)
    }
    set to [string map {& &amp; < &lt; > &gt; ' &apos; \" &quot;} $to]
    Send $channel "<?xml version='1.0'?><stream:stream to='[encoding convertto utf-8 $to]' xmlns='jabber:client'\
        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    set features [ReadUntil $run $channel {</stream:features\s*>|<stream:features\s*/>|</?stream:error\s*>|</stream:stream\s*>}]
    if {[string match *stream:error* $features] || [string match */stream:stream* $features]} {
        Fail starttls-refused "the server says: \"[Printable $features 400]\""
    }
    if {![regexp {<starttls[\s/>]} $features]} {
        Fail starttls-missing "the server does not offer STARTTLS"
    }
    Send $channel "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    set answer [ReadUntil $run $channel {<(proceed|failure)[^>]*/>|</(proceed|failure)\s*>}]
    if {![regexp {<proceed[\s/>]} $answer]} {
        Fail starttls-refused "the server says: \"[Printable $answer]\""
    }
}
