"""Large requests and plans travel pickled, small ones as they are."""

import pickle

import pytest

from orchestrator.service.parcels import Parcel, packed, unpacked


@pytest.mark.parametrize(("steps", "is_parcel"), [(5, False), (5_000, True)])
async def test_a_value_arrives_as_it_was_sent(steps, is_parcel):
    value = {"steps": list(range(steps))}

    sent = await packed(value, steps)
    arrived = await unpacked(pickle.loads(pickle.dumps(sent)))  # noqa: S301 -- written here

    assert isinstance(sent, Parcel) is is_parcel
    assert arrived == value
