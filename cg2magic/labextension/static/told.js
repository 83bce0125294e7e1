// What the kernel was told of the notebook.

/**
 * There is no randomUUID without https.
 *
 * @returns {string}
 */
export const newName = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

/**
 * What a kernel was told: all of it once, and then only what has changed. Each change builds on the version
 * before; where the kernel doesn't have that one, it says so, and is told all of it again.
 */
export class Told {
  #page = newName();
  #version = 0;
  #whole = 0; // the last version that was told as a whole
  /** @type {Inline.Document | null} */
  #document = null;

  /**
   * The message by which the kernel gets to know this document; see `Documents` there.
   *
   * @param {Inline.Document} document
   * @returns {Inline.Version & { since: number | null } & Inline.Change}
   */
  tell(document) {
    const before = this.#document;
    this.#document = document;
    const change = before ? changeOf(before, document) : document;
    const since = before ? this.#version : null;
    if (Object.keys(change).length) this.#version++;
    if (!before) this.#whole = this.#version;
    return { page: this.#page, version: this.#version, since, ...change };
  }

  /**
   * The kernel could make nothing of a version; what it says of those before the last whole one is over.
   *
   * @param {Inline.Version} version
   * @returns {void}
   */
  missed({ page, version }) {
    if (page === this.#page && version >= this.#whole) this.#document = null;
  }
}

/** @type {(one: Inline.Cell | undefined, other: Inline.Cell) => boolean} */
const same = (one, other) =>
  one?.id === other.id && one.cell_type === other.cell_type && one.source === other.source;

/**
 * What is other now.
 *
 * @param {Inline.Document} before
 * @param {Inline.Document} now
 * @returns {Inline.Change}
 */
function changeOf(before, now) {
  /** @type {Inline.Change} */
  const change = {};
  const cells = cellsSince(before.cells, now.cells);
  const [first] = cells;
  const isAll = cells.length === 1 && Array.isArray(first) && first[1] === before.cells.length;
  if (!isAll && before.cells.length + cells.length) change.cells = cells;
  if (before.active !== now.active) change.active = now.active;
  if (JSON.stringify(before.metadata) !== JSON.stringify(now.metadata)) change.metadata = now.metadata;
  return change;
}

/**
 * The cells: `[first, count]` for those that were there, wherever they stand now, and the others in full.
 *
 * @param {Inline.Cell[]} before
 * @param {Inline.Cell[]} now
 * @returns {(Inline.Cell | Inline.Run)[]}
 */
function cellsSince(before, now) {
  const places = new Map(before.map(({ id }, place) => [id, place]));
  /** @type {(Inline.Cell | Inline.Run)[]} */
  const told = [];
  /** @type {Inline.Run | null} */
  let run = null;
  let next = 0; // where the cell is, if all stands as before
  for (const cell of now) {
    // Ids may be there twice in old notebooks, so it is the cell itself that is compared.
    const place = same(before[next], cell) ? next : (places.get(cell.id) ?? next);
    if (!same(before[place], cell)) {
      told.push(cell);
      run = null;
      if (before[place]?.id === cell.id) next = place + 1;
      continue;
    }
    if (run && place === run[0] + run[1]) run[1]++;
    else {
      run = [place, 1];
      told.push(run);
    }
    next = place + 1;
  }
  return told;
}
