// The heat map of a candidate in the live panel: its tokens, what else was likely in the place of each, and
// the choice of another. panel.js holds it; the kernel says what is drawn (heat.py, `heat`).

/**
 * Parameters: goOn(place, id) is asked when a person chooses another token.
 * Gives the parts that panel.js places, and draw(), which brings them up to date.
 */
function heatMap({ goOn }) {
  let data = null; // what is drawn
  let at = -1; // the cell whose alternatives are listed
  let pinned = false; // it was chosen by a click or with the keyboard; pointing at others changes nothing

  const check = make("input", "", { type: "checkbox" });
  const toggle = ownKeys(make("label", "cg2-toggle", {}, check, " heat map"));
  const box = ownKeys(make("div", "cg2-code cg2-heat"));
  box.role = "group";
  box.ariaLabel = "Tokens, by how likely they were";
  const said = make("span", "cg2-own");
  const others = make("span", "cg2-others", { role: "group", ariaLabel: "What else was likely" });
  const legend = make("span", "cg2-levels", { ariaHidden: "true" });
  const list = ownKeys(make("div", "cg2-alternatives", {}, said, others, legend));

  const cellOf = (node) => node.closest?.("[data-cell]");
  const node = (cell) => box.querySelector(`[data-cell="${cell}"]`);
  const styled = (element, look) => Object.assign(element.style, { cssText: look }) && element;

  function drawBox() {
    const lines = data.lines.length > 1 && !data.lines.at(-1).length ? data.lines.slice(0, -1) : data.lines;
    box.replaceChildren();
    const seen = new Set();
    for (const line of lines) {
      const row = make("span", "cg2-line");
      for (const [text, cell] of line) {
        if (cell < 0) {
          row.append(make("span", "cg2-given", { textContent: visible(text) }));
          continue;
        }
        const { level, told } = data.cells[cell];
        const token = make("span", "cg2-token", { title: told, textContent: text === "\n" ? "⏎" : visible(text) });
        if (text === "\n") token.classList.add("cg2-end");
        styled(token, data.looks[level]).dataset.cell = cell;
        if (!seen.has(cell)) Object.assign(ownKeys(token), { role: "button", tabIndex: -1, ariaLabel: told });
        seen.add(cell);
        row.append(token);
      }
      row.append("\n");
      box.append(row);
    }
    const first = node(Math.max(0, at));
    if (first) first.tabIndex = 0;
    const levels = data.names.map((name, i) => styled(make("span", "", { textContent: name }), data.looks[i]));
    legend.replaceChildren("probability ", ...levels);
  }

  function drawList() {
    const cell = data?.cells[at];
    for (const token of box.querySelectorAll("[data-cell]")) {
      token.classList.toggle("cg2-at", Number(token.dataset.cell) === at);
    }
    others.replaceChildren();
    if (!cell) {
      said.textContent = data?.live
        ? "Click a token to see what else was likely. Choose one, and it goes on from there."
        : "Click a token to see what else was likely.";
      return;
    }
    said.replaceChildren(make("b", "", { textContent: cell.shown }), ` ${cell.percent}`);
    for (const { id, shown, percent, share, here } of cell.others) {
      const choose = button("", () => {
        for (const each of others.children) each.disabled = true;
        goOn(cell.place, id);
      }, "cg2-other-token");
      choose.append(make("code", "", { textContent: shown }), ` ${percent}`);
      choose.style.setProperty("--cg2-share", share);
      choose.ariaLabel = here ? `${shown}, ${percent}, as it is` : `Go on with ${shown}, ${percent}`;
      choose.disabled = here || !data.live;
      others.append(choose);
    }
  }

  function point(cell, pin) {
    if (pinned && !pin) return;
    at = cell;
    pinned = pin;
    drawList();
  }

  function focus(cell) {
    const token = node(cell);
    if (!token) return;
    for (const each of box.querySelectorAll('[tabindex="0"]')) each.tabIndex = -1;
    token.tabIndex = 0;
    point(cell, true);
    token.focus();
  }

  /** The first token of the line above or below. */
  function beside(cell, step) {
    const rows = [...box.children];
    let row = rows.indexOf(node(cell).closest(".cg2-line")) + step;
    for (; rows[row]; row += step) {
      const token = rows[row].querySelector("[role=button]");
      if (token) return Number(token.dataset.cell);
    }
    return cell;
  }

  box.onpointerover = (event) => cellOf(event.target) && point(Number(cellOf(event.target).dataset.cell), false);
  box.onclick = (event) => cellOf(event.target) && focus(Number(cellOf(event.target).dataset.cell));
  box.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (cell && Number(cell.dataset.cell) !== at) point(Number(cell.dataset.cell), true);
  });
  box.onkeydown = (event) => {
    const cell = cellOf(event.target);
    if (!cell) return;
    const here = Number(cell.dataset.cell);
    const last = data.cells.length - 1;
    const to = {
      ArrowRight: () => Math.min(last, here + 1),
      ArrowLeft: () => Math.max(0, here - 1),
      ArrowDown: () => beside(here, 1),
      ArrowUp: () => beside(here, -1),
      Home: () => 0,
      End: () => last,
    }[event.key];
    if (to) focus(to());
    else if (event.key === "Enter" || event.key === " ") {
      point(here, true);
      others.querySelector("button:enabled")?.focus();
    } else return;
    event.preventDefault();
  };
  list.onkeydown = (event) => {
    const [to] = { ArrowRight: ["next"], ArrowLeft: ["previous"], Escape: [""] }[event.key] ?? [];
    if (to === undefined) return;
    event.preventDefault();
    if (!to) return focus(at);
    let next = document.activeElement[`${to}ElementSibling`];
    while (next?.disabled) next = next[`${to}ElementSibling`];
    next?.focus();
  };

  return {
    toggle,
    check,
    box,
    list,
    /** Draw this candidate's map; null while it is being written. */
    draw(now) {
      const shown = check.checked && now !== null;
      box.hidden = !shown;
      list.hidden = !check.checked;
      if (now !== data) {
        data = now;
        at = -1;
        pinned = false;
        if (data) drawBox();
        drawList();
      }
      list.toggleAttribute("data-empty", !shown);
      return shown;
    },
    /** Put the cursor on the token in this place. */
    resume(place) {
      const cell = data?.cells.findIndex((each) => each.place === place) ?? -1;
      if (cell >= 0) focus(cell);
      return cell >= 0;
    },
  };
}
