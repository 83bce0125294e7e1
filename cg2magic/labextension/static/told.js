// The notebook, and what the kernel was told of it.

/** Characters of a notebook that are sent, the nearest cells first; a model's context holds far less. */
const FAR = 100_000;

/** The notebook as the kernel reads it, without the text of the cell at `active`, which asks. */
export function documentOf({ cells, metadata }, active) {
  const sources = new Map();
  for (let [reach, left] = [1, FAR]; left > 0 && reach < cells.length; reach++) {
    for (const index of [active - reach, active + reach]) {
      const source = cells[index]?.getSource().slice(0, left);
      if (source === undefined) continue;
      sources.set(index, source);
      left -= source.length;
    }
  }
  const tell = ({ id, cell_type }, index) => ({ id, cell_type, source: sources.get(index) ?? "" });
  return { cells: cells.map(tell), active, metadata: { cg2magic: metadata.cg2magic ?? {} } };
}

/** There is no randomUUID without https. */
export const newName = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

/**
 * What a kernel was told: all of it once, and then only what has changed. Each change builds on the version
 * before; where the kernel doesn't have that one, it says so, and is told all of it again.
 */
export class Told {
  #page = newName();
  #version = 0;
  #whole = 0; // the last version that was told as a whole
  #document = null;

  /** The message by which the kernel gets to know this document; see `Documents` there. */
  tell(document) {
    const before = this.#document;
    this.#document = document;
    const change = before ? changeOf(before, document) : document;
    const since = before ? this.#version : null;
    if (Object.keys(change).length) this.#version++;
    if (!before) this.#whole = this.#version;
    return { page: this.#page, version: this.#version, since, ...change };
  }

  /** The kernel could make nothing of a version; what it says of those before the last whole one is over. */
  missed({ page, version }) {
    if (page === this.#page && version >= this.#whole) this.#document = null;
  }
}

const same = (one, other) =>
  one?.id === other.id && one.cell_type === other.cell_type && one.source === other.source;

/** What is other now. */
function changeOf(before, now) {
  const change = {};
  const cells = cellsSince(before.cells, now.cells);
  const isAll = cells.length === 1 && cells[0][1] === before.cells.length;
  if (!isAll && before.cells.length + cells.length) change.cells = cells;
  if (before.active !== now.active) change.active = now.active;
  if (JSON.stringify(before.metadata) !== JSON.stringify(now.metadata)) change.metadata = now.metadata;
  return change;
}

/** The cells: `[first, count]` for those that were there, wherever they stand now, and the others in full. */
function cellsSince(before, now) {
  const places = new Map(before.map(({ id }, place) => [id, place]));
  const told = [];
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
    else told.push((run = [place, 1]));
    next = place + 1;
  }
  return told;
}
