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
 * Tell the kernel the document; where there is none it is told so, and need not wait. It is a message and not
 * code on a subshell: JupyterLab makes a subshell for the widget's messages just now, and they were no
 * longer heard when another one came and went meanwhile.
 */
function tellDocument(model) {
  const context = notebookOf(model);
  const told = context ? JSON.stringify(documentOf(context, model.get("cell_id"), model.get("panel_id"))) : "";
  model.send({ do: "document", document: told });
}
