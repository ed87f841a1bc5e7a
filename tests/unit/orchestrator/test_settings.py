"""One frozen tree from file, environment and flags; wrong keys are named with the nearest right one."""

import os
import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.config import load_settings
from orchestrator.errors import InvalidSettings
from orchestrator.settings import Settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):

    for name in [name for name in os.environ if name.startswith("FORERUN_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "forerun.yaml"
    path.write_text("http: {port: 1111, host: file}\ngate: {alpha: 0.25}\nllm: {extra: {top_p: 0.9}}\n")
    return path


def test_flags_win_over_the_environment_and_that_over_the_file(environment, file):
    environment.setenv("FORERUN_HTTP__PORT", "2222")
    environment.setenv("FORERUN_HTTP__MAX_WAIT_S", "7")

    settings = load_settings(file, {"http": {"port": 3333}})

    assert (settings.http.port, settings.http.max_wait_s, settings.http.host) == (3333, 7, "file")
    assert settings.gate.alpha == 0.25
    assert load_settings(file).http.port == 2222


def test_without_file_flags_and_variables_there_are_defaults():
    settings = load_settings()

    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8700)
    assert settings.cluster.address is None
    assert settings.journal_url.startswith("sqlite:////")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FORERUN_HTTP__PROT", "FORERUN_HTTP__PORT"),
        ("FORERUN_GATE__ALFA", "FORERUN_GATE__ALPHA"),
        ("FORERUN_PORT", "FORERUN_HTTP__PORT"),
        ("FORERUN_CATALOGUE", "FORERUN_CATALOG"),
        ("FORERUN_DATADIR", "FORERUN_DATA_DIR"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest(environment, name, meant):
    environment.setenv(name, "1")

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert caught.value.field == name
    assert meant in caught.value.fix


def test_variables_of_other_parts_are_left_alone(environment):
    environment.setenv("FORERUN_URL", "http://elsewhere")
    environment.setenv("FORERUN_DATA", "data")
    environment.setenv("FORERUN_LLM__EXTRA__SEED", "7")

    assert load_settings().llm.extra == {"seed": "7"}


@pytest.mark.parametrize(
    ("text", "field", "meant"),
    [
        ("http: {prot: 1}", "http.prot", "http.port"),
        ("htpp: {port: 1}", "htpp", "'http'"),
        ("gate: {alpha: 2}", "gate.alpha", "give at most 1"),
        ("http: {port: 80a}", "http.port", "write a whole number"),
        ("http: {skills: reply}", "http.skills", "write a list"),
        ("http: {ingress: direkt}", "http.ingress", "did you mean 'direct'?"),
        ("http: {public_url: forerun.example}", "http.public_url", "write https://forerun.example"),
        ("journal: sqlite:///x.db", "journal", "write an object with the fields url"),
        ("catalog: [a.yaml]", "catalog", "write a path"),
        ("port: 8701", "port", "did you mean 'http.port'?"),
        ("workflow: {steps: []}", "workflow", "there are callbacks, catalog, cluster"),
        ("gate: {workflow: 1}", "gate.workflow", "there are gate.alpha, gate.budget_usd"),
    ],
)
def test_a_wrong_key_in_the_file_is_named_with_the_nearest(tmp_path, text, field, meant):
    (tmp_path / "s.yaml").write_text(text)

    with pytest.raises(InvalidSettings) as caught:
        load_settings(tmp_path / "s.yaml")

    assert caught.value.field == field
    assert meant in caught.value.fix


def test_a_section_of_which_only_the_name_is_left_has_its_defaults(tmp_path):
    (tmp_path / "s.yaml").write_text("http:\n  # port: 8701\ngate: {alpha: 0.5}")

    settings = load_settings(tmp_path / "s.yaml")

    assert (settings.http.port, settings.gate.alpha) == (8700, 0.5)


@pytest.mark.parametrize("text", ["- a list", "a: [", "just words"])
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text):
    (tmp_path / "s.yaml").write_text(text)

    with pytest.raises(InvalidSettings):
        load_settings(tmp_path / "s.yaml")


def test_a_section_whose_name_is_not_a_string_is_refused(tmp_path):
    (tmp_path / "s.yaml").write_text("1: 2")
    with pytest.raises(InvalidSettings, match="section"):
        load_settings(tmp_path / "s.yaml")


def test_a_section_in_the_environment_that_is_not_json_is_refused(environment):
    environment.setenv("FORERUN_HTTP", "{bad")
    with pytest.raises(InvalidSettings, match="http"):
        load_settings()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidSettings, match="No such file"):
        load_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("url", "said"),
    [("nonsense", "not the URL of a database"), ("mysql://u:p4ss@h/d", "mysql"), ("postgresql+pg8000://h/d", "pg8000")],
)
def test_a_database_that_a_journal_cannot_be_in_is_refused(monkeypatch, url, said):
    monkeypatch.setenv("FORERUN_JOURNAL__URL", url)

    with pytest.raises(InvalidSettings, match=said) as caught:
        load_settings()

    assert caught.value.field == "journal.url"
    assert "postgresql+psycopg://" in caught.value.fix
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said", "fix"),
    [
        ("files:///shared", "fsspec knows no 'files:'", "did you mean 'file'?"),
        ("nfs://host/shared", "fsspec knows no 'nfs:'", "there are abfs, file, gs, hdfs, s3, sftp, webdav"),
        ("file:/shared/outputs", "'file:/shared/outputs' is no URL", "write file:///shared/outputs"),
        ("wandb://bucket", "wandb:// needs wandbfs, which is not installed", "pip install wandbfs"),
    ],
)
def test_a_folder_of_outputs_that_cannot_be_written_is_refused(url, said, fix):
    with pytest.raises(InvalidSettings, match=said) as caught:
        load_settings(flags={"outputs": {"url": url}})

    assert (caught.value.field, caught.value.fix) == ("outputs.url", fix)


@pytest.mark.parametrize("url", ["file:///shared/outputs", "memory://outputs", "/shared/outputs"])
def test_a_folder_of_outputs_may_be_any_that_fsspec_knows(url):
    assert load_settings(flags={"outputs": {"url": url}}).outputs.url == url


def test_the_tree_is_frozen_and_secrets_do_not_show():
    settings = load_settings(flags={"llm": {"api_key": "s3cret"}, "journal": {"url": "postgresql://u:p4ss@h/d"}})

    with pytest.raises(ValidationError):
        settings.http.port = 1
    assert "s3cret" not in repr(settings)
    assert "p4ss" not in repr(settings)
    assert settings.journal_url == "postgresql://u:p4ss@h/d"


def test_the_tree_crosses_processes():
    settings = load_settings(flags={"http": {"port": 5}})

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes
    assert Settings.model_json_schema()["properties"]["http"]
