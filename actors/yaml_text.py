"""YAML as people write it by hand: a key that is written twice is an error, and ``on`` may be one."""

from typing import Any

import yaml

_MERGE, _BOOLEAN, _TEXT = (f"tag:yaml.org,2002:{name}" for name in ("merge", "bool", "str"))
# In YAML 1.1 they are true and false. As keys, such as that of `retry: {on: [timeout]}`, they are names.
_WORDS = frozenset({"on", "off", "yes", "no"})


class _Loader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys, so that steps or agents above it would be lost without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if key.tag == _BOOLEAN and key.value.lower() in _WORDS:
                key.tag = _TEXT
            if (key.tag, key.value) in seen:
                problem = f"the key '{key.value}' is written twice in one mapping"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return node


def parsed_yaml(text: str) -> Any:
    """The document in a text, as `yaml.safe_load` reads it, but for keys such as ``on``.

    Raises:
        yaml.YAMLError: it is not valid, or a mapping has a key twice.
        RecursionError: it is nested too deeply.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
