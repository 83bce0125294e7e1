// The heat map of a candidate in the live panel: its tokens, what else was likely in the place of each, and
// the choice of another. The kernel says what is drawn (heat.py, `heat`).

import { make, ownKeys } from "./elements.js";
import { HeatList } from "./heat-list.js";
import { HeatTokens } from "./heat-tokens.js";

/** The switch, the tokens and the list, which the view places. */
export class HeatMap {
  #check = make("input", "", { type: "checkbox" });
  toggle = ownKeys(make("label", "cg2-toggle", {}, this.#check, " heat map"));
  #tokens = new HeatTokens({
    point: (cell, pin) => this.#point(cell, pin),
    enter: () => this.#list.focus(),
  });
  #list;
  /**
   * What is drawn.
   *
   * @type {Panel.Heat | null}
   */
  #data = null;
  /** The cell whose alternatives are listed. */
  #at = -1;
  /** It was chosen by a click or with the keyboard; pointing at others changes nothing. */
  #pinned = false;

  /**
   * @param {object} given
   * @param {(place: number, id: number) => void} given.goOn - Asked when a person chooses another token.
   * @param {() => void} given.changed - Asked to draw when it is switched on or off.
   */
  constructor({ goOn, changed }) {
    this.#list = new HeatList({ goOn, leave: () => this.#tokens.focus(this.#at) });
    this.#check.onchange = () => changed();
  }

  /** @returns {HTMLElement} */
  get tokens() {
    return this.#tokens.node;
  }

  /** @returns {HTMLElement} */
  get list() {
    return this.#list.node;
  }

  /**
   * @param {number} cell
   * @param {boolean} pin
   * @returns {void}
   */
  #point(cell, pin) {
    if (this.#pinned && !pin) return;
    this.#at = cell;
    this.#pinned = pin;
    this.#drawList();
  }

  /** @returns {void} */
  #drawList() {
    this.#tokens.mark(this.#at);
    this.#list.draw(this.#data, this.#at);
  }

  /**
   * Draw this candidate's map; whether it is shown.
   *
   * @param {Panel.Heat | null} now - Null while it is being written.
   * @returns {boolean}
   */
  draw(now) {
    const shown = this.#check.checked && now !== null;
    this.tokens.hidden = !shown;
    this.list.hidden = !this.#check.checked;
    if (now !== this.#data) {
      this.#data = now;
      this.#at = -1;
      this.#pinned = false;
      if (now) {
        this.#tokens.draw(now);
        this.#list.explain(now);
      }
      this.#drawList();
    }
    this.list.toggleAttribute("data-empty", !shown);
    return shown;
  }

  /**
   * Put the focus on the token in this place; whether it is there.
   *
   * @param {number} place
   * @returns {boolean}
   */
  resume(place) {
    const cell = this.#data?.cells.findIndex((each) => each.place === place) ?? -1;
    if (cell >= 0) this.#tokens.focus(cell);
    return cell >= 0;
  }
}
