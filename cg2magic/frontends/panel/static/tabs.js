// The tabs of the candidates.

import { button, make } from "./elements.js";

const FOUND = new Map([
  ["✓", ", passes the check"],
  ["✗", ", fails the check"],
]);

/** A row of tabs, of which one is chosen by a click or with the keyboard. */
export class Tabs {
  node = make("div", "cg2-tabs", { role: "tablist", ariaLabel: "Candidates" });
  #choose;
  #current = 0;
  /** @type {HTMLButtonElement[]} */
  #tabs = [];

  /** @param {(candidate: number) => void} choose */
  constructor(choose) {
    this.#choose = choose;
    this.node.onkeydown = (event) => this.#onKey(event);
  }

  /**
   * As many tabs as there are candidates; none for one.
   *
   * @param {Panel.Candidate[]} candidates
   * @param {number} current
   * @returns {void}
   */
  draw(candidates, current) {
    this.#current = current;
    for (const tab of this.#tabs.splice(candidates.length)) tab.remove();
    for (let i = this.#tabs.length; i < candidates.length; i++) {
      const tab = button(String(i + 1), () => this.#choose(i), "cg2-tab");
      tab.role = "tab";
      this.#tabs.push(tab);
      this.node.append(tab);
    }
    this.node.hidden = candidates.length < 2;
    this.#tabs.forEach((tab, i) => {
      tab.ariaSelected = String(i === current);
      tab.tabIndex = i === current ? 0 : -1;
      const { mark, drawn } = candidates[i];
      const often = drawn.length > 1 ? `×${drawn.length}` : "";
      tab.textContent = [i + 1, often, mark].filter(Boolean).join(" ");
      const times = often && `, written ${drawn.length} times`;
      tab.ariaLabel = `Candidate ${i + 1}${times}${FOUND.get(mark) ?? ""}`;
    });
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {void}
   */
  #onKey(event) {
    const count = this.#tabs.length;
    /** @type {Record<string, number | undefined>} */
    const ways = { ArrowRight: this.#current + 1, ArrowLeft: this.#current - 1, Home: 0, End: count - 1 };
    const to = ways[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + count) % count;
    this.#choose(next);
    this.#tabs[next].focus();
  }
}
