// The item that says how it stands, and switches: in the status bar, or in the notebook's toolbar where there
// is none.

/** @import { KernelLine } from "./kernel-line.js" */
/** @import { NotebookLines } from "./notebooks.js" */

import { guarded } from "./guard.js";

/** @type {Record<Inline.State | "thinking" | "hidden", [word: string, tip: string]>} */
const WORDS = {
  off: ["off", "Suggestions while typing are off; click to switch them on. This loads the model."],
  loading: ["loading", "The model is being loaded."],
  ready: ["ready", "Suggestions while typing are on; click to switch them off."],
  thinking: ["thinking", "A suggestion is being written; click to switch suggestions off."],
  failed: ["failed", "Click to try again."],
  unloaded: ["no model", "The model was unloaded; click to load it again."],
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
  const { state, error } = line.state;
  const on = state === "ready" && line.thinking ? "thinking" : state;
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
 * @param {Jupyter.WidgetClass} Widget
 * @param {() => KernelLine | undefined} lineOf
 * @param {() => string} obstacle
 * @returns {{ widget: Jupyter.Widget, draw: () => void }}
 */
function makeItem(Widget, lineOf, obstacle) {
  const button = document.createElement("button");
  button.type = "button";
  button.onclick = guarded(() => press(lineOf()));
  // The cursor stays in the cell. Else the item beside ours, which names the mode, would grow, and push ours
  // from under the mouse.
  button.onmousedown = (event) => event.preventDefault();
  Object.assign(button.style, {
    all: "unset",
    boxSizing: "border-box",
    height: "100%",
    padding: "0 6px",
    minWidth: "8.5em", // as long as its longest text, or it would push its neighbours about
    cursor: "pointer",
    font: "inherit",
    color: "inherit",
  });
  button.onfocus = () => {
    button.style.outline = button.matches(":focus-visible") ? "2px solid" : "";
  };
  button.onblur = () => {
    button.style.outline = "";
  };
  const widget = new Widget();
  widget.addClass("cg2-InlineStatus");
  widget.node.append(button);
  const draw = () => {
    const now = said(lineOf(), obstacle());
    widget.setHidden(!now);
    if (!now || button.dataset.state + button.title === now.shown + now.tip) return;
    button.dataset.state = now.shown;
    button.textContent = `cg2: ${now.word}`;
    button.title = now.tip;
    button.ariaLabel = `Suggestions while typing: ${now.word}`;
    button.ariaPressed = String(now.shown !== "off");
  };
  return { widget, draw };
}

/**
 * @param {object} page
 * @param {Jupyter.WidgetClass} page.Widget
 * @param {Jupyter.StatusBar | null} page.statusBar
 * @param {Jupyter.Tracker} page.tracker
 * @param {NotebookLines} page.lines
 * @param {() => string} page.obstacle
 * @returns {void}
 */
export function showStatus({ Widget, statusBar, tracker, lines, obstacle }) {
  if (statusBar) {
    const { widget, draw } = makeItem(Widget, () => lines.current, obstacle);
    statusBar.registerStatusItem("cg2magic:inline", { item: widget, align: "right", rank: 500 });
    lines.listen(draw);
    return;
  }
  /** @type {(panel: Jupyter.Panel) => void} */
  const add = (panel) => {
    const { widget, draw } = makeItem(Widget, () => lines.of(panel), obstacle);
    panel.toolbar.addItem("cg2magic-inline", widget);
    panel.disposed.connect(lines.listen(draw));
  };
  tracker.forEach(add);
  tracker.widgetAdded.connect((_, panel) => add(panel));
}
