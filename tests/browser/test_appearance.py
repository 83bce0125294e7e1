"""The card fits its surroundings: themes, narrow places, and what a person's system asks for."""

from __future__ import annotations

import re

import pytest

from cg2magic.frontends.panel.heat import LOOKS
from tests.browser.asking import FILL, MEAN, ask, button, wrote

pytestmark = pytest.mark.browser

# WCAG's contrast of every text of the card against what is behind it; what is disabled doesn't count.
MEASURE = """
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const over = (colors) => {
    pen.clearRect(0, 0, 1, 1);
    for (const color of colors) { pen.fillStyle = color; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (node) => {
    const behind = [];
    for (let at = node; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    return behind;
  };
  const contrast = (...colors) => {
    const [a, b] = colors.map((each) => luminance(over(each)));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
"""
CONTRASTS = f"""(root) => {{{MEASURE}
  const found = {{}};
  for (const node of root.querySelectorAll("button:enabled, .cg2-head span, pre, mark")) {{
    if (!node.offsetParent || !node.innerText.trim()) continue;
    const ground = grounds(node);
    found[`${{node.className || node.localName}} ${{node.innerText.slice(0, 20)}}`] =
      contrast(ground, [...ground, getComputedStyle(node).color]);
  }}
  return found;
}}"""
# How far apart the tints are: of what the model wrote and the ground, and of each two levels of the heat map.
TINTS = f"""(root, looks) => {{{MEASURE}
  const code = root.querySelector("pre");
  const tokens = looks.map((look) => {{
    const token = Object.assign(document.createElement("span"), {{ style: look }});
    return code.appendChild(token);
  }});
  const steps = tokens.slice(1).map((token, i) => contrast(grounds(tokens[i]), grounds(token)));
  const ink = getComputedStyle(code).color;
  const readable = tokens.map((token) => contrast(grounds(token), [...grounds(token), ink]));
  tokens.forEach((token) => {{ token.remove(); }});
  return {{ mark: contrast(grounds(code), grounds(code.querySelector("mark"))), steps, readable }};
}}"""


@pytest.fixture
def theme(notebook):
    """Change the theme, and back afterwards."""
    command = "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })"

    def change(name):
        notebook.page.evaluate(command, name)
        notebook.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=name)

    yield change
    change("JupyterLab Light")


@pytest.mark.parametrize("name", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_every_text_can_be_read_in_every_theme(done, theme, name):
    theme(name)
    _, panel = done(*MEAN, fills=((FILL,), ("total = 1",)), notes=["2 cells"])
    dark = "Dark" in name
    background = panel.locator("pre").first.evaluate("(pre) => getComputedStyle(pre).backgroundColor")
    shade = sum(int(part) for part in background.strip("rgba()").split(",")[:3]) / 3
    assert (shade < 128) == dark
    contrasts = panel.evaluate(CONTRASTS)
    assert len(contrasts) >= 8
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
    tints = panel.evaluate(TINTS, list(LOOKS))
    assert tints["mark"] >= 1.15
    assert min(tints["steps"]) >= 1.1
    assert min(tints["readable"]) >= 4.5


def test_in_a_narrow_place_buttons_wrap_and_nothing_is_cut_off(notebook, done):
    _, panel = done(*MEAN, fills=((FILL,), ("x",), ("y",)), notes=["prompt cut to its last 1,900 tokens"])
    notebook.page.set_viewport_size({"width": 420, "height": 900})
    try:
        assert panel.evaluate("(root) => root.scrollWidth <= root.clientWidth")
        right = panel.bounding_box()["x"] + panel.bounding_box()["width"]
        boxes = [
            button(panel, name).bounding_box() for name in ("Insert below", "Copy", "Regenerate", "Dismiss")
        ]
        assert all(box["x"] + box["width"] <= right for box in boxes)
        assert boxes[-1]["y"] > boxes[0]["y"]
        assert panel.get_by_text("1,900 tokens").is_visible()
    finally:
        notebook.page.set_viewport_size({"width": 1100, "height": 900})


def test_what_the_model_wrote_is_set_off_by_more_than_colour(done):
    _, panel = done("total = ", "  # all", fills=(("sum(values)",),))
    code = panel.locator("pre")
    bar = "(line) => getComputedStyle(line, '::before').borderLeftWidth"
    assert code.locator(".cg2-by-model").evaluate(bar) == "3px"
    under = "(mark) => getComputedStyle(mark).borderBottomWidth"
    assert code.get_by_role("mark").evaluate(under) == "1px"
    assert code.get_by_role("mark").inner_text() == "sum(values)"


def test_a_system_that_asks_for_less_motion_gets_none(notebook):
    notebook.page.emulate_media(reduced_motion="reduce")
    try:
        cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "go.gate"}))
        panel = notebook.panel(cell)
        wrote(panel, 6)
        assert (
            panel.locator(".cg2-caret").evaluate("(caret) => getComputedStyle(caret).animationName") == "none"
        )
        notebook.let("go.gate")
        panel.get_by_role("status").get_by_text("Suggestion ready").wait_for()
        assert panel.locator("pre").evaluate("(pre) => pre.parentNode.getAnimations().length") == 0
    finally:
        notebook.page.emulate_media(reduced_motion="no-preference")


