proc ::build::BenchReadme {about rows} {return ""}
