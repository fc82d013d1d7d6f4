# The recipe docs: the doctools sources of doc/ as man page, HTML and Markdown, by
# tcllib's doctools. All of it goes to build/docs; the man page and the Markdown are also
# kept in doc/, for those who have no tcllib. tests/manual.test checks that they are current.

namespace eval ::build {
    # What is kept in doc/: file, its source, its format.
    variable kept {
        tls.n      tls     nroff
        tls.md     tls     markdown
        hacking.md hacking markdown
    }
    variable endings {nroff .n html .html markdown .md}
    # Stands in the empty lines of examples, which doctools leaves out of HTML.
    variable blank \u2060
}

# One source in one format: the text, without a date or a name of this machine in it.
proc ::build::Format {source format} {
    variable root
    variable blank
    package require doctools
    set path [file join $root doc $source.man]
    ::doctools::new formatter -format $format -file $source.man -module $source
    try {
        set text [formatter format [MarkBlanks [Measured [ReadFile $path]]]]
        set warnings [formatter warnings]
    } finally {
        formatter destroy
    }
    if {[llength $warnings]} {
        Fail "doc/$source.man: [join $warnings \n]"
    }
    set text [string map [list $blank ""] $text]
    # The package is described, not dated: no trailing blanks, one newline at the end.
    regsub -all -line {[ \t]+$} $text {} text
    return [string trim $text \n]\n
}

proc ::build::MarkBlanks {text} {
    variable blank
    # Not one pattern: with a bar in it the regular expression would be greedy.
    foreach pattern {{\[example \{.*?\n\}\]} {\[example_begin\].*?\[example_end\]}} {
        set result ""
        while {[regexp -indices $pattern $text range]} {
            lassign $range first last
            append result [string range $text 0 $first-1] [regsub -all {\n(?=\n)} [string range $text $first $last] \n$blank]
            set text [string range $text $last+1 end]
        }
        set text $result$text
    }
    return $text
}

# Puts the measured differences to relatives in the place of [comment {measured VERSION}]:
# those of tests/lib/differences.tcl, where tests keep and check them.
proc ::build::Measured {text} {
    variable root
    set path [file join $root tests lib differences.tcl]
    if {![file exists $path]} {
        return $text
    }
    uplevel #0 [list source -encoding utf-8 $path]
    set map [list "\[comment {measured 1.7.22}\]" [MeasuredList 1.7.22 $::differences::rows]]
    foreach version [dict keys $::differences::more] {
        lappend map "\[comment {measured $version}\]" [MeasuredList $version [differences::Own $version]]
    }
    return [string map $map $text]
}

# Rows of that table as a list.
proc ::build::MeasuredList {version rows} {
    set items {}
    foreach row $rows {
        lassign $row program keys kind theirs ours reason
        set reason [regsub -all {\s+} [string trim $reason] { }]
        if {[string match "See *above*" $reason]} {
            continue
        }
        set said ""
        if {$kind eq "values"} {
            set said " [Said $version $theirs] [Said "Here" $ours]"
        }
        set program [expr {$program eq "*" ? "everywhere" : [string trimright $program "-*"]}]
        dict lappend items "\[emph {$program}\]: [string map {[ [lb] ] [rb]} $reason]" [string trim $said]
    }
    set text "\[list_begin itemized\]\n"
    dict for {reason said} $items {
        append text "\[item\] [string trim "$reason [lindex $said 0]"]\n"
    }
    return "$text\[list_end\]"
}

# What was observed, in the words of a pattern of differences.tcl; "" if it says nothing.
proc ::build::Said {who pattern} {
    # What catch gave: {1 {message}}, or {0 result}.
    regexp {^[01] (.*)$} $pattern - pattern
    if {[regexp {^\{(.*)\}$} $pattern - inner] && [info complete $inner]} {
        set pattern $inner
    }
    if {![info complete $pattern]} {
        set pattern [string map {\{ {} \} {}} $pattern]
    }
    if {$pattern in {* {} (nothing) CHANNEL listens ok} || [string match "CHILDSTATUS*" $pattern] || [string length $pattern] < 3} {
        return ""
    }
    # Three dots at the end are enough.
    return "$who: \[const {[string map {* ... ? . [ [lb] ] [rb]} $pattern]}\][expr {[string match {*[*]} $pattern] ? "" : "."}]"
}

