// A candidate's code as it is written: lines of which only those that changed are touched.

import { make, ownKeys } from "./elements.js";
import { visible } from "./text.js";

/**
 * A line of segments; what the model wrote in one go is one <mark>.
 *
 * @param {Panel.Line} line
 * @returns {HTMLElement}
 */
function drawLine(line) {
  const node = make("span", line.as);
  for (const [style, text = "", written] of line.of) {
    if (style === "caret") {
      node.append(make("span", "cg2-caret", { ariaHidden: "true" }));
      continue;
    }
    /** @type {Node} */
    let into = node;
    if (written && text) {
      const last = node.lastElementChild;
      into =
        last === node.lastChild && last?.localName === "mark" ? last : node.appendChild(make("mark", ""));
    }
    const shown = visible(text);
    const title = style.split(" ").includes("cg2-unknown") ? "not found in this kernel" : "";
    into.appendChild(style ? make("span", style, { textContent: shown, title }) : new Text(shown));
  }
  node.append("\n");
  return node;
}

/** The box of one candidate's code. */
export class CodeBox {
  node = ownKeys(make("pre", "cg2-code"));
  /** @type {string[]} */
  #drawn = [];
  #scrolledAway = false;

  constructor() {
    this.node.onscroll = () => {
      const caret = this.#caret;
      if (caret) this.#scrolledAway = caret.offsetTop > this.node.scrollTop + this.node.clientHeight;
    };
  }

  /** @returns {HTMLElement | null} */
  get #caret() {
    return this.node.querySelector(".cg2-caret");
  }

  /**
   * Bring it up to date; only lines that changed are touched.
   *
   * @param {Panel.Line[]} all
   * @returns {void}
   */
  draw(all) {
    // The empty line after a last newline is part of the code, and nothing to look at.
    const lines = all.length > 1 && !all.at(-1)?.of.length ? all.slice(0, -1) : all;
    const { children } = this.node;
    lines.forEach((line, i) => {
      const now = JSON.stringify(line);
      if (this.#drawn[i] === now) return;
      const node = drawLine(line);
      if (i < children.length) children[i].replaceWith(node);
      else this.node.append(node);
      this.#drawn[i] = now;
    });
    while (children.length > lines.length) this.node.lastChild?.remove();
    this.#drawn.length = lines.length;
  }

  /**
   * Keep the caret in sight while it writes, unless the person has scrolled away from it.
   *
   * @returns {void}
   */
  follow() {
    const caret = this.#caret;
    if (!caret || this.#scrolledAway) return;
    const below = caret.offsetTop + caret.offsetHeight + 6;
    const { scrollTop, clientHeight } = this.node;
    if (below > scrollTop + clientHeight) this.node.scrollTop = below - clientHeight;
  }
}
