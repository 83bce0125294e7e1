// The notebook, told to the kernel so that a model can see the cells around the one that asks.

/** Characters of a cell that are sent: of a longer one the end that is nearest to the cell that asks. */
const LONGEST_CELL = 20_000;

function documentOf(context, cellId, panelId) {
  const active = askingCell(context, cellId, panelId);
  const notebook = context.model.sharedModel;
  const cells = notebook.cells.map((cell, index) => {
    const source = cell.getSource();
    const near = index > active && active >= 0 ? source.slice(0, LONGEST_CELL) : source.slice(-LONGEST_CELL);
    return { id: cell.id, cell_type: cell.cell_type, source: near };
  });
  const metadata = { cg2magic: notebook.getMetadata("cg2magic") };
  return { cells, active: active < 0 ? null : active, metadata };
}

/**
 * Tell the kernel the document, by a message; where the cell waits for the suggestion no message is read, so
 * there beside it. Where there is no document the kernel is told so, and need not wait.
 */
async function tellDocument(model) {
  const context = notebookOf(model);
  const panelId = model.get("panel_id");
  const told = context ? JSON.stringify(documentOf(context, model.get("cell_id"), panelId)) : "";
  // A text of JSON is one of Python as well.
  const code = `__import__("cg2magic.panel.widget").panel.widget.tell("${panelId}", ${JSON.stringify(told)})`;
  const kernel = context?.sessionContext?.session?.kernel;
  if (!(model.get("waits") && (await runBeside(kernel, code)))) model.send({ do: "document", document: told });
}
