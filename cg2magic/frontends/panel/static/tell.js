// The notebook, told to the kernel so that a model can see the cells around the one that asks.

import { documentOf } from "../../../labextension/static/document.js";
import { askingCell, notebookOf } from "./notebook.js";

/**
 * Tell the kernel the document; where there is none it is told so, and need not wait. It is a message and not
 * code on a subshell: JupyterLab has a subshell for the widgets' messages already.
 *
 * @param {Panel.PanelModel} model
 * @returns {void}
 */
export function tellDocument(model) {
  const context = notebookOf(model);
  let told = "";
  if (context) {
    const active = askingCell(context, model.get("cell_id"), model.get("panel_id"));
    told = JSON.stringify(documentOf(context.model.sharedModel, active < 0 ? null : active));
  }
  model.send({ do: "document", document: told });
}
