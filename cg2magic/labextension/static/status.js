// The item that says how it stands, and switches: in the status bar, or in the notebook's toolbar where there
// is none.

/** @import { KernelLine } from "./kernel-line.js" */
/** @import { StatusMenu } from "./menu.js" */
/** @import { NotebookLines } from "./notebooks.js" */

import { guarded } from "./guard.js";

/** @type {Record<Inline.State | "thinking" | "demand" | "chosen" | "refused" | "hidden", [word: string, tip: string]>} */
const WORDS = {
  off: ["off", "Suggestions while typing are off; click to switch them on. This loads the model."],
  loading: ["loading", "The model is being loaded."],
  ready: ["ready", "Suggestions while typing are on; click to switch them off."],
  thinking: ["thinking", "A suggestion is being written; click to switch suggestions off."],
  failed: ["failed", "Click to try again."],
  unloaded: ["no model", "The model was unloaded; click to load it again."],
  demand: ["on demand", "Alt+\\ asks for a suggestion, and nothing else does; click to switch them off."],
  chosen: ["loading", "The model that was chosen is being loaded."],
  refused: ["not loaded", "The model that was chosen could not be loaded."],
  hidden: ["not shown", "Suggestions while typing are on, and can't be shown here."],
};
const WAITS = " There are none while a cell runs: for that, JupyterLab 4.4 and ipykernel 7 are needed.";

/**
 * What an item says for a line: its state, a word and an explanation; null where there is nothing to say.
 *
 * @param {KernelLine | undefined} line
 * @param {string} obstacle - Why the page can't show what the kernel suggests, if it can't.
 * @returns {{ shown: string, word: string, tip: string } | null}
 */
function said(line, obstacle) {
  if (!line?.state) return null;
  const { state, error, on_demand } = line.state;
  const { said: far, error: refused } = line.load;
  if (far) return { shown: "chosen", word: far, tip: WORDS.chosen[1] };
  if (refused) return { shown: "refused", word: WORDS.refused[0], tip: refused };
  const on = state !== "ready" ? state : line.thinking ? "thinking" : on_demand ? "demand" : "ready";
  const shown = obstacle && state !== "off" ? "hidden" : on;
  const [word, tip] = WORDS[shown];
  if (shown === "failed") return { shown, word, tip: `${error}${/[.?!…]$/.test(error) ? "" : "."} ${tip}` };
  if (shown === "hidden") return { shown, word, tip: `${tip} ${obstacle}` };
  return { shown, word, tip: tip + (state === "ready" && !line.beside ? WAITS : "") };
}

/**
 * What a click does: to try again comes before off, which is a second click then.
 *
 * @param {KernelLine | undefined} line
 * @returns {void}
 */
function press(line) {
  if (["failed", "unloaded"].includes(line?.state?.state ?? "")) line?.retry();
  else line?.turn();
}

/**
 * A button in the style of what it stands in.
 *
 * @param {() => void} press
 * @param {Partial<CSSStyleDeclaration>} style
 * @returns {HTMLButtonElement}
 */
function makeButton(press, style) {
  const button = document.createElement("button");
  button.type = "button";
  button.onclick = guarded(press);
  // The cursor stays in the cell. Else the item beside ours, which names the mode, would grow, and push ours
  // from under the mouse.
  button.onmousedown = (event) => event.preventDefault();
  Object.assign(button.style, {
    all: "unset",
    boxSizing: "border-box",
    height: "100%",
    cursor: "pointer",
    font: "inherit",
    color: "inherit",
    ...style,
  });
  button.onfocus = () => {
    button.style.outline = button.matches(":focus-visible") ? "2px solid" : "";
  };
  button.onblur = () => {
    button.style.outline = "";
  };
  return button;
}

/**
 * @param {Page} page
 * @param {() => KernelLine | undefined} lineOf
 * @returns {{ widget: Jupyter.Widget, draw: () => void }}
 */
function makeItem({ Widget, obstacle, menu }, lineOf) {
  // As wide as its longest usual text, or it would push its neighbours about.
  const button = makeButton(() => press(lineOf()), { padding: "0 6px", minWidth: "8.5em" });
  const widget = new Widget();
  widget.addClass("cg2-InlineStatus");
  widget.node.style.display = "flex";
  widget.node.append(button);
  if (menu) {
    const more = makeButton(() => menu.open(more, lineOf()), { padding: "0 4px" });
    more.textContent = "▾";
    more.title = more.ariaLabel = "Model and suggestions";
    more.ariaHasPopup = "menu";
    widget.node.append(more);
  }
  const draw = () => {
    const line = lineOf();
    const now = said(line, obstacle());
    widget.setHidden(!now);
    menu?.refresh(line);
    const text = `cg2: ${now?.word}`;
    if (!now || button.dataset.state + button.title + button.textContent === now.shown + now.tip + text)
      return;
    button.dataset.state = now.shown;
    button.textContent = text;
    button.title = now.tip;
    button.ariaLabel = `Suggestions while typing: ${now.word}`;
    button.ariaPressed = String(now.shown !== "off");
  };
  return { widget, draw };
}

/**
 * What an item is made from.
 *
 * @typedef {object} Page
 * @property {Jupyter.WidgetClass} Widget
 * @property {Jupyter.StatusBar | null} statusBar
 * @property {Jupyter.Tracker} tracker
 * @property {NotebookLines} lines
 * @property {() => string} obstacle
 * @property {StatusMenu | null} menu
 */

/**
 * @param {Page} page
 * @returns {void}
 */
export function showStatus(page) {
  const { statusBar, tracker, lines } = page;
  if (statusBar) {
    const { widget, draw } = makeItem(page, () => lines.current);
    statusBar.registerStatusItem("cg2magic:inline", { item: widget, align: "right", rank: 500 });
    lines.listen(draw);
    return;
  }
  /** @type {(panel: Jupyter.Panel) => void} */
  const add = (panel) => {
    const { widget, draw } = makeItem(page, () => lines.of(panel));
    panel.toolbar.addItem("cg2magic-inline", widget);
    panel.disposed.connect(lines.listen(draw));
  };
  tracker.forEach(add);
  tracker.widgetAdded.connect((_, panel) => add(panel));
}
