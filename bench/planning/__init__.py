"""The planner measured: a generator of inputs, a greedy yardstick, and the table of both (`make bench-planning`)."""
