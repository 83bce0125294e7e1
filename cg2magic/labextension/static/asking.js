// What a command does with the cell in front: ask for it, without a magic in its text, and take the answer.

import { beforeCursor } from "./cursor.js";

const LOAD = "%load_ext cg2magic";
/** A cell that has a magic of its own is run as it is. */
const MAGIC = /^\s*%%(?:complete|infill)\b/;

/**
 * Whether there is anything to ask for: a code cell, and a Python kernel. The extension may still be loaded.
 *
 * @param {Jupyter.Panel | null} panel
 * @returns {panel is Jupyter.Panel}
 */
export const canAsk = (panel) =>
  Boolean(panel?.content.activeCell?.outputArea && panel.sessionContext.session?.kernel) &&
  panel?.context.model.defaultKernelLanguage === "python";

/**
 * Run a magic for the cell in front as if it were the first line of its text, which stays as it is.
 *
 * @param {Jupyter.Panel} panel
 * @param {"complete" | "infill"} magic
 * @param {boolean} isLoaded - Whether the kernel has the extension.
 * @returns {Promise<void>}
 */
export async function askFor(panel, magic, isLoaded) {
  const cell = panel.content.activeCell;
  const before = beforeCursor(cell ?? undefined);
  if (!cell || before === null || (!isLoaded && !(await load(panel)))) return;
  const source = cell.model.sharedModel.getSource();
  const above = MAGIC.test(source) ? "" : `%%${magic}\n`;
  const told = { before: above + before, ...(above && { asked: source }) };
  await execute(panel, cell, above + source, { cellId: cell.model.id, cg2magic: told })?.done;
}

/**
 * Load the extension; whether the kernel has it. Where it hasn't, it says so below the cell.
 *
 * @param {Jupyter.Panel} panel
 * @param {string} then - What is executed with it.
 * @returns {Promise<boolean>}
 */
export async function load(panel, then = "") {
  const cell = panel.content.activeCell;
  const reply = cell && (await execute(panel, cell, LOAD + then)?.done);
  return reply?.content.status === "ok";
}

/**
 * Execute code that writes its output below a cell.
 *
 * @param {Jupyter.Panel} panel
 * @param {Jupyter.Cell} cell
 * @param {string} code
 * @param {object} [metadata]
 * @returns {Jupyter.Future | undefined}
 */
function execute(panel, cell, code, metadata) {
  const { kernel } = panel.sessionContext.session ?? {};
  if (!kernel || !cell.outputArea) return undefined;
  // As JupyterLab does for a cell that is run: what is written below it now is the person's own.
  cell.model.clearExecution?.();
  cell.model.trusted = true;
  // There is a person to ask; but it is not the cell's text, which the kernel's history would take it for.
  const content = { code, store_history: false, allow_stdin: true };
  const future = kernel.requestExecute(content, false, metadata);
  cell.outputArea.future = future;
  return future;
}

/**
 * The button that uses the suggestion of the panel below the cell in front, or of the nearest one above it:
 * Shift-Enter has gone on to the next cell.
 *
 * @param {Jupyter.Panel | null} panel
 * @returns {HTMLButtonElement | undefined}
 */
export function acceptButton(panel) {
  const cells = panel?.content.widgets.slice(0, panel.content.activeCellIndex + 1) ?? [];
  const shown = cells.findLast(({ node }) => node.querySelector(".cg2-live"))?.node;
  /** @type {NodeListOf<HTMLButtonElement> | undefined} */
  const buttons = shown?.querySelectorAll(".cg2-live .cg2-primary:enabled");
  return [...(buttons ?? [])].find((button) => !button.closest("[hidden]"));
}
