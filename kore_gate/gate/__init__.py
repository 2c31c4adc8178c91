"""The gate itself: suites as tasks, waiting, and judging. It writes no files and prints nothing."""
