"""The Mermaid that Prefect's own UI draws with, in a real Chromium: what people will see of our pictures."""

from __future__ import annotations

import functools
import http.server
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from tests.support.cli.background import Serving
from tests.support.cli.browser import browser_page

# The options are those of the UI's markdown view.
_LOAD = """async name => {
  window.mermaid = (await import('/' + name)).t.default;
  mermaid.initialize({startOnLoad: false, securityLevel: 'strict', theme: 'base',
                      flowchart: {useMaxWidth: true, padding: 16, curve: 'basis'}});
}"""
_DRAW = """async source => {
  const {svg} = await mermaid.render('drawing', source);
  document.body.innerHTML = svg;
  document.querySelectorAll('style').forEach(element => element.remove());
  const texts = selector => [...document.querySelectorAll(selector)].map(element => element.textContent.trim());
  return {
    boxes: texts('.node'),
    edges: document.querySelectorAll('.flowchart-link').length,
    bars: texts('text.taskText, text.taskTextOutsideRight, text.taskTextOutsideLeft'),
    sections: texts('text.sectionTitle'),
    title: texts('text.titleText')[0] ?? '',
    scripts: document.querySelectorAll('script, a, img, iframe').length,
  };
}"""


class _Assets(http.server.SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", ".html": "text/html"}  # noqa: RUF012 - the standard library's way

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        pass


class Mermaid:
    """Draws Mermaid sources; a source that Mermaid refuses raises playwright's Error with its message."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def draw(self, source: str) -> dict[str, object]:
        """What can be read in the picture: boxes, number of edges, bars, sections, title, active elements."""
        drawing: dict[str, object] = self._page.evaluate(_DRAW, source)
        return drawing


@contextmanager
def mermaid_page() -> Iterator[Mermaid]:
    """Mermaid in a page; fails the test where there is no Chromium."""
    spec = importlib.util.find_spec("prefect")
    assert spec is not None
    assert spec.origin is not None
    assets = Path(spec.origin).parent / "server" / "ui-v2" / "assets"
    (script,) = assets.glob("vendor-mermaid-*.js")
    with _served(assets) as url, browser_page() as page:
        # Any answer of this origin will do as the page: the script is loaded into it.
        page.goto(f"{url}/no-such-page")
        page.evaluate(_LOAD, script.name)
        yield Mermaid(page)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Assets, directory=str(folder))
    with Serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield server.url
