// From the widget to the notebook around it, and to its kernel. This file and panel.js are joined
// into one module. Everything here finds its cell by id: the active cell and the page's DOM may be
// anything by the time a button is pressed.

/** The notebook's document, or null where the front end gives no access (VS Code, Colab, a console). */
function notebookOf(model) {
  const context = model.widget_manager?.context;
  return context?.model?.sharedModel?.insertCell ? context : null;
}

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

/** The shared outputs of a cell that show this panel, as the document stores them. */
function outputsOf(cell, panelId) {
  const outputs = cell.ymodel?.get("outputs")?.toArray?.() ?? [];
  return outputs.filter((output) => output.get?.("data")?.[WIDGET_VIEW]?.model_id === panelId);
}

/**
 * Index of the cell that asked, -1 if it is gone. Where its id is not known it is the one whose output
 * is this panel; where it is known another cell may show a second view, and must not be touched.
 */
function askingCell(context, cellId, panelId) {
  const cells = context.model.sharedModel.cells;
  if (cellId) return cells.findIndex((cell) => cell.id === cellId);
  return cells.findIndex((cell) => outputsOf(cell, panelId).length);
}

/** Change the document in an undo step of its own: changes within half a second are merged otherwise. */
function oneStep(shared, change) {
  shared.undoManager?.stopCapturing?.();
  const result = change();
  shared.undoManager?.stopCapturing?.();
  return result;
}

/** Insert a code cell under the one that asked, or at the end if that is gone; one step to undo. */
function insertBelow(context, cellId, panelId, source) {
  const notebook = context.model.sharedModel;
  const at = askingCell(context, cellId, panelId);
  const index = at < 0 ? notebook.cells.length : at + 1;
  const content = { cell_type: "code", source, metadata: {} };
  const cell = oneStep(notebook, () => notebook.insertCell(index, content));
  return { cell: cell.id, index, gone: at < 0 };
}

/** A text as it is compared: line ends, and white space at the end, are no work of a person's. */
const asCompared = (text) => text.replace(/\r\n?/g, "\n").trimEnd();

/**
 * Replace the text of the cell that asked; null if it is gone. What a person typed there since is not written over:
 * then nothing is done, and `changed` is set. `known` are the texts that may be lost, none where they are not known.
 */
function replaceCell(context, cellId, panelId, source, known) {
  const index = askingCell(context, cellId, panelId);
  if (index < 0) return null;
  const cell = context.model.sharedModel.cells[index];
  const before = cell.getSource();
  const untouched = !known.length || known.some((text) => asCompared(text) === asCompared(before));
  if (cell.cell_type !== "code" || !untouched) return { changed: true };
  oneStep(cell, () => cell.setSource(source));
  return { cell: cell.id, before };
}

/** Whether this page ran the cell; where one can't know, any page did. */
function isAsking(context, session) {
  const client = context?.sessionContext?.session?.kernel?.clientId;
  return !session || !client || client === session;
}

/** Take an insertion or a replacement back, unless the cell was changed since; whether it was. */
function undo(context, done) {
  const notebook = context.model.sharedModel;
  const index = notebook.cells.findIndex((cell) => cell.id === done.cell);
  if (index < 0 || notebook.cells[index].getSource() !== done.source) return false;
  const cell = notebook.cells[index];
  if (done.before === undefined) oneStep(notebook, () => notebook.deleteCell(index));
  else oneStep(cell, () => cell.setSource(done.before));
  return true;
}

/** Put the cursor into a cell once the notebook has drawn it, unless the person has gone elsewhere. */
function focusCell(el, index, source) {
  const root = el.closest(".jp-Notebook");
  const first = source.trimStart().split("\n", 1)[0].slice(0, 40).trimEnd();
  let tries = 60;
  const look = () => {
    const focused = document.activeElement;
    if (focused && focused !== document.body && !el.contains(focused)) return;
    const cell = root?.querySelector(`.jp-CodeCell[data-windowed-list-index="${index}"]`);
    const editor = cell?.querySelector(".cm-content");
    if (editor?.textContent.includes(first)) {
      cell.scrollIntoView({ block: "nearest" });
      editor.focus();
    } else if (tries-- > 0) requestAnimationFrame(look);
  };
  look();
}

/**
 * Let the document store this panel as HTML and plain text in place of the widget, which is nothing
 * but an error message once the kernel is gone. The notebook's views watch the list of outputs, not
 * an output's inside, so the live panel stays. Returns the outputs, to store it again later.
 */
function storeOutputs(context, panelId, data, known) {
  const notebook = context.model.sharedModel;
  const outputs = [...known, ...notebook.cells.flatMap((cell) => outputsOf(cell, panelId))];
  if (!outputs.length) return outputs;
  notebook.transact(() => {
    for (const output of outputs) output.set("data", { ...data });
  }, false);
  context.model.dirty = true;
  return outputs;
}

/** Kernels in use by a subshell: at most one of ours on each. Every panel is a module of its own. */
const busyKernels = (globalThis[Symbol.for("cg2magic.subshells")] ??= new WeakMap());

/**
 * Run code in the kernel although a cell is running there: on a subshell, made for this and deleted
 * after it, so that none outlives a page or a restart. False where the kernel has no subshells.
 */
function runBeside(kernel, code) {
  if (!kernel?.supportsSubshells) return Promise.resolve(false);
  const once = async () => {
    const reply = await kernel.requestCreateSubshell({}).done;
    const id = reply.content.subshell_id;
    const beside = kernel.clone();
    try {
      beside.subshellId = id;
      await beside.requestExecute({ code, silent: true, store_history: false, allow_stdin: false }).done;
    } finally {
      await kernel.requestDeleteSubshell({ subshell_id: id }).done;
      beside.subshellId = null; // or disposing of the connection would delete it again
      beside.dispose();
    }
    return true;
  };
  const run = (busyKernels.get(kernel) ?? Promise.resolve()).then(once).catch(() => false);
  busyKernels.set(kernel, run);
  return run;
}

/** Copy text, also on pages that are not served over https. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    area.style.cssText = "position:fixed;opacity:0";
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}
