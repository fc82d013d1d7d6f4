# The recipe soak: tests/soak.tcl on the checkout, for so many minutes.

# Returns the minutes, and then the checks.
proc ::build::SoakWords {words} {
    Take $words 0 ""
    set minutes 2
    if {[string is double -strict [lindex $words 0]]} {
        set words [lassign $words minutes]
    }
    if {$minutes <= 0 || [lsearch -regexp $words {^(?!(cycles|idle|mixed)$)}] >= 0} {
        Fail "[Usage] (checks are cycles, idle and mixed)"
    }
    return [list $minutes {*}$words]
}

proc ::build::Soak {args} {
    variable root
    set command [list [info nameofexecutable] [file join $root tests soak.tcl] {*}[SoakWords $args]]
    if {[catch {exec {*}$command >@stdout 2>@stderr </dev/null} message options]} {
        if {[lindex [dict get $options -errorcode] 0] ne "CHILDSTATUS"} {
            puts stderr $message
        }
        return 1
    }
    return 0
}
