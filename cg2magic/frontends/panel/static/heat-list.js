// What else was likely in the place of a token, and the choice of it.

import { button, make, ownKeys } from "./elements.js";

/** The list under the tokens. */
export class HeatList {
  #said = make("span", "cg2-own");
  #others = make("span", "cg2-others", { role: "group", ariaLabel: "What else was likely" });
  #legend = make("span", "cg2-levels", { ariaHidden: "true" });
  node = ownKeys(make("div", "cg2-alternatives", {}, this.#said, this.#others, this.#legend));
  #given;

  /**
   * @param {object} given
   * @param {(place: number, id: number) => void} given.goOn - Asked when one is chosen.
   * @param {() => void} given.leave - Asked when the person wants back to the tokens.
   */
  constructor(given) {
    this.#given = given;
    this.node.onkeydown = (event) => this.#onKey(event);
  }

  /** @returns {void} */
  focus() {
    /** @type {HTMLElement | null} */
    const first = this.#others.querySelector("button:enabled");
    first?.focus();
  }

  /**
   * Say what the colours mean.
   *
   * @param {Panel.Heat} data
   * @returns {void}
   */
  explain(data) {
    const levels = data.names.map((name, i) => {
      const level = make("span", "", { textContent: name });
      level.style.cssText = data.looks[i];
      return level;
    });
    this.#legend.replaceChildren("probability ", ...levels);
    this.#legend.hidden = data.reason !== "";
  }

  /**
   * @param {Panel.Heat | null} data
   * @param {number} at - The cell, -1 for none.
   * @returns {void}
   */
  draw(data, at) {
    const cell = data?.cells[at];
    if (!cell) {
      this.#others.replaceChildren();
      const goesOn = data?.live ? " Choose one, and it goes on from there." : "";
      this.#said.textContent = data?.reason || `Click a token to see what else was likely.${goesOn}`;
      return;
    }
    const corrected = cell.corrected ? " · corrected" : "";
    this.#said.replaceChildren(make("b", "", { textContent: cell.shown }), ` ${cell.percent}${corrected}`);
    const choices = cell.others.map((other) => {
      const choose = button("", () => this.#choose(cell.place, other.id), "cg2-other-token");
      const { shown, percent } = other;
      choose.append(make("code", "", { textContent: shown }), ` ${percent}`);
      choose.style.setProperty("--cg2-share", String(other.share));
      choose.ariaLabel = other.here ? `${shown}, ${percent}, as it is` : `Go on with ${shown}, ${percent}`;
      choose.disabled = other.here || !data.live;
      return choose;
    });
    this.#others.replaceChildren(...choices);
  }

  /**
   * @param {number} place
   * @param {number} id
   * @returns {void}
   */
  #choose(place, id) {
    for (const each of this.#others.querySelectorAll("button")) each.disabled = true;
    this.#given.goOn(place, id);
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {void}
   */
  #onKey(event) {
    if (!["ArrowRight", "ArrowLeft", "Escape"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Escape") {
      this.#given.leave();
      return;
    }
    /** @type {(from: Element | null | undefined) => Element | null | undefined} */
    const beside = (from) =>
      event.key === "ArrowRight" ? from?.nextElementSibling : from?.previousElementSibling;
    let next = beside(document.activeElement);
    while (next?.matches(":disabled")) next = beside(next);
    if (next instanceof HTMLElement) next.focus();
  }
}
