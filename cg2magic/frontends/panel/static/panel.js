// The panel's module, as anywidget wants it. What it imports is joined with it: modules.py.

import { Actions } from "./actions.js";
import { askingCell, isAsking, notebookOf } from "./notebook.js";
import { tellDocument } from "./tell.js";
import { insertUnasked } from "./unasked.js";
import { View } from "./view.js";

/** One panel, of which the page may have any number of views. */
class PanelWidget {
  /** @type {Set<() => void>} */
  #redraw = new Set();
  #acts;

  /** @param {Panel.PanelModel} model */
  constructor(model) {
    this.#acts = new Actions(model);
    const context = notebookOf(model);
    const asking = isAsking(context, model.get("session"));
    // A console on this kernel shows its own panels, which this page hears of as well.
    const mine = asking || !context || askingCell(context, model.get("cell_id"), model.get("panel_id")) >= 0;
    if (mine) model.send({ do: "here", stores: Boolean(context) });
    if (model.get("asks_document") && asking) tellDocument(model);
    if (asking) insertUnasked(model, this.#acts);
    model.on("change:saved", () => this.#acts.store());
    this.#watch(model);
  }

  /**
   * A restarted kernel closes the comm: what was written stays, and stopping makes no sense.
   *
   * @param {Panel.PanelModel} model
   * @returns {void}
   */
  #watch(model) {
    model.widget_manager?.get_model?.(model.get("panel_id")).then((self) => {
      self.on?.("comm_live_update", () => {
        this.#acts.alive = self.comm_live;
        for (const draw of this.#redraw) draw();
      });
    });
  }

  /**
   * Show it; gives what ends that.
   *
   * @param {Panel.PanelModel} model
   * @param {HTMLElement} el
   * @returns {() => void}
   */
  show(model, el) {
    const view = new View(model, this.#acts, el);
    const draw = () => view.draw();
    this.#redraw.add(draw);
    el.append(view.node);
    draw();
    this.#acts.store(); // this view may have come after the end, and its output is to be stored as well
    return () => {
      this.#redraw.delete(draw);
      view.close();
    };
  }
}

/**
 * What anywidget calls for each panel.
 *
 * @returns {{
 *   initialize(given: { model: Panel.PanelModel }): void,
 *   render(given: { model: Panel.PanelModel, el: HTMLElement }): () => void,
 * }}
 */
const widget = () => {
  /** @type {PanelWidget} */
  let panel;
  return {
    initialize({ model }) {
      panel = new PanelWidget(model);
    },
    render: ({ model, el }) => panel.show(model, el),
  };
};

export default widget;