def test_with_the_systems_own_colours_the_bar_remains(notebook, done):
    notebook.page.emulate_media(forced_colors="active")
    try:
        _, panel = done()
        bar = "(line) => getComputedStyle(line, '::before').borderLeftWidth"
        assert panel.locator(".cg2-by-model").first.evaluate(bar) == "3px"
    finally:
        notebook.page.emulate_media(forced_colors="none")


def test_loading_tells_how_much_is_there_and_how_long_it_takes(notebook):
    cell = notebook.add_and_run(
        "import slow_job\n"
        "from cg2magic.progress import Progress\n"
        "def load(job):\n"
        "    job.update(state='loading', model='big', progress=Progress(10**9, 4 * 10**9, 'B', 'big'))\n"
        "    slow_job.time.sleep(1.1)\n"
        "    job.update(progress=Progress(2 * 10**9, 4 * 10**9, 'B', 'big'))\n"
        "slow_job.panel('x = ', fills=[['']], writer=load)"
    )
    panel = notebook.panel(cell)
    panel.get_by_text(re.compile(r"^loading big · 2.0 of 4.0 GB · \d+ (s|min) left$")).wait_for()
    assert panel.get_by_role("progressbar", name="Loading").get_attribute("aria-valuenow") == "50"
    assert button(panel, "Stop").is_enabled()


def test_a_request_that_waits_says_for_how_many(notebook):
    cell = notebook.add_and_run(
        "import slow_job\nslow_job.panel('x = ', fills=[['']], writer=lambda job: job.update(position=2))"
    )
    notebook.panel(cell).get_by_text("waiting for 2 requests").wait_for()


def test_the_demonstration_says_so_and_shows_from_the_keyboard_which_models_suit_this_machine(notebook):
    cell = notebook.add_and_run(
        "import slow_job\n"
        "slow_job.panel('x = ', fills=[['1']],\n"
        "               note=lambda model: f'{model} is a demonstration',\n"
        "               advise=lambda: '%cg2 load something  # quick start')"
    )
    panel = notebook.panel(cell)
    panel.get_by_text("slow is a demonstration").wait_for()
    ask_it = button(panel, "Which model for this machine?")
    assert ask_it.get_attribute("aria-expanded") == "false"
    ask_it.focus()
    notebook.page.keyboard.press("Enter")
    region = panel.get_by_role("region", name="Models for this machine")
    region.get_by_text("%cg2 load something").wait_for()
    notebook.page.keyboard.press("Enter")
    region.wait_for(state="hidden")
