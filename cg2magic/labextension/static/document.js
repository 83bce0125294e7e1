// The notebook as a kernel is told it. Both who tell it have this file: the labextension, and the panel, into
// whose module it is joined.

/** Characters of a notebook that are told, the nearest cells first; a model's context holds far less. */
const MOST = 100_000;

/** And of one cell: one that is full of data leaves room for others. */
const MOST_OF_CELL = 20_000;

/**
 * The notebook, with as much of its text as a model can use.
 *
 * Of a cell that is too long the end is kept that is nearer to the one that asks: of one above it the last lines,
 * which the model's text goes on from, and of one below it the first, which that text has to lead to. The cell
 * that asks has no text here: the question itself has it, and knows where in it the cursor is, on both sides of
 * which the nearest is kept there.
 *
 * @param {Pick<Jupyter.SharedNotebook, "cells" | "getMetadata">} notebook
 * @param {number | null} active - Index of the cell that asks; null where it is gone: all are above it then.
 * @returns {Inline.Document}
 */
export function documentOf(notebook, active) {
  const { cells } = notebook;
  const asks = active ?? cells.length;
  /** @type {Map<number, string>} */
  const sources = new Map();
  for (let [reach, left] = [1, MOST]; left > 0 && reach <= cells.length; reach++) {
    for (const index of [asks - reach, asks + reach]) {
      const source = cells[index]?.getSource();
      const room = Math.min(left, MOST_OF_CELL);
      if (source === undefined || !room) continue;
      sources.set(index, index < asks ? lastLines(source, room) : firstLines(source, room));
      left -= Math.min(source.length, room);
    }
  }
  /** @type {(cell: Jupyter.SharedCell, index: number) => Inline.Cell} */
  const tell = ({ id, cell_type }, index) => ({ id, cell_type, source: sources.get(index) ?? "" });
  return { cells: cells.map(tell), active, metadata: { cg2magic: notebook.getMetadata("cg2magic") ?? {} } };
}

// Whole lines: half a line says something else than what is written there, and half a character nothing. A text
// that is one line, and too long, is data.

/**
 * The lines at the end of a text that fit into so many characters.
 *
 * @param {string} text
 * @param {number} room
 * @returns {string}
 */
function lastLines(text, room) {
  if (text.length <= room) return text;
  const start = text.indexOf("\n", text.length - room - 1) + 1;
  return start ? text.slice(start) : "";
}

/**
 * The lines at the beginning of a text that fit into so many characters.
 *
 * @param {string} text
 * @param {number} room
 * @returns {string}
 */
function firstLines(text, room) {
  return text.length <= room ? text : text.slice(0, text.lastIndexOf("\n", room - 1) + 1);
}
