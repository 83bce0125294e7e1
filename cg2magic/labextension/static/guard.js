// Nothing that goes wrong here may break what the page does for others.

/** @type {Set<string>} */
const said = new Set();

/**
 * A function that gives `otherwise` where `work` throws or rejects, and says so once. JupyterLab draws its palette
 * and its menus in one go: a command that throws there takes all the others with it.
 *
 * @template {unknown[]} Given
 * @template Result
 * @template [Otherwise=undefined]
 * @param {(...given: Given) => Result} work
 * @param {Otherwise} [otherwise]
 * @returns {(...given: Given) => Result | Otherwise}
 */
export const guarded = (work, otherwise) => {
  /** @type {(error: unknown) => Otherwise} */
  const failed = (error) => {
    const line = String(error);
    if (!said.has(line)) console.warn("cg2magic:", error);
    said.add(line);
    return /** @type {Otherwise} */ (otherwise); // where it is not given, that is undefined
  };
  return (...given) => {
    try {
      const result = work(...given);
      // A promise stays one, of what it promised or of what is given otherwise.
      return result instanceof Promise ? /** @type {Result} */ (result.catch(failed)) : result;
    } catch (error) {
      return failed(error);
    }
  };
};
