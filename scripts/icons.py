"""Draws the app's icons anew from their SVG, for systems that take only PNG: `python -m scripts.icons`."""

from pathlib import Path

from tests.chromium import launched

STATIC = Path(__file__).resolve().parent.parent / "static"
DRAWN = {
    "icons/app-192.png": ("favicon.svg", 192),
    "icons/app-512.png": ("favicon.svg", 512),
    "icons/touch-180.png": ("icons/maskable.svg", 180),
}


def main() -> None:
    with launched() as browser:
        for name, (drawing, size) in DRAWN.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            svg = (STATIC / drawing).read_text()
            page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{size}px}}</style>{svg}")
            page.screenshot(path=STATIC / name, omit_background=True)
            page.close()


if __name__ == "__main__":
    main()
