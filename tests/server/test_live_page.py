"""The live page in a real browser."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, async_playwright, expect

from monitor_stream.events.codec import encode_json
from monitor_stream.events.results import Acknowledgement, Explanation, ModelResults
from monitor_stream.server import Server, create_server
from monitor_stream.settings import Settings
from tests.commands import find_command
from tests.metrics import judged
from tests.metrics.documents import HOSTILE, bike_demand, flight_late, newcomer
from tests.server.conftest import answering
from tests.server.writer import Writer, partition_counts

pytestmark = pytest.mark.integration

#: No sandbox, as tests run as root in containers; no call home, as the page must need nobody either.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 20_000  # milliseconds; the page asks once a second


class Watched:
    """What the page did that nobody saw."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_command("chromium"), args=list(FLAGS))
        yield await browser.new_page()
        await browser.close()


@pytest.fixture
def watched(page: Page) -> Watched:
    return Watched(page)


async def test_rows_appear_and_follow_the_results(
    page: Page, watched: Watched, server: Server, writer: Writer
) -> None:
    """Every version has its row, which follows the results within seconds, keeps the focus, and goes with its model."""
    await page.goto(server.url)
    await expect(page.locator("#empty")).to_be_visible()
    await writer.write(flight_late(updated=2e9), bike_demand())
    await writer.write_sources()
    rows = page.locator("#fleet tbody tr")
    await expect(rows).to_have_count(2)
    await expect(page.locator("#status")).to_have_text("Live")
    await expect(rows.nth(0)).to_contain_text("bike-demand")  # the one with an incident is first
    await expect(rows.nth(0)).to_contain_text("97.30")
    await expect(rows.nth(1)).to_contain_text("284,821")
    await expect(rows.nth(1)).to_contain_text("in band")
    await expect(page.locator("#summary")).to_have_text("2 model versions · 1 open incident · 7 dead letters")
    assert await page.title() == "(1) monitor-stream"

    await rows.nth(1).locator("a").focus()
    await writer.write(flight_late(predictions=284_921, updated=2e9))
    await expect(rows.nth(1)).to_contain_text("284,921")
    await expect(rows.nth(1).locator("a")).to_be_focused()
    await writer.write(remove=("bike-demand",))
    await expect(rows).to_have_count(1)
    assert watched.complaints == []
    assert {url for url in watched.requests if not url.startswith(server.url)} == set()


async def test_the_chosen_model_is_shown(
    page: Page, watched: Watched, server: Server, writer: Writer
) -> None:
    """By keyboard alone: choose a model, read its tables, choose a window, change metric and period; links go deep."""
    await writer.write(flight_late(), bike_demand())
    await page.goto(server.url)
    await expect(page.locator("#detail-title")).to_have_text("bike-demand 2026-10")
    await expect(page.locator("#incidents .incident").first).to_contain_text("rose from 31.2 to 96.4")
    await expect(page.locator("#quality-chart circle")).to_have_count(100)
    await expect(page.locator("#quality-chart .on-detection")).to_have_text("adwin: worse")
    await expect(page.locator("#quality-chart .on-limit")).to_have_text("limit 41.50")
    await expect(page.locator("#traffic-chart rect.labelled")).to_have_count(100)

    await page.get_by_role("link", name="flight-late").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#detail-title")).to_have_text("flight-late 3")
    assert page.url == f"{server.url}#/flight-late/3"
    await expect(page.locator("#fleet tr[aria-current]")).to_contain_text("flight-late")
    await expect(page.locator("#incidents .incident")).to_have_count(0)

    fifth = page.locator("#windows tbody tr").nth(4).locator("button")
    when = await fifth.inner_text()
    await fifth.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#segments-title")).to_have_text(f"Segments, {when}")
    await expect(page.locator("#windows tbody tr").nth(4).locator("button")).to_be_focused()
    await expect(page.locator("#windows tbody tr").nth(4)).to_contain_text("21 ms2 timed out")
    await expect(page.locator("#segments tbody tr")).to_have_count(4)
    await expect(page.locator("#features tbody th").first).to_have_text("distance")

    await page.select_option("#metric", "auc")
    await expect(page.locator("#quality-chart figcaption span").first).to_have_text("AUC")
    await page.locator("#period input:checked").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#traffic-chart rect.labelled")).to_have_count(90)

    await page.goto(f"{server.url}#/bike-demand/2026-10")
    await expect(page.locator("#detail-title")).to_have_text("bike-demand 2026-10")
    assert watched.complaints == []


