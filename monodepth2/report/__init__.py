"""Did a run learn? A page about it, from figures that need no ground truth."""

PAGE, FIGURES = "report.html", "report.json"  # of a run, in its folder; the second is for programs
