"""The planner measured: a generator of inputs, a greedy yardstick, and the table of both (`make bench-planning`).

Generator and yardstick are frozen: figures of years compare only while their results stay the same bytes, so their long
functions are left as they were first measured, in the order of the steps that the head of `greedy.py` lists.
"""
