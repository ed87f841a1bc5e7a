"""The Agent2Agent server (extra ``a2a``): the service as an agent of others, on the ingress's own address.

Tasks of A2A are tasks of Forerun. Nothing about them is kept here: state, answers and outputs come from the gateway.
"""
