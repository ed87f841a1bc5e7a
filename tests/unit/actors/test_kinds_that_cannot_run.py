"""A catalog promises nothing that no executor can run."""

import pytest

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog


def test_kind_llm_is_refused_with_the_fix():
    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [{"name": "asks", "capability": "ask", "kind": "llm", "target": "some-model"}]})

    assert caught.value.field == "agents.0.kind"
    assert caught.value.fix
