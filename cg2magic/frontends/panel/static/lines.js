// What the card is drawn from: elements, buttons, and lines of code of which only those that changed are
// touched. Everything is text; no markup is ever read.

const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text as it is looked at: what would reorder it is made visible, as highlight.py does. */
const visible = (text) => text.replace(/\r$/, "").replace(HIDDEN, "\ufffd");

const codeOf = (candidate) =>
  candidate.lines.map((line) => line.of.map((segment) => segment[1] ?? "").join("")).join("\n");

function make(tag, className, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), { className }, properties);
  for (const child of children) node.append(child);
  return node;
}

/** Keys pressed in it are its own, not the notebook's shortcuts (where "d d" deletes the cell). */
function ownKeys(node) {
  node.dataset.lmSuppressShortcuts = "true"; // Lumino looks from the focused element upwards
  return node;
}

function button(name, act, className = "") {
  const properties = { type: "button", textContent: name, onclick: act };
  return ownKeys(make("button", `cg2-button ${className}`, properties));
}

/** A line of segments; what the model wrote in one go is one <mark>. */
function drawLine(line) {
  const node = make("span", line.as);
  for (const [style, text, written] of line.of) {
    if (style === "caret") {
      node.append(make("span", "cg2-caret", { ariaHidden: "true" }));
      continue;
    }
    let into = node;
    if (written && text) {
      if (node.lastChild?.localName !== "mark") node.append(make("mark", ""));
      into = node.lastChild;
    }
    into.append(style ? make("span", style, { textContent: visible(text) }) : visible(text));
  }
  node.append("\n");
  return node;
}

/** Bring a box of lines up to date; only lines that changed are touched. */
function drawLines(box, all) {
  // The empty line after a last newline is part of the code, and nothing to look at.
  const lines = all.length > 1 && !all.at(-1).of.length ? all.slice(0, -1) : all;
  box.drawn ??= [];
  lines.forEach((line, i) => {
    const now = JSON.stringify(line);
    if (box.drawn[i] === now) return;
    const node = drawLine(line);
    if (i < box.children.length) box.children[i].replaceWith(node);
    else box.append(node);
    box.drawn[i] = now;
  });
  while (box.children.length > lines.length) box.lastChild.remove();
  box.drawn.length = lines.length;
}

/** Keep the caret in sight while it writes, unless the person has scrolled away from it. */
function follow(box) {
  const caret = box.querySelector(".cg2-caret");
  if (!caret || box.scrolledAway) return;
  const below = caret.offsetTop + caret.offsetHeight + 6;
  if (below > box.scrollTop + box.clientHeight) box.scrollTop = below - box.clientHeight;
}

function watchScrolling(box) {
  box.onscroll = () => {
    const caret = box.querySelector(".cg2-caret");
    if (caret) box.scrolledAway = caret.offsetTop > box.scrollTop + box.clientHeight;
  };
}
