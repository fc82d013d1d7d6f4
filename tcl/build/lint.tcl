# The recipe lint: the project's own rules, then what four compilers and analyzers say of
# the generated C. Each finding is one line: file:line: what is wrong.

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
        {\m(ckalloc|ckrealloc|attemptckalloc|attemptckrealloc|Tcl_Alloc|Tcl_Realloc|Tcl_AttemptAlloc)\s*\(} event
            "memory of Tcl's allocator hides errors from every checker: use MemAlloc and the like (but an event of Tcl's queue must come from it)"
    }
}

proc ::build::Lint {args} {
    variable root
    variable findings
    if {[llength $args]} {
        Fail "usage: lint"
    }
    set findings 0
    foreach room [lsort [glob -directory [file join $root c] *.critcl]] {
        LintRoom $room
    }
    LintRoomList
    LintTcl
    LintManual
    puts "rules: [Findings]"
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

# ---- analyzers

proc ::build::LintGenerated {} {
    variable root
    variable findings
    UseCompiler
    set work [file join $root build lint]
    file delete -force $work
    file mkdir $work
    # A failure here is the compiler's word on the rooms.
    ::tlsbuild::Compile $root $work debug [file join $work lint.so]
    set words [ReadFile [file join $work command]]
    set source [lindex $words end]
    set lines [RoomLines $source]
    set flags {}
    foreach word [lrange $words 1 end-1] {
        if {[regexp {^-(D|I|std=)} $word]} {
            lappend flags $word
        }
    }
    foreach {name title} {LintGcc "gcc -fanalyzer" LintClang "clang" LintTidy "clang-tidy" LintCppcheck "cppcheck"} {
        set before $findings
        $name $source $lines $flags $words
        puts "$title: [expr {$findings == $before ? "nothing found" : "[expr {$findings - $before}] findings"}]"
    }
}

# Runs a program; returns everything it says. Its exit status says nothing more.
proc ::build::Say {args} {
    set ::env(LC_ALL) C
    catch {exec {*}$args </dev/null 2>@1} output
    return $output
}

# For each line of the generated C: its room and line.
proc ::build::RoomLines {source} {
    set result {}
    set file [file tail $source]
    set number 0
    foreach line [split [ReadFile $source] \n] {
        if {[regexp {^#line ([0-9]+) "(.*)"} $line -> number file]} {
            lappend result {}
            continue
        }
        lappend result [expr {[string match *.critcl $file] ? "c/$file:$number" : ""}]
        incr number
    }
    return $result
}

# The findings in the words of gcc and clang: first line and trace of each. Only those
# in rooms count: the rest of the text is critcl's.
proc ::build::Diagnostics {output source lines} {
    set result {}
    set place ""
    set trace {}
    foreach line [split $output \n] {
        if {[regexp {^(\S.*?):([0-9]+):(?:[0-9]+:)? (?:fatal )?(warning|error|style|performance|portability): (.*)$} \
                $line -> file number - text]} {
            if {$place ne ""} {
                lappend result $place $message [join $trace \n]
            }
            set message $text
            set trace {}
            set place ""
            if {[file normalize $file] eq [file normalize $source]} {
                set place [lindex $lines $number-1]
            } elseif {[file extension $file] eq ".critcl"} {
                set place c/[file tail $file]:$number
            }
        } else {
            lappend trace $line
        }
    }
    if {$place ne ""} {
        lappend result $place $message [join $trace \n]
    }
    return $result
}

proc ::build::Report {output source lines} {
    foreach {place message trace} [Diagnostics $output $source $lines] {
        if {[IsCounted $message $trace]} {
            continue
        }
        Find {*}[split $place :] $message
        puts [join [lrange [split $trace \n] 0 30] \n]
    }
}

# Analyzers do not count: that memory is free after <Room>Drop, which frees only with the
# last reference, is what they assume and not what happens.
proc ::build::IsCounted {message trace} {
    return [expr {[regexp -nocase {after.*free|double.free|memory.*freed} $message]
        && [regexp -nocase {calling '?[A-Z]\w*Drop'} [string map {\u2018 ' \u2019 '} $trace]]}]
}

proc ::build::LintGcc {source lines flags words} {
    set words [lsearch -all -inline -not -exact $words -Werror]
    Report [Say {*}[lrange $words 0 end-3] -fanalyzer -fdiagnostics-plain-output \
        -fdiagnostics-path-format=separate-events -o /dev/null $source] $source $lines
}

proc ::build::LintClang {source lines flags words} {
    Report [Say clang -fsyntax-only -fno-caret-diagnostics {*}$flags -Wall -Wextra -Wconversion -Wshadow \
        -Wformat=2 -Wvla -Wundef -Wstrict-prototypes -Wpointer-arith -Wcast-align -Wcomma -Wassign-enum \
        -Wunreachable-code -Wloop-analysis -Wconditional-uninitialized -Wimplicit-fallthrough \
        -Wno-unused-parameter -Wno-missing-prototypes $source] $source $lines
}

proc ::build::LintTidy {source lines flags words} {
    # Left out: matters of taste; checks that reject every use of memcpy and snprintf;
    # one that takes the index into a table for anything that fits an int.
    set checks [join {
        -* clang-analyzer-* bugprone-* cert-* performance-* portability-*
        -bugprone-easily-swappable-parameters -bugprone-branch-clone
        -bugprone-implicit-widening-of-multiplication-result -bugprone-reserved-identifier -bugprone-assignment-in-if-condition
        -cert-dcl37-c -cert-dcl51-cpp -cert-err33-c
        -clang-analyzer-core.uninitialized.Assign -clang-analyzer-optin.performance.Padding
        -clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
    } ,]
    Report [Say clang-tidy --quiet -checks=$checks $source -- {*}$flags] $source $lines
}

proc ::build::LintCppcheck {source lines flags words} {
    # It does not find the systems's headers; what the rooms ask of them is told here.
    set given {}
    foreach flag $flags {
        if {[string match -D* $flag] || [string match *critcl* $flag] || [string match *tcl* $flag]} {
            lappend given $flag
        }
    }
    Report [Say cppcheck --quiet --enable=warning,performance,portability --std=c11 --inline-suppr \
        --suppress=missingIncludeSystem --suppress=missingInclude \
        "--template={file}:{line}:{column}: {severity}: {message} \[{id}\]" \
        -DOPENSSL_VERSION_NUMBER=0x30000000L -DOPENSSL_NO_SSL_TRACE -D__linux__=1 -D__GNUC__=12 {*}$given $source] \
        $source $lines
}
