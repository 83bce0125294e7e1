// What the page does to the notebook and asks of the kernel; shared by all views of one panel.

import { runBeside } from "./kernel.js";
import { insertBelow, notebookOf, replaceCell, storeOutputs, undo } from "./notebook.js";
import { codeOf } from "./text.js";

export const CHANGED =
  "The cell was changed since it was run, so it is left as it is: Insert below keeps both.";
export const GONE = "The cell is gone; Insert below puts it at the end.";

/** What may be done with one panel. */
export class Actions {
  /** Whether the kernel is there; one that is gone can't be told. */
  alive = true;
  #model;
  #context;
  #id;
  #addCell = globalThis.google?.colab?.notebook?.addCell;
  /**
   * The outputs that show this panel.
   *
   * @type {Jupyter.SharedOutput[]}
   */
  #stored = [];
  /**
   * What this panel has put into the cell.
   *
   * @type {string[]}
   */
  #put = [];

  /** @param {Panel.PanelModel} model */
  constructor(model) {
    this.#model = model;
    this.#context = notebookOf(model);
    this.#id = model.get("panel_id");
    const may = model.get("insert") !== "none";
    this.canInsert = may && Boolean(this.#context || this.#addCell);
    this.canReplace = may && Boolean(this.#context);
  }

  /**
   * @param {object} message
   * @returns {void}
   */
  #tell(message) {
    if (this.alive) this.#model.send(message);
  }

  /**
   * Have the kernel record what became of a candidate.
   *
   * @param {number} job
   * @param {number} candidate
   * @param {string} outcome
   * @returns {void}
   */
  record(job, candidate, outcome) {
    this.#tell({ do: "record", job, candidate, outcome });
  }

  /**
   * @param {number} job
   * @param {number} candidate
   * @param {Panel.Outcome & { what: string }} outcome
   * @returns {void}
   */
  #finish(job, candidate, outcome) {
    this.#model.set("outcome", { candidate, folded: true, ...outcome });
    this.#model.save_changes();
    this.record(job, candidate, outcome.what);
  }

  /**
   * Insert a cell with the text; where, in a notebook that can be reached.
   *
   * @param {number} job
   * @param {number} candidate
   * @param {string} source
   * @returns {ReturnType<typeof insertBelow> | null}
   */
  insert(job, candidate, source) {
    const context = this.#context;
    const done = context && insertBelow(context, this.#model.get("cell_id"), this.#id, source);
    if (!done) this.#addCell?.(source, "code");
    const note = done?.gone ? "at the end, the cell that asked is gone" : "";
    this.#finish(job, candidate, { what: "inserted below", note, done: done && { cell: done.cell, source } });
    return done;
  }

  /**
   * Replace the text of the cell that asked.
   *
   * @param {number} job
   * @param {number} candidate
   * @param {string} source
   * @returns {ReturnType<typeof replaceCell>}
   */
  replace(job, candidate, source) {
    const model = this.#model;
    const asked = model.get("asked");
    if (!this.#context) return null;
    const known = asked ? [asked, ...this.#put] : [];
    const done = replaceCell(this.#context, model.get("cell_id"), this.#id, source, known);
    if (!done || done.changed) return done;
    // What a person changed in it first is theirs.
    if (source === codeOf(model.get("card").candidates[candidate])) this.#put.push(source);
    this.#finish(job, candidate, { what: "replaced", done: { ...done, source } });
    return done;
  }

  /**
   * @param {number} job
   * @param {number} candidate
   * @returns {void}
   */
  dismiss(job, candidate) {
    this.#finish(job, candidate, { what: "dismissed" });
  }

  /**
   * Take back what was done last; whether it could.
   *
   * @param {number} job
   * @returns {boolean}
   */
  undo(job) {
    const { done, candidate = 0 } = this.#model.get("outcome");
    if (!this.#context || !done || !undo(this.#context, done)) return false;
    this.#model.set("outcome", {});
    this.#model.save_changes();
    this.record(job, candidate, "undone");
    return true;
  }

  /**
   * Leave only one line of the card, or show it again.
   *
   * @param {boolean} folded
   * @returns {void}
   */
  fold(folded) {
    this.#model.set("outcome", { ...this.#model.get("outcome"), folded });
    this.#model.save_changes();
  }

  /** @returns {void} */
  stop() {
    // The message reaches an idle kernel; a busy one is reached beside the cell that it runs.
    this.#tell({ do: "stop" });
    const id = this.#id;
    const code = `__import__("cg2magic.frontends.panel.widget", fromlist=["stop"]).stop("${id}")`;
    runBeside(this.#context?.sessionContext?.session?.kernel, code);
  }

  /** @returns {void} */
  regenerate() {
    this.#tell({ do: "regenerate" });
  }

  /**
   * Go on from another token.
   *
   * @param {number} job
   * @param {number} candidate
   * @param {number} place - Of the token.
   * @param {number} id - Of what is to stand there.
   * @returns {void}
   */
  goOn(job, candidate, place, id) {
    this.#tell({ do: "go on", job, candidate, place, id });
  }

  /**
   * Let the model write on where a candidate broke off.
   *
   * @param {number} job
   * @param {number} candidate
   * @returns {void}
   */
  extend(job, candidate) {
    this.#tell({ do: "extend", job, candidate });
  }

  /** @returns {void} */
  check() {
    this.#tell({ do: "check" });
  }

  /**
   * Store the finished card in the document.
   *
   * @returns {void}
   */
  store() {
    const saved = this.#model.get("saved");
    if (!this.#context || !saved["text/html"]) return;
    this.#stored = storeOutputs(this.#context, this.#id, saved, this.#stored);
  }
}
