// What one view of a panel looks at, and how the job stands that it shows.

import { codeOf } from "./text.js";

const FINISHED = new Set(["done", "stopped", "failed"]);

/**
 * Whether a job has come to its end.
 *
 * @param {Panel.State} state
 * @returns {boolean}
 */
export const isFinished = (state) => FINISHED.has(state);

/**
 * How it stands when it is drawn.
 *
 * @typedef {object} Now
 * @property {Panel.Card} card
 * @property {Panel.Outcome} outcome
 * @property {boolean} lost - The kernel is gone that wrote it.
 * @property {Panel.State} state
 * @property {boolean} finished
 * @property {Panel.Candidate} candidate - The one that is looked at.
 * @property {boolean} nothing - It failed, and no candidate has any text.
 * @property {boolean} usable - The candidate may be inserted.
 */

/** One view's own: another view of the same panel may look at another candidate. */
export class Looking {
  /** The candidate looked at. */
  current = 0;
  /**
   * Its text while the person edits it.
   *
   * @type {string | null}
   */
  draft = null;
  /**
   * The card for which a regeneration, or a check, was asked.
   *
   * @type {Panel.Card | null}
   */
  asked = null;
  #model;
  /** @type {number | null} */
  #drawnJob = null;
  /**
   * The number of the candidate that was chosen, as it was drawn: at the end the best comes first.
   *
   * @type {number | null}
   */
  #chosen = null;

  /** @param {Panel.PanelModel} model */
  constructor(model) {
    this.#model = model;
  }

  /** @returns {number} */
  get job() {
    return this.#model.get("card").job;
  }

  /**
   * The code of the candidate, as the person has edited it.
   *
   * @returns {string}
   */
  get text() {
    return this.draft ?? codeOf(this.#model.get("card").candidates[this.current]);
  }

  /**
   * Look at another candidate.
   *
   * @param {number} candidate
   * @returns {void}
   */
  choose(candidate) {
    this.current = candidate;
    this.draft = null;
    const { candidates } = this.#model.get("card");
    const inOrder = candidates.every(({ drawn }) => drawn.length === 0);
    this.#chosen = inOrder ? candidate : (candidates[candidate].drawn[0] ?? null);
  }

  /**
   * Stay with the candidate that was chosen, wherever it is now.
   *
   * @param {Panel.Candidate[]} candidates
   * @returns {void}
   */
  #stay(candidates) {
    const chosen = this.#chosen;
    const now = chosen === null ? -1 : candidates.findIndex(({ drawn }) => drawn.includes(chosen));
    if (now >= 0) this.current = now;
    this.current = Math.min(this.current, candidates.length - 1);
  }

  /**
   * Follow the job, and say how it stands.
   *
   * @param {boolean} alive - Whether its kernel is there.
   * @returns {Now}
   */
  now(alive) {
    const card = this.#model.get("card");
    if (card.job !== this.#drawnJob) {
      this.#chosen = null;
      // A candidate that goes on from another stands among those that are kept.
      if (card.fresh) this.choose(card.fresh);
      this.#drawnJob = card.job;
    }
    this.#stay(card.candidates);
    const lost = !alive && !isFinished(card.state);
    const state = lost ? "stopped" : card.state;
    const finished = isFinished(state);
    const candidate = card.candidates[this.current];
    return {
      card,
      outcome: this.#model.get("outcome"),
      lost,
      state,
      finished,
      candidate,
      nothing: state === "failed" && !card.candidates.some(({ written }) => written),
      usable: candidate.written && (finished || candidate.done),
    };
  }
}
