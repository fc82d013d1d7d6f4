# The recipe lint: the project's own rules, then what compilers and analyzers say (see
# analyze.tcl). Each finding is one line: file:line: what is wrong.

namespace eval ::build {
    variable findings 0
    variable roomLimit 400
    variable functionLimit 60
    variable nestingLimit 4
    variable parameterLimit 5
    # Pattern, the rooms that may, and why the others may not.
    variable reserved {
        {\mTcl_(NR)?(Global)?(Var)?Eval\w*\s*\(} callback "evaluates Tcl: only room callback does"
        {\mSSL_(read|write|peek|accept|connect|do_handshake|shutdown)(_ex|_early_data)?\s*\(} pump
            "drives the SSL: only room pump does"
        {\m(ckalloc|ckrealloc|attemptckalloc|attemptckrealloc|Tcl_Alloc|Tcl_Realloc|Tcl_AttemptAlloc)\s*\(} {eventqueue stacklater}
            "memory of Tcl's allocator hides errors from every checker: use MemAlloc and the like (but an event of Tcl's queue must come from it, and who waits must be told)"
    }
}

proc ::build::Lint {args} {
    variable root
    variable findings
    set findings 0
    foreach room [lsort [glob -directory [file join $root c] *.critcl]] {
        LintRoom $room
    }
    LintRoomList
    LintTcl
    LintManual
    puts "rules: [Findings]"
    Use analyze
    LintGenerated
    return [expr {$findings > 0}]
}

proc ::build::Findings {} {
    variable findings
    return [expr {$findings ? "$findings findings" : "nothing found"}]
}

proc ::build::Find {file line text} {
    variable root
    variable findings
    incr findings
    if {[string match $root/* $file]} {
        set file [string range $file [string length $root/] end]
    }
    puts "$file:$line: $text"
}

# ---- rules for rooms

proc ::build::LintRoom {path} {
    variable roomLimit
    variable reserved
    set name [file rootname [file tail $path]]
    set text [ReadFile $path]
    set lines [split [string trimright $text \n] \n]
    if {[llength $lines] > $roomLimit} {
        Find $path [llength $lines] "the room has [llength $lines] lines, more than $roomLimit: split it along a notion"
    }
    if {![string match "# $name: *" [lindex $lines 0]]} {
        Find $path 1 "the first line is not \"# $name: what the room does\""
    }
    set start [lsearch -exact $lines "critcl::ccode \{"]
    if {$start < 0 || [lindex $lines end] ne "\}"} {
        Find $path 1 "a room is a comment, \"critcl::ccode \{\" alone on its line, C, \"\}\" alone on the last line"
        return
    }
    LintText $path $lines
    LintBraces $path [lrange $lines $start+1 end-1] [expr {$start + 2}]
    set number $start
    foreach line [lrange $lines $start+1 end-1] {
        incr number
        set code [CodeOf $line]
        if {[string index $line end] eq "\\"} {
            Find $path [expr {$number + 1}] "a backslash at the end of a line shifts the line numbers"
        }
        foreach {pattern rooms why} $reserved {
            if {[regexp -- $pattern $code] && $name ni $rooms} {
                Find $path [expr {$number + 1}] $why
            }
        }
    }
    LintFunctions $path [lrange $lines $start+1 end-1] [expr {$start + 2}]
    LintNames $path [lrange $lines $start+1 end-1] [expr {$start + 2}]
}

# A line without its strings and comments. Comments over several lines begin with " *"
# or end where they began.
proc ::build::CodeOf {line} {
    regsub -all {"(\\.|[^"\\])*"} $line {""} line
    regsub -all {/\*.*?\*/} $line {} line
    regsub {/\*.*$} $line {} line
    regsub {^\s*\*($|[ /].*)} $line {} line
    return $line
}

# What holds for every text: no tabs, no blanks at the end, nothing but ASCII.
proc ::build::LintText {path lines} {
    set number 0
    foreach line $lines {
        incr number
        if {[string first \t $line] >= 0 && ![string match *Makefile* $path]} {
            Find $path $number "a tab"
        }
        if {[regexp {\s$} $line]} {
            Find $path $number "blanks at the end of the line"
        }
        if {![string is ascii $line]} {
            Find $path $number "a character that is not ASCII"
        }
    }
}

# Tcl counts braces in strings and comments too.
proc ::build::LintBraces {path lines first} {
    set depth 0
    set number $first
    foreach line $lines {
        foreach brace [regexp -all -inline {[{}]} $line] {
            incr depth [expr {$brace eq "\{" ? 1 : -1}]
            if {$depth < 0} {
                Find $path $number "a closing brace too many (strings and comments count)"
                return
            }
        }
        # The next function begins at the left edge; what is open there was left open.
        if {$depth > 0 && [regexp {^static [^;]*\($} $line]} {
            Find $path $number "a brace is still open before this function (strings and comments count)"
            return
        }
        incr number
    }
    if {$depth} {
        Find $path [expr {$number - 1}] "$depth braces are never closed (strings and comments count)"
    }
}

# Functions: signature at the left edge, braces at the left edge.
proc ::build::LintFunctions {path lines first} {
    variable functionLimit
    set number $first
    set signature {}
    set begin 0
    set open 0
    foreach line $lines {
        if {$open} {
            if {$line eq "\}"} {
                set open 0
                set length [expr {$number - $begin + 1}]
                if {$length > $functionLimit} {
                    Find $path $begin "$name has $length lines, more than $functionLimit"
                }
                set signature {}
            } else {
                LintNesting $path $line $number $name
            }
        } elseif {$line eq "\{" && [llength $signature]} {
            set open 1
            set name [LintSignature $path $begin [join $signature " "]]
        } elseif {[regexp {^[A-Za-z_]} $line] && ![regexp {[;=,]\s*$|^(typedef|enum|struct|union)\M[^(]*$} $line]
                || ([regexp {^[A-Za-z_][^=;]*\([^;]*,$} $line])} {
            set signature [list $line]
            set begin $number
        } elseif {[llength $signature] && [regexp {^\s+\S} $line]} {
            lappend signature $line
        } else {
            set signature {}
        }
        incr number
    }
}

# Returns the function's name.
proc ::build::LintSignature {path line signature} {
    variable parameterLimit
    set name "function"
    if {![regexp {^(.*?)(\w+)\s*\((.*)\)\s*$} $signature -> before name parameters]} {
        return $name
    }
    if {![regexp {^static\M} $before]} {
        Find $path $line "$name is not static"
    }
    regsub -all {\([^()]*\)} $parameters {} parameters
    set count [llength [split $parameters ,]]
    # Hooks and command procedures have the parameters that the library calls them with.
    if {$count > $parameterLimit && ![IsImposed $name]} {
        Find $path $line "$name has $count parameters, more than $parameterLimit"
    }
    return $name
}

# Functions whose type somebody else has fixed: named somewhere without being called.
proc ::build::IsImposed {name} {
    variable root
    foreach room [glob -directory [file join $root c] *.critcl] {
        if {[regexp "\\m$name\\M\\s*\[^\\s(\]" [ReadFile $room]]} {
            return 1
        }
    }
    return 0
}

proc ::build::LintNesting {path line number name} {
    variable nestingLimit
    # Steps of four; the function's own level is the first.
    regexp {^ *} $line blanks
    if {[regexp {^ *(if|for|while|switch|do)\M.*\{$} $line]
            && [string length $blanks] / 4 > $nestingLimit && [string length $blanks] % 4 == 0} {
        Find $path $number "$name: nested deeper than $nestingLimit"
    }
}

# The prefixes of the library and of Tcl are theirs.
proc ::build::LintNames {path lines first} {
    set number $first
    set inEnum 0
    foreach line $lines {
        if {[regexp {^\s*(typedef )?enum\M.*\{} $line]} {
            set inEnum 1
        }
        set name ""
        if {![regexp {^\s*#\s*define\s+((TLS|SSL|Tcl|TCL)_\w+)} $line -> name]
                && !($inEnum && [regexp {[\{,]?\s*\m((TLS|SSL|Tcl|TCL)_\w+)\s*(,|=|\}|$)} $line -> name])} {
            regexp {^(?:static |extern )[^=;(]*\m((TLS|SSL)_\w+)\s*[\[(=;]} $line -> name
        }
        # Tcl 9's names, where Tcl 8 lacks them, are the exception.
        if {$name ni {"" TCL_SIZE_MAX TCL_SIZE_MODIFIER}} {
            Find $path $number "$name has a prefix that belongs to a library"
        }
        if {$inEnum && [string first "\}" $line] >= 0} {
            set inEnum 0
        }
        incr number
    }
}

# Each room is in the list of tls.critcl, and each of the list is there.
proc ::build::LintRoomList {} {
    variable root
    set path [file join $root tls.critcl]
    set text [ReadFile $path]
    if {![regexp -indices {set rooms \{([^\}]*)\}} $text -> range]} {
        Find $path 1 "no list of rooms"
        return
    }
    set listed [string range $text {*}$range]
    set line [llength [split [string range $text 0 [lindex $range 0]] \n]]
    set there [lmap file [glob -directory [file join $root c] *.critcl] {file rootname [file tail $file]}]
    foreach room $there {
        if {$room ni $listed} {
            Find $path $line "room $room is not in the list"
        }
    }
    foreach room $listed {
        if {$room ni $there} {
            Find $path $line "room $room has no file c/$room.critcl"
        }
    }
}

# ---- rules for Tcl files

proc ::build::LintTcl {} {
    variable root
    set files [list [file join $root build.tcl] [file join $root pkgIndex.tcl] [file join $root tls.critcl]]
    foreach pattern {tcl/*.tcl tcl/build/* tests/*.tcl tests/*.test tests/*/*.tcl tests/*/*.test doc/examples/*.tcl} {
        lappend files {*}[lsort [glob -nocomplain -directory $root -types f $pattern]]
    }
    foreach file $files {
        set text [ReadFile $file]
        LintText $file [split $text \n]
        if {[file extension $file] ne ".sh" && ![info complete $text]} {
            Find $file [llength [split $text \n]] "braces, brackets or quotes do not balance"
        }
    }
}

# ---- the option table and the manual

# Every option that the table in room optiontable has is described in the manual, and
# every option of the manual's list "Options" is in the table.
proc ::build::LintManual {} {
    variable root
    set manual [file join $root doc tls.man]
    set table [file join $root c optiontable.critcl]
    if {![file exists $manual] || ![file exists $table]} {
        return
    }
    set text [ReadFile $manual]
    set number 0
    foreach line [split [ReadFile $table] \n] {
        incr number
        if {![regexp {^\s*\{"(-[a-z][a-z0-9_.]*)"} $line -> option]} {
            continue
        }
        # Another spelling of an option may be mentioned where that is described.
        set is "opt_def"
        if {[string match *ALIAS* $line] && [regexp "\\\[option $option\\M" $text]} {
            set is "option"
        }
        if {[string first "\[$is $option " $text] < 0 && [string first "\[$is $option\]" $text] < 0} {
            Find $table $number "option $option is not in doc/tls.man as \[opt_def $option\]"
        }
    }
}
