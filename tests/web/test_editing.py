"""What an owner changes in the browser, by requests: saved as commands save it, or refused in one line."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from offhook.tenants.agent_versions import agent_names, get_agent
from offhook.tenants.documents import list_documents
from offhook.tenants.number_registry import list_numbers
from offhook.tenants.registry import change_tenant, get_tenant
from offhook.web.house import House
from tests.support.controlled import controlled
from tests.web.test_pages import filled, log_in, pages

EDIT = "/tenants/lighthouse/agents/main/edit"
TEXT = 'name = "Holm Light"\ngreeting = "Holm Light, hello."\nfacts = ["The tower has ninety steps."]\n'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with controlled(tmp_path):
        yield filled(tmp_path)


@pytest.fixture
async def owner(house: House) -> AsyncIterator[Owner]:
    async with pages(house) as client:
        yield Owner(client, await log_in(client))


class Owner:
    """Somebody who has logged in."""

    def __init__(self, client: httpx.AsyncClient, csrf: str) -> None:
        self.client = client
        self.csrf = csrf

    async def sends(self, page: str, **fields: str) -> httpx.Response:
        return await self.client.post(page, data={"csrf": self.csrf, **fields})

    async def editor(self, page: str) -> tuple[str, str]:
        """The text and what it was made from."""
        shown = (await self.client.get(page)).text
        text = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', shown, re.DOTALL)
        base = re.search(r'name="base" value="(\d*)"', shown)
        assert text is not None
        assert base is not None
        return html.unescape(text[1]), base[1]


def told(answer: httpx.Response) -> str:
    """The line at the top."""
    found = re.search(r'role="(?:alert|status)">(.*?)</p>', answer.text, re.DOTALL)
    return "" if found is None else html.unescape(found[1])


async def test_an_agent_is_changed_and_the_older_one_kept(
    owner: Owner, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "offhook.web")
    text, base = await owner.editor(EDIT)
    assert ('greeting = "A lighthouse."' in text, base) == (True, "2")
    answer = await owner.sends(EDIT, text=TEXT.replace("\n", "\r\n"), base=base, do="save")
    assert (answer.status_code, answer.headers["location"]) == (303, EDIT.removesuffix("/edit"))
    assert (await owner.editor(EDIT)) == (TEXT, "3")
    assert "A lighthouse." in (await owner.editor(f"{EDIT}?version=2"))[0]
    again = await owner.sends(EDIT, text=TEXT.replace("ninety", "ten"), base="2", do="save")
    assert (again.status_code, "version 3 was saved by somebody else" in told(again)) == (409, True)
    assert "ten steps" in again.text, "what was written is still there"
    assert (
        await owner.sends(EDIT, text=TEXT.replace("ninety", "ten"), base="3", do="save")
    ).status_code == 303
    lines = [record.message for record in caplog.records if record.name == "offhook.web"]
    assert lines == [f"user=keeper tenant=lighthouse agent=main version={number}" for number in (3, 4)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = \n" + TEXT, ["line 1", "not valid TOML"]),
        (TEXT + "gretting = 3\n", ["line 4", "did you mean &#39;greeting&#39;?"]),
        (TEXT.replace('["The', '[\n  "",\n  "The'), ["line 4", "is empty"]),
        (TEXT + 'voice = "nobody"\n', ["line 4", "voice"]),
        (TEXT + "[tools.transfer]\ntargets = { x = { nam = 1 } }\n", ["line 5"]),
        (TEXT.replace('greeting = "Holm Light, hello."\n', ""), ["missing: greeting"]),
    ],
)
async def test_what_cannot_answer_is_refused_at_its_line(
    owner: Owner, house: House, text: str, said: list[str]
) -> None:
    answer = await owner.sends(EDIT, text=text, base="2", do="save")
    assert answer.status_code == 422
    assert "Nothing was saved." in told(answer)
    assert [words for words in said if words not in answer.text] == []
    assert (await owner.editor(EDIT))[1] == "2"


async def test_the_boxs_own_agents_are_files(owner: Owner, house: House) -> None:
    page, folder = "/agents/ferry/edit", house.config.agent.search[0]
    before = (folder / "ferry.toml").read_text()
    answer = await owner.sends(page, text=TEXT, do="save")
    assert "Saved" in told(answer)
    assert (folder / "ferry.toml").read_text() == TEXT
    assert "Look at file 1" in (await owner.client.get("/agents/ferry")).text
    assert (await owner.editor(f"{page}?earlier=1"))[0] == before
    assert (await owner.client.get(f"{page}?earlier=7")).status_code == 404
    assert (await owner.client.get("/new-agent?name=..%2Fx")).status_code == 503
    new = await owner.client.get("/new-agent?name=quay")
    text, _ = await owner.editor(new.headers["location"])
    assert (await owner.sends("/agents/quay/edit", text=text, do="save")).status_code == 200
    assert (folder / "quay.toml").read_text() == text


async def test_a_business_is_set_up_from_nothing(owner: Owner, house: House) -> None:
    assert (await owner.sends("/tenants", slug="holm-kiosk", name="Holm Kiosk")).status_code == 303
    home = "/tenants/holm-kiosk"
    begun = await owner.client.get(f"{home}/new-agent?name=main")
    assert begun.headers["location"] == f"{home}/agents/main/edit"
    text, base = await owner.editor(begun.headers["location"])
    assert (await owner.sends(f"{home}/agents/main/edit", text=text, base=base, do="save")).status_code == 303
    assert "reaches main of holm-kiosk" in told(
        await owner.sends("/numbers/add", number="+49 30 5550001", owner="holm-kiosk/main")
    )
    assert "reaches main of lighthouse" in told(
        await owner.sends("/numbers/move", number="+49305550001", owner="lighthouse/main")
    )
    done = await owner.sends("/numbers/set", number="+49305550001", fallback="200", recording="on")
    assert "is changed" in told(done)
    settings = {"name": "Kiosk", "max_calls": "4", "retention_days": "7", "misses": "on"}
    assert told(await owner.sends(f"{home}/settings", **settings)) == "The settings are saved."

    def look(connection: sa.Connection) -> None:
        tenant = get_tenant(connection, "holm-kiosk")
        assert (tenant.name, tenant.max_calls, tenant.retention_days) == ("Kiosk", 4, 7)
        assert (tenant.misses, tenant.transcripts) == (True, False)
        assert agent_names(connection, tenant) == ["main"]
        (number, _) = list_numbers(connection, get_tenant(connection, "lighthouse"))[::-1]
        assert (number.fallback, number.recording) == ("200", True)

    await house.read(look)
    assert "nobody any more" in told(await owner.sends("/numbers/remove", number="+49305550001"))


@pytest.mark.parametrize(
    ("page", "fields", "said"),
    [
        ("/tenants", {"slug": "Not Good"}, "letters a-z"),
        ("/tenants", {"slug": "lighthouse"}, "is there already"),
        ("/numbers/add", {"number": "+493022223333", "owner": "lighthouse/main"}, "is there already"),
        ("/numbers/add", {"number": "nine", "owner": "lighthouse/main"}, "nine"),
        ("/numbers/add", {"number": "+4930111", "owner": ""}, "Choose whom"),
        ("/numbers/move", {"number": "+4930111", "owner": "lighthouse/main"}, "no such number"),
        ("/numbers/set", {"number": "+493022223333", "language": "klingon"}, "language"),
        ("/tenants/lighthouse/settings", {"name": "x", "retention_days": "many"}, "whole number"),
        ("/tenants/lighthouse/settings", {"name": " ", "retention_days": "3"}, "1 to 80 characters"),
        (
            "/tenants/lighthouse/settings",
            {"name": "x", "retention_days": "3", "max_calls": "0"},
            "max_calls 0",
        ),
        ("/tenants/lighthouse/documents", {"title": "Steps"}, "Choose a file"),
        ("/tenants/lighthouse/documents", {"text": "Ninety."}, "Give the text a title"),
        ("/tenants/lighthouse/documents/remove", {"source": "none"}, "there is none"),
        ("/tenants/lighthouse/answers", {"question": "x", "agent": "main"}, "Write what"),
        ("/tenants/lighthouse/answers", {"fact": "x" * 3000, "agent": "main"}, "cut it into several"),
        ("/tenants/lighthouse/answers", {"fact": "x", "agent": "nobody"}, "there is none of that name"),
    ],
)
async def test_a_form_that_is_refused_says_why(
    owner: Owner, page: str, fields: dict[str, str], said: str
) -> None:
    answer = await owner.sends(page, **fields)
    assert (answer.status_code, said in told(answer)) == (422, True), answer.text
    assert "\n" not in told(answer)


async def test_documents_come_as_files_and_texts_and_are_known_in_trials(owner: Owner, house: House) -> None:
    page = "/tenants/lighthouse/documents"
    fields = {"csrf": owner.csrf, "title": "", "text": ""}
    sent = {"file": ("C:\\papers\\Visits.md", b"# Visits\n\nThe tower is open on Sundays.\n")}
    answer = await owner.client.post(page, data=fields, files=sent)
    assert told(answer) == "Visits.md: 1 passages, added."
    answer = await owner.sends(page, title="How high: 7/8", text="The lamp hangs forty metres high.")
    assert told(answer) == "How high: 7/8: 1 passages, added."
    answer = await owner.client.post(page, data=fields, files={"file": ("x.exe", b"MZ")})
    assert (answer.status_code, ".exe is not known" in told(answer)) == (422, True)
    tried = await owner.sends(EDIT, text=TEXT, base="2", said="How high does the lamp hang?", do="try")
    assert "forty metres high" in tried.text, "documents are known in trials"
    assert (tried.status_code, told(tried), "<b>chosen</b>" in tried.text) == (200, "", True)
    assert (await owner.editor(EDIT))[1] == "2", "nothing was saved"
    assert "1 to 2,000" in told(await owner.sends(EDIT, text=TEXT, base="2", said=" ", do="try"))
    assert "is removed" in told(await owner.sends(f"{page}/remove", source="Visits.md"))

    def look(connection: sa.Connection) -> list[str]:
        return [one.source for one in list_documents(connection, get_tenant(connection, "lighthouse"))]

    assert await house.read(look) == ["How high: 7/8"]


async def test_what_nothing_answered_becomes_a_fact(owner: Owner, house: House) -> None:
    question, fact = "Is <script>alert(1)</script> lit?", "The lamp is lit from dusk to dawn."
    answer = await owner.sends("/tenants/lighthouse/answers", question=question, fact=fact, agent="main")
    assert told(answer) == "main knows it now: version 3 answers."
    body = json.loads(
        (
            await house.read(
                lambda connection: get_agent(connection, get_tenant(connection, "lighthouse"), "main")
            )
        ).body
    )
    assert body["facts"] == [{"text": fact, "keywords": [question]}]


async def test_a_form_with_a_file_is_known_to_be_ours_as_well(owner: Owner, house: House) -> None:
    page, sent = "/tenants/lighthouse/documents", {"file": ("a.txt", b"Ninety steps.")}
    for csrf in ("", owner.csrf[:-1]):
        answer = await owner.client.post(page, data={"csrf": csrf}, files=sent)
        assert (answer.status_code, "too old" in answer.text) == (403, True)
    broken = {"content-type": 'multipart/form-data; boundary="', "origin": "https://pages.example"}
    assert (await owner.client.post(page, content=b"--x", headers=broken)).status_code == 403
    await owner.client.post("/logout", data={"csrf": owner.csrf})
    answer = await owner.client.post(page, data={"csrf": owner.csrf}, files=sent)
    assert answer.status_code == 401
    with house.database.writing() as connection:
        change_tenant(connection, "lighthouse", active=True)
        assert list_documents(connection, get_tenant(connection, "lighthouse")) == []
