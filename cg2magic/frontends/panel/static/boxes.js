// The boxes of all candidates' code, of which one is in front.

import { CodeBox } from "./code.js";
import { make } from "./elements.js";

/** @import { Now } from "./looking.js" */

/** Where the candidates' code stands, and how much room it takes. */
export class CodeBoxes {
  node = make("div", "cg2-boxes");
  /** @type {CodeBox[]} */
  #boxes = [];

  /**
   * Bring the code up to date.
   *
   * @param {Now} now
   * @param {number} current - The candidate in front.
   * @returns {void}
   */
  draw({ card, finished }, current) {
    const { candidates } = card;
    for (const box of this.#boxes.splice(candidates.length)) box.node.remove();
    while (this.#boxes.length < candidates.length) {
      const box = new CodeBox();
      this.#boxes.push(box);
      this.node.append(box.node);
    }
    this.#boxes.forEach((box, i) => {
      box.node.classList.toggle("cg2-behind", i !== current);
      box.draw(candidates[i].lines);
      if (!finished) box.follow();
    });
    this.#hold(card, finished);
  }

  /**
   * The height stays as it is while text arrives, with room for some; it settles at the end.
   *
   * @param {Panel.Card} card
   * @param {boolean} finished
   * @returns {void}
   */
  #hold(card, finished) {
    const { node } = this;
    const longest = Math.max(...card.candidates.map((candidate) => candidate.lines.length));
    if (!finished && node.dataset.job !== String(card.job)) {
      node.dataset.job = String(card.job);
      node.style.setProperty("--cg2-rows", String(Math.min(20, longest + card.spare)));
      node.classList.add("cg2-held");
    } else if (finished && node.classList.contains("cg2-held")) {
      const before = node.offsetHeight;
      node.classList.remove("cg2-held");
      const heights = [{ height: `${before}px` }, { height: `${node.offsetHeight}px` }];
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (before && !still) node.animate(heights, { duration: 140, easing: "ease-out" });
    }
  }
}