async def test_evidence_and_what_was_said_are_shown(page: Page, server: Server, writer: Writer) -> None:
    """An incident unfolds into its findings, stays unfolded when results change, and says who has seen it."""
    await writer.write(bike_demand())
    await page.goto(server.url)
    incident = page.locator("#incidents > .incident")
    await expect(incident).to_have_count(1)
    await expect(incident.locator("> .badge")).to_have_text("critical")
    evidence = incident.locator("details", has_text="Evidence")
    await evidence.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(evidence.locator("tbody tr")).to_contain_text("adwin")
    said = Acknowledgement(by=HOSTILE, at=datetime.now(UTC), note=HOSTILE)
    until = datetime.now(UTC) + timedelta(hours=1)
    await writer.store.acknowledge({bike_demand().incidents[0].id: encode_json(said)})
    await expect(incident.locator(".said")).to_contain_text(f"acknowledged seen by {HOSTILE}")
    await expect(evidence.locator("tbody tr")).to_be_visible()
    silent = msgspec.structs.replace(said, silenced_until=until)
    await writer.store.acknowledge({bike_demand().incidents[0].id: encode_json(silent)})
    await expect(incident.locator(".said .badge")).to_have_text("silenced")
    await expect(incident.locator(".said")).to_contain_text("silent until")
    assert await page.locator("main img, main script").count() == 0


def with_version(model: ModelResults, **fields: object) -> ModelResults:
    """The document with other fields in its only version."""
    name, version = next(iter(model.versions.items()))
    return msgspec.structs.replace(model, versions={name: msgspec.structs.replace(version, **fields)})


async def test_an_estimate_is_shown_with_its_mark(
    page: Page, watched: Watched, server: Server, writer: Writer
) -> None:
    """Beside the truth wherever that is, and marked in each of these places while labels contradict it, and no longer."""
    model = flight_late()
    windows = [
        msgspec.structs.replace(window, estimates=judged.estimates(window.n, contradicted=place >= 90))
        for place, window in enumerate(model.versions["3"].windows)
    ]
    await writer.write(with_version(model, windows=windows))
    await page.goto(server.url)
    await expect(page.locator("#fleet tbody .badge").first).to_have_text("estimate contradicted")
    await expect(page.locator("#contradiction")).to_contain_text(
        "Labels contradict the estimates since 3 Mar 2013, 00:00 UTC. Errors are +0.052 (+0.031 to +0.074)"
    )
    await expect(page.locator("#tiles > div").nth(1)).to_contain_text("0.842contradicted by labels")
    await expect(page.locator("#quality-chart .estimated")).to_have_count(1)
    await expect(page.locator("#quality-chart .band")).to_have_count(1)
    await expect(page.locator("#quality-chart path.contradicted")).to_have_count(10)
    accuracy = page.locator("#rolling tbody tr", has_text="Accuracy")
    await expect(accuracy).to_contain_text("0.8420.818 to 0.866✗ contradicted")
    await expect(page.locator("#windows .mark")).to_have_count(10)
    await page.select_option("#metric", "f1")
    await expect(page.locator("#quality-chart .estimated")).to_have_count(0)

    agreed = judged.contradiction(active=False)
    await writer.write(with_version(model, contradiction=agreed))
    await expect(page.locator("#contradiction")).to_be_hidden()
    await expect(page.locator(".mark")).to_have_count(0)
    await expect(page.locator("#fleet tbody .badge").first).to_have_text("in band")
    await page.select_option("#metric", "accuracy")
    await expect(page.locator("#quality-chart path.contradicted")).to_have_count(0)
    await expect(accuracy).to_contain_text("0.8420.818 to 0.866")
    assert watched.complaints == []


