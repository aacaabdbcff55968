"""Hooks of MkDocs: files of the repository that the documents link to become part of the site.

A page may link to `../README.md` or `../examples/verify_recordings.py`, which lie outside the
folder that MkDocs reads. Such files are added under `repository/`, and the links are rewritten. A
link to a folder becomes plain text. A link to a missing file stays, and `--strict` reports it.

The diagram of the layers becomes HTML, because Mermaid would load a script from another server.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[1]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```)", flags=re.DOTALL | re.MULTILINE)
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
ROW = "display: flex; justify-content: center; align-items: center; gap: .3rem; flex-wrap: wrap;"
BOX = "border: 1px solid currentColor; border-radius: .2rem; padding: .1rem .6rem;"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is linked to, and what the added pages link to."""
    waiting = [repository_path(file.src_uri) for file in files.documentation_pages()]
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for link in LINK.finditer((REPOSITORY / page).read_text(encoding="utf-8")):
            target = resolve(page, link[3])
            if target is None or target in seen or not (REPOSITORY / target).is_file():
                continue
            seen.add(target)
            if target.parts[0] != "docs":
                path = REPOSITORY / target
                files.append(File.generated(config, site_path(target), abs_src_path=str(path)))
                if path.suffix == ".md":
                    waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links that lead out of the folder, or into it from outside."""
    here = repository_path(page.file.src_uri)

    def rewritten(link: re.Match[str]) -> str:
        target = resolve(here, link[3])
        if target is None:
            return link[0]
        if (REPOSITORY / target).is_dir():
            return link[2]
        path = os.path.relpath(site_path(target), PurePosixPath(page.file.src_uri).parent)
        return f"{link[1]}[{link[2]}]({path}{link[4] or ''})"

    parts = FENCE.split(DIAGRAM.sub(lambda found: layers_as_html(found[1]), markdown))
    return "".join(part if FENCE.match(part) else LINK.sub(rewritten, part) for part in parts)


def layers_as_html(diagram: str) -> str:
    """The layers of a Mermaid diagram as rows of boxes, from top to bottom.

    Args:
        diagram: one `subgraph` for each layer, titled by its rooms and the signs between them; one
            chain of arrows from the packages to the first layer; and arrows from rooms to `native`.

    Raises:
        ValueError: the diagram has another form.
    """
    titles = re.findall(r'subgraph \w+\["(.+)"\]', diagram)
    packages = re.search(r"^ *(\w+(?: --> \w+)*) --> layer1$", diagram, flags=re.MULTILINE)
    native = re.search(r'native\["(.+?)"\]', diagram)
    if not titles or packages is None or native is None:
        raise ValueError("expected layers, a chain of packages and `native` in the diagram")
    above_native = set(re.findall(r"(\w+) --> native", diagram))

    def box(name: str) -> str:
        if name in "|:":
            return f"<span>{name}</span>"
        label = f"{name} → {native[1]}" if name in above_native else name
        return f'<code style="{BOX}">{label}</code>'

    rows = [*packages[1].split(" --> "), *titles]
    drawn = [f'<div style="{ROW}">' + "".join(map(box, row.split())) + "</div>" for row in rows]
    return '<div style="text-align: center">' + "<div>↓</div>".join(drawn) + "</div>"


def resolve(page: PurePosixPath, link: str) -> PurePosixPath | None:
    """Where a link of a page leads, from the root of the repository; None for other sites."""
    if "://" in link or link.startswith(("/", "mailto:")):
        return None
    return PurePosixPath(os.path.normpath(page.parent / link))


def repository_path(src_uri: str) -> PurePosixPath:
    """Path in the repository of a file of the site."""
    path = PurePosixPath(src_uri)
    return path.relative_to("repository") if path.parts[0] == "repository" else "docs" / path


def site_path(path: PurePosixPath) -> str:
    """Path on the site of a file of the repository."""
    inside = path.parts[0] == "docs"
    return str(path.relative_to("docs") if inside else "repository" / path)
