# tls::misc: a key and a self-signed certificate in two files, as the 1.x line offered.

proc ::tls::misc {subcommand args} {
    if {$subcommand ne "req"} {
        return -code error -errorcode [list TLS CONFIG $subcommand "bad subcommand"] \
            "bad subcommand \"$subcommand\": must be req"
    }
    if {[llength $args] ni {3 4}} {
        return -code error -errorcode {TCL WRONGARGS} \
            "wrong # args: should be \"tls::misc req bits keyfile certfile ?info?\""
    }
    lassign $args bits keyfile certfile info
    if {[interp issafe]} {
        return -code error -errorcode {TLS CONFIG keyfile {not allowed in a safe interpreter}} \
            "not allowed in a safe interpreter"
    }
    set days 365
    set serial ""
    # As text, the last first (RFC 4514 2.1): the order is the one that the 1.x line gave, whatever that of the list.
    set subject [dict create emailAddress {} CN {} OU {} O {} L {} ST {} C {}]
    if {[catch {llength $info} count] || $count % 2} {
        return -code error -errorcode {TLS CONFIG info {names and values must come in pairs}} \
            "bad info \"$info\": names and values must come in pairs"
    }
    foreach {name value} $info {
        # Programs hand over what somebody left empty in a form.
        if {$value eq ""} {
            continue
        }
        switch -exact -- $name {
            days { set days $value }
            serial { set serial [HexSerial $value] }
            Email { dict set subject emailAddress $value }
            default { dict set subject $name $value }
        }
    }
    if {[catch {x509 key -type rsa -bits $bits} key]} {
        set message [string map {{"-bits"} {"bits"}} $key]
        return -code error -errorcode [list TLS CONFIG bits $message] $message
    }
    set parts {}
    dict for {name value} $subject {
        if {$value ne ""} {
            lappend parts "$name=[EscapeName $value]"
        }
    }
    set options [list -subject [join $parts ,] -key $key -days $days]
    if {$serial ne ""} {
        lappend options -serial $serial
    }
    if {[catch {x509 create {*}$options} certificate]} {
        set message "bad info \"$info\": [regsub {^bad value for "-[a-z]+": } $certificate {}]"
        return -code error -errorcode [list TLS CONFIG info $message] $message
    }
    WriteFile $keyfile 0600 $key
    WriteFile $certfile 0644 $certificate
    return
}

# A serial number as tls::x509 create takes it: hex, at most 20 bytes (RFC 5280 4.1.2.2).
proc ::tls::HexSerial {value} {
    if {![regexp {^\s*[0-9]{1,48}\s*$} $value]} {
        set message "bad serial \"$value\": must be a decimal number of at most 48 digits"
        return -code error -level 2 -errorcode [list TLS CONFIG serial $message] $message
    }
    scan $value %lld number
    return [format %llx $number]
}

# A value of a distinguished name with all that RFC 4514 2.4 gives a meaning escaped.
proc ::tls::EscapeName {value} {
    return [regsub -all {[\\,+=;"# ]} $value {\\&}]
}

# Writes a text with the permissions given from the start. The full name is never a command,
# as "|name" would be to open.
proc ::tls::WriteFile {path permissions text} {
    set path [file join [pwd] $path]
    set file [open $path {WRONLY CREAT TRUNC} $permissions]
    set code [catch {
        if {[file isfile $path] && $permissions == 0600} {
            file attributes $path -permissions $permissions
        }
        puts -nonewline $file $text
    } message details]
    close $file
    return -options $details $message
}