async def test_verdicts_are_shown(page: Page, watched: Watched, server: Server, writer: Writer) -> None:
    """Segments by loss, groups with verdicts, the reliability curve, versions compared; a model without them has no such sections."""
    contest = judged.contest(flight_late())
    apart = msgspec.structs.replace(judged.comparison(), challenger="5", not_computable="other units")
    ended = msgspec.structs.replace(contest.comparisons[1], ended=contest.comparisons[1].until)
    compared = [contest.comparisons[0], ended, apart]
    await writer.write(msgspec.structs.replace(contest, comparisons=compared), bike_demand())
    await page.goto(f"{server.url}#/flight-late/3")
    await expect(page.locator("#losses tbody tr").first).to_have_text(
        "carrier = EV4,1000.3100.291 to 0.3290.20014.0 %"
    )
    gaps = page.locator("#fairness .attribute > table tbody tr")
    await expect(gaps.locator(".badge")).to_have_text(["unfair", "fair", "too early to say"])
    await expect(gaps.first).to_contain_text("0.2100.140 to 0.2800.500major and regional")
    await page.locator("#fairness summary").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#fairness details tbody tr")).to_have_count(3)
    await expect(page.locator("#calibration circle")).to_have_count(10)
    await expect(page.locator("#calibration .reading")).to_have_text("ECE 0.075 over 900")
    await expect(page.locator("#comparisons .badge")).to_have_text(["better", "too early to say"])
    await expect(page.locator("#comparisons tbody tr").nth(0)).to_contain_text("-0.021-0.033 to -0.009")
    await expect(page.locator("#comparisons tbody tr").nth(0)).to_contain_text("goes on")
    await expect(page.locator("#comparisons tbody tr").nth(1)).to_contain_text("ended")
    await expect(page.locator("#comparisons tbody tr").nth(2)).to_have_text("53everywhere–––other units")
    await expect(page.locator("#outliers tbody tr")).to_contain_text(
        ["carrier ***, distance 49,000", "carrier with origin"]
    )
    await expect(page.locator("#attribution p")).to_have_text(
        "other features rank correlation with the reference 0.500, NDCG 0.930, n 880"
    )
    await expect(page.locator("#attribution tbody tr").first).to_have_text("dep_delay55.0 %")
    slowest = page.locator("#rolling tbody tr", has_text="99 % answered in")
    await expect(slowest).to_have_text("99 % answered in21 ms21 ms21 ms–––")
    proxies = page.locator("#rolling tbody tr", has_text="Near the threshold")
    await expect(proxies).to_have_text("Near the threshold8.1 %8.1 %8.1 %–––")
    changed = msgspec.structs.replace(flight_late().versions["3"], fairness=[judged.fairness("sex")] * 2)
    await writer.write(msgspec.structs.replace(flight_late(), versions={"3": changed}))
    await expect(page.locator("#fairness h4")).to_contain_text(["sex", "sex"])
    await expect(page.locator("#comparisons-section")).to_be_hidden()

    await page.goto(f"{server.url}#/bike-demand/2026-10")
    await expect(page.locator("#detail-title")).to_have_text("bike-demand 2026-10")
    for section in ("losses", "fairness", "calibration", "comparisons", "outliers", "attribution"):
        await expect(page.locator(f"#{section}-section")).to_be_hidden()
    assert watched.complaints == []


async def test_an_incident_says_why(page: Page, watched: Watched, server: Server, writer: Writer) -> None:
    """Its likeliest reasons in a line, unfolded into suspects, segments, what else changed, and rows from both sides."""
    await writer.write(bike_demand())
    await page.goto(server.url)
    why = page.locator("#incidents > .incident details", has=page.locator(".why"))
    await expect(why.locator("summary")).to_have_text("Why: temperature, humidity, version, volume")
    await why.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(why).to_contain_text("First window affected: 3 Mar 2013, 00:00 UTC.")
    await expect(why.locator("section").nth(0)).to_contain_text(
        "temperature4.00070.0 %2.80010 to 20: 40.0 % → 10.0 %"
    )
    await expect(why.locator("section").nth(1).locator("tbody tr")).to_have_count(3)
    await expect(why.locator("li").first).to_contain_text("2026-10 took over from 2026-09")
    rows = why.locator("section").nth(3).locator("tr")
    await expect(rows).to_have_text(
        [
            "FeatureBefore 1After 1After 2",
            "humidity80.0031.0030.00",
            "station******–",
            "temperature14.5038.25missing",
        ]
    )
    assert watched.complaints == []


def hostile_verdicts() -> dict[str, object]:
    """Verdicts whose every name would run in a page that does not escape."""
    fairness = judged.fairness(HOSTILE)
    groups = [
        msgspec.structs.replace(group, value=HOSTILE, values={HOSTILE: 0.1}, intervals={})
        for group in fairness.groups
    ]
    gaps = [
        msgspec.structs.replace(gap, criterion=HOSTILE, highest=HOSTILE, lowest=HOSTILE)
        for gap in fairness.gaps
    ]
    example = judged.examples()[0]
    return {
        "segment_losses": [
            msgspec.structs.replace(judged.segment_losses()[0], segment=HOSTILE, value=HOSTILE)
        ],
        "fairness": [msgspec.structs.replace(fairness, groups=groups, gaps=gaps)],
        "attribution": msgspec.structs.replace(judged.attribution(), shares={HOSTILE: 1.0}),
        "examples": [
            msgspec.structs.replace(
                example, prediction_id=HOSTILE, reason=HOSTILE, features={HOSTILE: HOSTILE}
            )
        ],
    }


