// The tokens of a candidate, coloured by how likely they were, to point at and to walk through.

import { make, ownKeys } from "./elements.js";
import { visible } from "./text.js";

/**
 * @param {number} cell
 * @returns {string}
 */
const selector = (cell) => `[data-cell="${cell}"]`;

/**
 * The token that an event is about.
 *
 * @param {Event} event
 * @returns {HTMLElement | null}
 */
const tokenOf = (event) => (event.target instanceof Element ? event.target.closest("[data-cell]") : null);

/**
 * @param {HTMLElement} token
 * @returns {number}
 */
const cellOf = (token) => Number(token.dataset.cell);

/** A box of tokens; of a cell that is drawn in several pieces, the first can have the focus. */
export class HeatTokens {
  node = ownKeys(make("div", "cg2-code cg2-heat", { role: "group" }));
  #given;
  #count = 0;
  #at = -1;

  /**
   * @param {object} given
   * @param {(cell: number, pin: boolean) => void} given.point - Asked when a cell is looked at; to pin it, when it
   *   was chosen.
   * @param {() => void} given.enter - Asked when the person wants to choose in the list.
   */
  constructor(given) {
    this.#given = given;
    const { node } = this;
    node.ariaLabel = "Tokens, by how likely they were";
    node.onpointerover = (event) => {
      const token = tokenOf(event);
      if (token) given.point(cellOf(token), false);
    };
    node.onclick = (event) => {
      const token = tokenOf(event);
      if (token) this.focus(cellOf(token));
    };
    node.addEventListener("focusin", (event) => {
      const token = tokenOf(event);
      if (token && cellOf(token) !== this.#at) given.point(cellOf(token), true);
    });
    node.onkeydown = (event) => this.#onKey(event);
  }

  /**
   * @param {Panel.Heat} data
   * @returns {void}
   */
  draw(data) {
    this.#count = data.cells.length;
    const lines = data.lines.length > 1 && !data.lines.at(-1)?.length ? data.lines.slice(0, -1) : data.lines;
    const seen = new Set();
    const rows = lines.map((line) => {
      const row = make("span", "cg2-line");
      for (const [text, cell] of line) {
        if (cell < 0) {
          row.append(make("span", "cg2-given", { textContent: visible(text) }));
          continue;
        }
        row.append(drawToken(data, text, cell, seen.has(cell)));
        seen.add(cell);
      }
      row.append("\n");
      return row;
    });
    this.node.replaceChildren(...rows);
    const first = this.#token(0);
    if (first) first.tabIndex = 0;
  }

  /**
   * Mark the cell whose alternatives are listed.
   *
   * @param {number} at
   * @returns {void}
   */
  mark(at) {
    this.#at = at;
    for (const token of this.#tokens("[data-cell]")) token.classList.toggle("cg2-at", cellOf(token) === at);
  }

  /**
   * Choose a cell, and give it the focus.
   *
   * @param {number} cell
   * @returns {void}
   */
  focus(cell) {
    const token = this.#token(cell);
    if (!token) return;
    for (const each of this.#tokens('[tabindex="0"]')) each.tabIndex = -1;
    token.tabIndex = 0;
    this.#given.point(cell, true);
    token.focus();
  }

  /**
   * @param {string} which
   * @returns {NodeListOf<HTMLElement>}
   */
  #tokens(which) {
    return this.node.querySelectorAll(which);
  }

  /**
   * @param {number} cell
   * @returns {HTMLElement | null}
   */
  #token(cell) {
    return this.node.querySelector(selector(cell));
  }

  /**
   * The first token of the line above or below.
   *
   * @param {number} cell
   * @param {1 | -1} step
   * @returns {number}
   */
  #beside(cell, step) {
    const rows = [...this.node.children];
    const here = this.#token(cell)?.closest(".cg2-line");
    let row = here ? rows.indexOf(here) + step : -1;
    for (; rows[row]; row += step) {
      /** @type {HTMLElement | null} */
      const token = rows[row].querySelector("[role=button]");
      if (token) return cellOf(token);
    }
    return cell;
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {void}
   */
  #onKey(event) {
    const token = tokenOf(event);
    if (!token) return;
    const here = cellOf(token);
    const last = this.#count - 1;
    /** @type {Record<string, (() => number) | undefined>} */
    const ways = {
      ArrowRight: () => Math.min(last, here + 1),
      ArrowLeft: () => Math.max(0, here - 1),
      ArrowDown: () => this.#beside(here, 1),
      ArrowUp: () => this.#beside(here, -1),
      Home: () => 0,
      End: () => last,
    };
    const to = ways[event.key];
    if (to) this.focus(to());
    else if (event.key === "Enter" || event.key === " ") {
      this.#given.point(here, true);
      this.#given.enter();
    } else return;
    event.preventDefault();
  }
}

/**
 * @param {Panel.Heat} data
 * @param {string} text
 * @param {number} cell
 * @param {boolean} again - It is another piece of a cell that begins before.
 * @returns {HTMLElement}
 */
function drawToken(data, text, cell, again) {
  const { level, told, corrected } = data.cells[cell];
  const shown = text === "\n" ? "⏎" : visible(text);
  const token = make("span", "cg2-token", { title: told, textContent: shown });
  if (text === "\n") token.classList.add("cg2-end");
  token.classList.toggle("cg2-corrected", corrected);
  token.style.cssText = data.looks[level];
  token.dataset.cell = String(cell);
  if (!again) Object.assign(ownKeys(token), { role: "button", tabIndex: -1, ariaLabel: told });
  return token;
}
