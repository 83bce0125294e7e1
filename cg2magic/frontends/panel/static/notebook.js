// From the widget to the notebook around it. Everything here finds its cell by id: the active cell and the
// page's DOM may be anything by the time a button is pressed.

import { asCompared } from "./text.js";

/**
 * The notebook's document, or null where the front end gives no access (VS Code, Colab, a console).
 *
 * @param {Pick<Panel.Model<never>, "widget_manager">} model
 * @returns {Jupyter.Context | null}
 */
export function notebookOf(model) {
  const context = model.widget_manager?.context;
  return context?.model?.sharedModel?.insertCell ? /** @type {Jupyter.Context} */ (context) : null;
}

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

/**
 * The shared outputs of a cell that show this panel, as the document stores them.
 *
 * @param {Jupyter.SharedCell} cell
 * @param {string} panelId
 * @returns {Jupyter.SharedOutput[]}
 */
function outputsOf(cell, panelId) {
  const outputs = cell.ymodel?.get("outputs")?.toArray?.() ?? [];
  return outputs.filter((output) => output.get?.("data")?.[WIDGET_VIEW]?.model_id === panelId);
}

/**
 * Index of the cell that asked, -1 if it is gone. Where its id is not known it is the one whose output
 * is this panel; where it is known another cell may show a second view, and must not be touched.
 *
 * @param {Jupyter.Context} context
 * @param {string} cellId
 * @param {string} panelId
 * @returns {number}
 */
export function askingCell(context, cellId, panelId) {
  const cells = context.model.sharedModel.cells;
  if (cellId) return cells.findIndex((cell) => cell.id === cellId);
  return cells.findIndex((cell) => outputsOf(cell, panelId).length);
}

/**
 * Change the document in an undo step of its own: changes within half a second are merged otherwise.
 *
 * @template Result
 * @param {{ undoManager?: Jupyter.UndoManager | null }} shared
 * @param {() => Result} change
 * @returns {Result}
 */
function oneStep(shared, change) {
  shared.undoManager?.stopCapturing?.();
  const result = change();
  shared.undoManager?.stopCapturing?.();
  return result;
}

/**
 * Insert a code cell under the one that asked, or at the end if that is gone; one step to undo.
 *
 * @param {Jupyter.Context} context
 * @param {string} cellId
 * @param {string} panelId
 * @param {string} source
 * @returns {{ cell: string, index: number, gone: boolean }}
 */
export function insertBelow(context, cellId, panelId, source) {
  const notebook = context.model.sharedModel;
  const at = askingCell(context, cellId, panelId);
  const index = at < 0 ? notebook.cells.length : at + 1;
  const cell = oneStep(notebook, () =>
    notebook.insertCell(index, { cell_type: "code", source, metadata: {} }),
  );
  return { cell: cell.id, index, gone: at < 0 };
}

/**
 * Replace the text of the cell that asked; null if it is gone. What a person typed there since is not written
 * over: then nothing is done, and `changed` is set.
 *
 * @param {Jupyter.Context} context
 * @param {string} cellId
 * @param {string} panelId
 * @param {string} source
 * @param {string[]} known - The texts that may be lost, none where they are not known.
 * @returns {{ cell: string, index: number, before: string, changed?: undefined } | { changed: true } | null}
 */
export function replaceCell(context, cellId, panelId, source, known) {
  const index = askingCell(context, cellId, panelId);
  if (index < 0) return null;
  const cell = context.model.sharedModel.cells[index];
  const before = cell.getSource();
  const untouched = !known.length || known.some((text) => asCompared(text) === asCompared(before));
  if (cell.cell_type !== "code" || !untouched) return { changed: true };
  oneStep(cell, () => cell.setSource(source));
  return { cell: cell.id, index, before };
}

/**
 * Whether this page ran the cell; where one can't know, any page did.
 *
 * @param {Jupyter.Context | null} context
 * @param {string} session
 * @returns {boolean}
 */
export function isAsking(context, session) {
  const client = context?.sessionContext?.session?.kernel?.clientId;
  return !session || !client || client === session;
}

/**
 * Take an insertion or a replacement back, unless the cell was changed since; whether it was taken back.
 *
 * @param {Jupyter.Context} context
 * @param {Panel.Done} done
 * @returns {boolean}
 */
export function undo(context, done) {
  const notebook = context.model.sharedModel;
  const index = notebook.cells.findIndex((cell) => cell.id === done.cell);
  if (index < 0 || notebook.cells[index].getSource() !== done.source) return false;
  const cell = notebook.cells[index];
  const { before } = done;
  if (before === undefined) oneStep(notebook, () => notebook.deleteCell(index));
  else oneStep(cell, () => cell.setSource(before));
  return true;
}

/**
 * Let the document store this panel as HTML and plain text in place of the widget, which is nothing
 * but an error message once the kernel is gone. The notebook's views watch the list of outputs, not
 * an output's inside, so the live panel stays. Returns the outputs, to store it again later.
 *
 * @param {Jupyter.Context} context
 * @param {string} panelId
 * @param {Record<string, string>} data
 * @param {Jupyter.SharedOutput[]} known - The outputs that were found before.
 * @returns {Jupyter.SharedOutput[]}
 */
export function storeOutputs(context, panelId, data, known) {
  const notebook = context.model.sharedModel;
  const outputs = [...known, ...notebook.cells.flatMap((cell) => outputsOf(cell, panelId))];
  if (!outputs.length) return outputs;
  notebook.transact(() => {
    for (const output of outputs) output.set("data", { ...data });
  }, false);
  context.model.dirty = true;
  return outputs;
}