def hostile_why() -> Explanation:
    why = judged.why()
    return msgspec.structs.replace(
        why,
        suspects=[msgspec.structs.replace(why.suspects[0], feature=HOSTILE, top=[(HOSTILE, 0.1, 0.2)])],
        segments=[msgspec.structs.replace(why.segments[0], segment=HOSTILE, value=HOSTILE)],
        changes=[msgspec.structs.replace(why.changes[0], detail=HOSTILE)],
        before=[{HOSTILE: HOSTILE}],
    )


async def test_names_from_events_are_only_text(
    page: Page, watched: Watched, server: Server, writer: Writer
) -> None:
    """A model, version, segment, feature or summary that looks like markup is shown letter by letter and runs nothing."""
    model = newcomer(HOSTILE)
    version = model.versions[HOSTILE]
    only = version.windows[0]
    window = msgspec.structs.replace(
        only,
        features=[msgspec.structs.replace(feature, name=HOSTILE) for feature in only.features],
        segments=[msgspec.structs.replace(segment, value=HOSTILE) for segment in only.segments],
    )
    evil = msgspec.structs.replace(
        version, windows=[window], owner=HOSTILE, tier=HOSTILE, digest=HOSTILE, **hostile_verdicts()
    )
    incident = msgspec.structs.replace(
        bike_demand().incidents[0], model=HOSTILE, version=HOSTILE, summary=HOSTILE, why=hostile_why()
    )
    compared = msgspec.structs.replace(judged.comparison(group=HOSTILE), champion=HOSTILE, challenger=HOSTILE)
    await writer.write(
        msgspec.structs.replace(model, versions={HOSTILE: evil}, incidents=[incident], comparisons=[compared])
    )
    await page.goto(server.url)
    await expect(page.locator("#fleet tbody a")).to_have_text(HOSTILE)
    await expect(page.locator("#detail-title")).to_have_text(f"{HOSTILE} {HOSTILE}")
    await expect(page.locator("#incidents > .incident > p")).to_have_text(HOSTILE)
    for place in (
        "#losses",
        "#fairness h4",
        "#fairness details",
        "#comparisons",
        "#outliers",
        "#attribution",
        ".why",
    ):
        await expect(page.locator(place)).to_contain_text(HOSTILE)
    await expect(page.locator("#segments tbody th").first).to_have_text(f"{HOSTILE} = {HOSTILE}")
    await expect(page.locator("#features tbody th").first).to_have_text(HOSTILE)
    await page.locator("#windows button").click()
    assert await page.locator("main img, main script").count() == 0
    assert watched.complaints == []


async def test_a_lost_server_is_said_and_found_again(page: Page, writer: Writer) -> None:
    """When the server goes, the page says since when and fades; when it is back, the page goes on by itself."""
    await writer.write(flight_late())
    async with answering(create_server(Settings(port=0), writer.store, partition_counts)) as server:
        await page.goto(server.url)
        await expect(page.locator("#fleet tbody tr")).to_have_count(1)
    await expect(page.locator("#status")).to_contain_text("The server does not answer. Nothing new since ")
    await expect(page.locator("#status")).to_have_attribute("data-state", "lost")
    await expect(page.locator("#main")).to_have_class("lost")
    await expect(page.locator("#fleet tbody tr")).to_have_count(1)  # what was known stays
    again = create_server(Settings(port=server.port), writer.store, partition_counts)
    async with answering(again):
        await expect(page.locator("#main")).not_to_have_class("lost")


async def test_an_unreadable_store_is_said_in_its_words(page: Page, server: Server, writer: Writer) -> None:
    """When the store fails, the page shows the server's sentence, not a number."""
    await writer.write_raw({"model:old": b"{}"})
    await page.goto(server.url)
    await expect(page.locator("#status")).to_contain_text(
        "'model:old' was written by another version of monitor-stream"
    )


async def test_silence_is_told_from_life(page: Page, server: Server, writer: Writer) -> None:
    """Results that do not change any more are called so, with how long."""
    await writer.write(flight_late(updated=1.7e9))
    await page.goto(server.url)
    await expect(page.locator("#status")).to_contain_text("Connected; no result has changed for")


def test_the_page_is_complete_in_itself() -> None:
    """No file of the page names another origin, writes markup from strings, or evaluates text."""
    folder = Path(__file__).parents[2] / "monitor_stream" / "server" / "live"
    for file in folder.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        for forbidden in (
            "http://",
            "https://",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            "document.write",
        ):
            assert forbidden not in text, file.name
