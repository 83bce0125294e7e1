// Elements and buttons. Everything is text; no markup is ever read.

/**
 * An element with a class, properties and what stands in it.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {Partial<HTMLElementTagNameMap[Tag]>} [properties]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, className, properties, ...children) {
  const node = Object.assign(document.createElement(tag), { className }, properties);
  node.append(...children);
  return node;
}

/**
 * Keys pressed in it are its own, not the notebook's shortcuts (where "d d" deletes the cell).
 *
 * @template {HTMLElement} Element
 * @param {Element} node
 * @returns {Element}
 */
export function ownKeys(node) {
  node.dataset.lmSuppressShortcuts = "true"; // Lumino looks from the focused element upwards
  return node;
}

/**
 * A button by its name.
 *
 * @param {string} name
 * @param {() => unknown} act
 * @param {string} [className]
 * @returns {HTMLButtonElement}
 */
export function button(name, act, className = "") {
  return ownKeys(
    make("button", `cg2-button ${className}`, { type: "button", textContent: name, onclick: () => act() }),
  );
}
