// Text as it is looked at, and as it is compared.

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that must not work in the page
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text as it is looked at: what would reorder it is made visible, as visible.py does.
 *
 * @param {string} text
 * @returns {string}
 */
export const visible = (text) => text.replace(/\r$/, "").replace(HIDDEN, "\ufffd");

/**
 * A text as it is compared: line ends, and white space at the end, are no work of a person's.
 *
 * @param {string} text
 * @returns {string}
 */
export const asCompared = (text) => text.replace(/\r\n?/g, "\n").trimEnd();

/**
 * The code of a candidate, to copy and to insert.
 *
 * @param {Panel.Candidate} candidate
 * @returns {string}
 */
export const codeOf = (candidate) =>
  candidate.lines.map((line) => line.of.map((segment) => segment[1] ?? "").join("")).join("\n");
