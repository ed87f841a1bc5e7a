"""Large neighbourhood search for workflows too large to solve whole: destroy a part, repair it with CP-SAT.

Here: neighbourhoods, subproblems, local search and the search loop. Not here: the model of the whole problem.
"""
