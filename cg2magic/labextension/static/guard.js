// Nothing that goes wrong here may break what the page does for others.

const said = new Set();

/**
 * A function that gives `otherwise` where `work` throws or rejects, and says so once. JupyterLab draws its palette
 * and its menus in one go: a command that throws there takes all the others with it.
 */
export const guarded = (work, otherwise) => {
  const failed = (error) => {
    const line = String(error);
    if (!said.has(line)) console.warn("cg2magic:", error);
    said.add(line);
    return otherwise;
  };
  return function (...args) {
    try {
      const result = work.apply(this, args);
      return typeof result?.catch === "function" ? result.catch(failed) : result;
    } catch (error) {
      return failed(error);
    }
  };
};
