# What four compilers and analyzers say of the generated C, in the rooms' own lines.
# Callers: lint.

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
