"""The page in a real browser: it fits a phone, its text can be read there, and it asks nobody for anything."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from urllib.parse import urlsplit

import pytest

from outgrow.record.page import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever asks for a name, the browser itself included, finds none
    "--virtual-time-budget=3000",
]
OWN_ENDS = "not an origin"
"""Who the log names for a request that no page made."""

LEAST_PX = 10.0

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to look at the page with")

LOOK = """
const frame = document.querySelector('iframe'), page = frame.contentDocument, view = frame.contentWindow;
const shown = [...page.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > 0);
const sizes = shown.flatMap(svg => {
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [...svg.querySelectorAll('text')].map(text => parseFloat(view.getComputedStyle(text).fontSize) * scale);
});
const outside = shown.flatMap(svg => [...svg.querySelectorAll('text')].filter(text =>
  text.getBoundingClientRect().right > view.innerWidth || text.getBoundingClientRect().left < 0).map(t => t.textContent));
const clashes = shown.flatMap(svg => {
  const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  return texts.flatMap(([one, a], i) => texts.slice(i + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4
  ).map(([other]) => one + ' / ' + other));
});
document.title = 'seen' + JSON.stringify({
  inner: view.innerWidth, scroll: page.documentElement.scrollWidth, plots: shown.length,
  least: Math.min(...sizes), outside, clashes, background: view.getComputedStyle(page.body).backgroundColor,
});
"""


def browse(folder, target, *more):
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *more, target.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def seen(folder, html, width, *more):
    """What a browser measures on the page in a frame of this width (a window has a least width, a frame has none)."""
    wrapper = folder / "wrapper.html"
    frame = f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{escape(html, quote=True)}"></iframe>'
    script = f"<script>document.querySelector('iframe').addEventListener('load', () => {{{LOOK}}});</script>"
    wrapper.write_text(f"<!doctype html><meta charset=utf-8>{frame}{script}", encoding="utf-8")
    found = re.search(r"<title>seen(\{.*?\})</title>", browse(folder, wrapper, "--dump-dom", *more))
    assert found, "the page did not load"
    return json.loads(unescape(found[1]))


@pytest.mark.parametrize(
    ("example", "language", "width"),
    [("receipts", "en", 360), ("receipts", "ko", 360), ("receipts", "en", 1280), ("imagetool", "ko", 360)],
)
def test_the_page_never_scrolls_sideways_and_its_plots_can_be_read(
    tmp_path, words, template, record, example, language, width
):
    look = seen(tmp_path, render_page(record(example), words[language], template), width)
    assert look["inner"] == width
    assert look["scroll"] <= width
    assert look["plots"] == 9
    assert look["least"] >= LEAST_PX
    assert look["outside"] == []
    assert look["clashes"] == [], "words on top of one another"


def test_a_reader_who_likes_it_dark_gets_it_dark(tmp_path, words, template, record):
    html = render_page(record(), words["en"], template)
    light, dark = (seen(tmp_path, html, 800, f"--blink-settings=preferredColorScheme={kind}") for kind in (1, 0))
    assert light["background"] == "rgb(252, 251, 248)"
    assert dark["background"] == "rgb(20, 23, 26)"


def asked_for(folder, html):
    """Every address the page, not the browser for its own ends, asked for."""
    page, log = folder / "page.html", folder / "net.json"
    page.write_text(html, encoding="utf-8")
    assert "<html" in browse(folder, page, "--dump-dom", f"--log-net-log={log}")
    events = [event.get("params", {}) for event in json.loads(log.read_text(encoding="utf-8"))["events"]]
    asked = {event["url"] for event in events if "url" in event and event.get("initiator", OWN_ENDS) != OWN_ENDS}
    return {url for url in asked if urlsplit(url).scheme not in {"data", "chrome", "devtools", "about"}}


def test_the_page_asks_for_nothing(tmp_path, words, template, record):
    assert asked_for(tmp_path, render_page(record(), words["ko"], template)) == set()


def test_a_page_that_did_ask_would_be_noticed(tmp_path):
    asking = '<!doctype html><img src="http://example.invalid/a.png">'
    assert asked_for(tmp_path, asking) == {"http://example.invalid/a.png"}
