"""The files of the page: complete, cached by version, and allowed to load nothing else."""

import re

import pytest

from orchestrator.page.assets import page_files

FILES = page_files().by_name


async def test_documents_are_asked_for_again_and_files_of_a_version_are_kept(http):
    index = await http.get("/")
    script = re.search(r'src="(page/[^"]+main\.js)"', index.text)
    assert script is not None
    kept = await http.get(f"/{script[1]}")

    assert index.headers["cache-control"] == "no-cache"
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-type"].startswith("text/javascript")
    assert (await http.get("/", headers={"If-None-Match": f"W/{index.headers['etag']}"})).status_code == 304
    assert (await http.get("/page/former/js/main.js")).headers["cache-control"] == "no-cache"
    assert (await http.get("/page/former/js/nothing.js")).status_code == 404


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_every_import_is_there(name):
    folder = name.rpartition("/")[0].split("/")
    text = FILES[name].body.decode()
    for target in re.findall(r'(?:from|import\(|URL\()\s*"(\.[^"]+\.js)"', text):
        path = list(folder)
        for part in target.split("/"):
            if part == "..":
                path.pop()
            elif part != ".":
                path.append(part)
        assert "/".join(path) in FILES, f"{name} imports {target}"


@pytest.mark.parametrize("name", ["index.html", "docs.html"])
def test_documents_hold_no_script_of_their_own_and_refer_to_files_that_are_there(name):
    text = FILES[name].body.decode()

    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", text)
    for path in re.findall(rf'(?:href|src)="page/{page_files().version}/([^"]+)"', text):
        assert path in FILES


async def test_the_policy_allows_scripts_of_this_service_only(http):
    policy = (await http.get("/")).headers["content-security-policy"]

    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("name", FILES)
def test_files_stay_small_and_come_from_nowhere_else(name):
    text = FILES[name].body.decode()

    assert len(text.splitlines()) <= 350
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"(?<!/)https?://(?!www\.w3\.org)", text)
