"""What the site needs beside its pages (mkdocs.yml): links as they are good on a git host become good on the site."""  # noqa: INP001 (mkdocs loads it by its path)

import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

LEAVING = re.compile(r"\[(?P<said>[^\]]+)\]\((?:\.\./)(?P<path>[^)#\s]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Make a link to a file outside docs/ a text with its path; one that leads to none stays, and is found."""
    if page.url.startswith("zh/") and not page.file.src_uri.endswith(".zh.md"):
        # What is English in both languages would be found twice.
        page.meta["search"] = {"exclude": True}
    checkout = Path(config.docs_dir).parent

    def told(link: re.Match[str]) -> str:
        said, path = link["said"], link["path"]
        if not (checkout / path).exists():
            return link[0]
        return said if path in said else f"{said} (`{PurePosixPath(path)}`)"

    return LEAVING.sub(told, markdown)
