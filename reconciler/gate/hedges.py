"""Whether a second attempt at the same work is worth its cost: the gate's rule, with the first attempt as rival.

All that is known of an attempt that has outlived the quantile of its duration is how long it has run. Durations of slow
attempts have a heavy tail: after e seconds it needs more than r further ones with probability e / (e + r) (a Pareto
distribution with index 1). A second attempt that takes d seconds is first with probability P = e / (e + d); the first
one would then have needed e + 2d seconds more (the median), so L = e + d seconds are saved.
"""

from reconciler.gate.appraisal import Appraisal

# As `GatePolicy.idle_price`: a second on a node is worth a tenth of a second of waiting.
_IDLE_PRICE = 0.1


def hedge_appraisal(  # noqa: PLR0913 what the decision depends on, named at the call
    *,
    elapsed_s: float,
    duration_s: float,
    rest_s: float,
    others_end_s: float,
    usd: float,
    value_usd_per_s: float,
    delay_usd: float = 0.0,
) -> Appraisal:
    """What a second attempt may save, and what it costs if the first one ends before it.

    Args:
        elapsed_s: how long the first attempt has run.
        duration_s: expected seconds of the second one.
        rest_s: seconds of the longest chain of steps behind the work.
        others_end_s: seconds until all other work under way, with what is behind it, has ended.
        usd: the price of the second attempt.
        value_usd_per_s: what a second of waiting is worth.
        delay_usd: what it costs by delaying confirmed work of others.
    """
    with_first_s, with_second_s = elapsed_s + 2 * duration_s + rest_s, duration_s + rest_s
    first = elapsed_s / (elapsed_s + duration_s) if elapsed_s > 0 else 0.5
    saved_s = max(0.0, with_first_s - max(with_second_s, others_end_s))
    return Appraisal(
        claimed=first,
        probability=first,
        saved_s=saved_s,
        own_s=saved_s,
        cost_usd=usd + _IDLE_PRICE * value_usd_per_s * duration_s + delay_usd,
        risked_s=duration_s,
        risked_usd=usd,
    )


def standby_appraisal(  # noqa: PLR0913 what the decision depends on, named at the call
    *,
    refused: float,
    given_up_s: float,
    first_s: float,
    duration_s: float,
    rest_s: float,
    others_end_s: float,
    usd: float,
    value_usd_per_s: float,
    delay_usd: float = 0.0,
) -> Appraisal:
    """What the next agent saves if it starts beside the first one, and what it costs if that one suffices.

    Args:
        refused: P, the probability that all outputs of the first agent are refused.
        given_up_s: seconds of all its tries.
        first_s: seconds of its first try. If that is accepted, the other one is flushed then.
        duration_s: expected seconds of the next agent.
        rest_s: seconds of the longest chain of steps behind the work.
        others_end_s: seconds until all other work under way, with what is behind it, has ended.
        usd: the price of the next agent.
        value_usd_per_s: what a second of waiting is worth.
        delay_usd: what it costs by delaying confirmed work of others until it is flushed.
    """
    one_by_one_s, beside_s = given_up_s + duration_s + rest_s, max(given_up_s, duration_s) + rest_s
    saved_s = max(0.0, one_by_one_s - max(beside_s, others_end_s))
    risked_s = min(first_s, duration_s)
    return Appraisal(
        claimed=refused,
        probability=refused,
        saved_s=saved_s,
        own_s=saved_s,
        cost_usd=usd + _IDLE_PRICE * value_usd_per_s * risked_s + delay_usd,
        risked_s=risked_s,
        risked_usd=usd,
    )


def pays(appraisal: Appraisal, value_usd_per_s: float, alpha: float) -> bool:
    """The gate's rule: P*L*v - (1-P)*C >= (1-alpha)*C, and it must save something."""
    chance, cost_usd = appraisal.probability, appraisal.cost_usd
    gain_usd = chance * appraisal.saved_s * value_usd_per_s - (1 - chance) * cost_usd
    return appraisal.saved_s > 0 and gain_usd >= (1 - alpha) * cost_usd