# Our own style for the page in place of the one that doctools puts there.
proc ::build::Style {html} {
    set head {<meta name="viewport" content="width=device-width, initial-scale=1">
<style type="text/css">
body { max-width: 54em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; color: #222; background: #fff }
h1 { font-size: 1.6em } h2 { font-size: 1.35em; border-bottom: 1px solid #ccc; margin-top: 2em } h3 { margin-top: 1.6em }
a[href] { color: #0b5394 }
pre, .cmd, .const, .option, .arg, .method, .var, .fun, .file { font-family: monospace; font-size: 0.95em }
pre { background: #f5f5f1; border: 1px solid #ddd; padding: 0.7em 1em; overflow-x: auto }
dt { margin-top: 1em; font-weight: 600 } dd { margin-left: 1.8em } dd > p:first-child { margin-top: 0.2em }
.option { white-space: nowrap }
.const, .option, .method { color: #134 } b { font-weight: 600 }
.doctools_toc, .doctools_toc ul, .doctools_syntax, .doctools_requirements { list-style: none; padding-left: 1.2em }
.doctools_synopsis { background: #f5f5f1; border: 1px solid #ddd; padding: 0.2em 0 }
</style>
</head>}
    regsub {<style type="text/css">.*?</style>\s*</head>} $html [string map {& \\& \\ \\\\} $head] html
    return $html
}

# Everything below directory dir; and with isKept, what is kept in doc/.
proc ::build::MakeDocs {dir isKept} {
    variable root
    variable kept
    variable endings
    file mkdir $dir
    foreach path [lsort [glob -directory [file join $root doc] *.man]] {
        set source [file rootname [file tail $path]]
        dict for {format ending} $endings {
            set text [Format $source $format]
            if {$format eq "html"} {
                set text [Style $text]
            }
            WriteFile [file join $dir $source$ending] $text
        }
    }
    if {!$isKept} {
        return
    }
    foreach {file source format} $kept {
        file copy -force [file join $dir $source[dict get $endings $format]] [file join $root doc $file]
    }
    set readme [file join $root README.md]
    set text [ReadFile $readme]
    set linked [Relink $text [ReadFile [file join $root doc tls.md]]]
    if {$linked ne $text} {
        WriteFile $readme $linked
    }
}

# Links to chapters of the manual, [Title](doc/tls.md#section4): doctools numbers these.
proc ::build::Relink {text manual} {
    foreach {- anchor title} [regexp -all -inline -line {^#+ <a name='(\w+)'></a>(.*)$} $manual] {
        set title [string map {\\ {}} $title]
        foreach {- before} [regexp -all -inline {\[([^]]*)\]\(doc/tls\.md#} $text] {
            if {$before eq $title} {
                set from [string first "\[$title\](doc/tls.md#" $text]
                set until [string first ")" $text [expr {$from + [string length $title] + 3}]]
                set text [string replace $text $from $until "\[$title\](doc/tls.md#$anchor)"]
            }
        }
    }
    return $text
}

# The files in doc/ that are not what their source makes now.
proc ::build::StaleDocs {} {
    variable root
    variable kept
    set stale {}
    foreach {file source format} $kept {
        set path [file join $root doc $file]
        if {![file exists $path] || [ReadFile $path] ne [Format $source $format]} {
            lappend stale doc/$file
        }
    }
    return $stale
}

proc ::build::Docs {args} {
    variable root
    if {$args ni {{} -check}} {
        Fail [Usage]
    }
    if {$args eq "-check"} {
        set stale [StaleDocs]
        puts [expr {[llength $stale] ? "not current, run build.tcl docs: [join $stale {, }]" : "current"}]
        return [expr {[llength $stale] > 0}]
    }
    set dir [file join $root build docs]
    MakeDocs $dir 1
    puts "in $dir:"
    foreach path [lsort [glob -directory $dir *]] {
        puts "  [file tail $path]"
    }
    return 0
}
